// The page at / beside its editor: the assistant, versions, notifications, the wire, sessions, and
// whatever one looks at it with.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test page.test.mjs; the server's
// assistant is tests/sdk/serving.py's, and SESSION_URL is one where a session is required, with the
// user ada and the password "open sesame". While a file AWAY is there, both are without a database, or with
// the word "writing" in it cannot write to that.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { createServer, request as requestOf } from "node:http";
import test from "node:test";
import {
  alter,
  becomes,
  button,
  comeIn,
  comeOnline,
  expectErrors,
  goOffline,
  linesAre,
  loseAnswers,
  refuse,
  makeProject,
  saved,
  share,
  shareByHand,
  signIn,
  text,
  visit,
  withProject,
} from "./browser.mjs";

const { URL: url, SESSION_URL: sessionUrl, AWAY: away } = process.env;
const APP = "src/components/App.jsx";

test("the assistant: streaming, stopping, and what it proposes", async () => {
  const ada = await comeIn("user-456", `project-123/${APP}`);
  const bob = await comeIn("user-789", `project-123/${APP}`);
  const message = ada.getByLabel("Message to the assistant");
  await message.pressSequentially("Write something long");
  await bob.getByText("user-456 is typing…").waitFor();
  await ada.keyboard.press("Enter");
  // The server's provider says one word, and goes on when the answer is stopped.
  for (const page of [ada, bob]) await page.getByText("Once upon a time").waitFor();
  assert.equal(await button(bob, "Stop").count(), 0);
  await button(ada, "Stop").click();
  for (const page of [ada, bob]) await page.getByText("stopped · slow · none").waitFor();

  await message.fill("propose");
  await ada.keyboard.press("Enter");
  const proposal = bob.getByRole("group", { name: "Proposal for proposed.js" });
  await proposal.getByRole("button", { name: "Create" }).click();
  await text(bob).getByText("const proposed = 1;").waitFor();
  await ada.getByRole("button", { name: "proposed.js", exact: true }).waitFor();

  await message.fill("fail");
  await ada.keyboard.press("Enter");
  await ada.getByRole("alert").getByText("out of order").waitFor();
});

test("versions: take, compare, restore, delete", async () => {
  const ada = await withProject("ada", "History", "notes.txt");
  await button(ada, "Edit alone").click();
  await button(ada, "Edit together").waitFor();
  await text(ada).pressSequentially("first");
  await ada.getByRole("tab", { name: "Versions" }).click();
  await ada.getByLabel("Name of the version").fill("One");
  await button(ada, "Take").click();
  await ada.getByText("One", { exact: true }).waitFor();
  // Taking a version lets nobody else in.
  assert.equal(await button(ada, "Edit together").count(), 1);
  await text(ada).press("Control+A");
  await ada.keyboard.type("second");
  await button(ada, "Compare").click();
  const window = ada.getByRole("dialog", { name: "From “One” to now" });
  await window.getByText("+second").waitFor();
  assert.equal(await window.locator(".removed").textContent(), "-first\n");
  await window.getByRole("button", { name: "Restore “One”" }).click();
  await text(ada).getByText("first").waitFor();
  await ada.getByText("Before restoring").waitFor();
  await button(ada, "Delete One").click();
  await ada.getByText("One", { exact: true }).waitFor({ state: "detached" });
});

test("a notification, a role that may only read, and a project that ends", async () => {
  const ada = await comeIn("ada");
  await makeProject(ada, "Shared", "notes.txt");
  const eve = await comeIn("eve");
  await shareByHand(ada, "eve", "viewer");
  await eve.getByRole("button", { name: "Notifications, 1 unread" }).click();
  const notice = eve.getByRole("dialog").getByRole("button", { name: "Project sharing" });
  await notice.getByText("ada shared a project with you: you are its viewer").waitFor();
  await notice.getByText("Shared · just now").waitFor();
  // It opens what it is about, and is read.
  await notice.click();
  await eve.getByRole("button", { name: "Notifications, 0 unread" }).waitFor();
  await eve.getByRole("button", { name: "notes.txt", exact: true }).click();
  await text(eve).waitFor();
  assert.equal(await button(eve, "Edit alone").count(), 0);
  await eve.getByText("Read only", { exact: true }).waitFor();
  assert.equal(await button(eve, "New file").count(), 0);
  await ada.getByTitle("Settings and members").click();
  await button(ada, "Delete the project").click();
  await eve.getByText("The project “Shared” is gone").waitFor();
  await eve.getByRole("heading", { name: "Projects" }).waitFor();
});

test("a list that was on its way is older than what was heard meanwhile", async () => {
  const fay = await comeIn("fay");
  const ada = await withProject("ada", "Meanwhile", "notes.txt");
  // The page looks again, and gets the answers later.
  await alter(fay, async () => {
    const { socket } = await import("/web/session.js");
    const { onack } = socket;
    window.kept = [];
    socket.onack = (packet) => window.kept.push(packet);
    window.release = () => {
      socket.onack = onack;
      for (const packet of window.kept) onack.call(socket, packet);
    };
    for (const heard of socket.listeners("server:resync")) heard({}, {});
  });
  await fay.waitForFunction(() => window.kept.length >= 2);
  await share(ada, "fay", "viewer");
  await button(fay, "Notifications, 1 unread").waitFor();
  await fay.getByRole("button", { name: "Meanwhile" }).waitFor();
  await fay.evaluate(async () => {
    window.release();
    const { ask } = await import("/web/session.js");
    await ask("test:ping");
  });
  assert.equal(await button(fay, "Notifications, 1 unread").count(), 1);
  assert.equal(await fay.getByRole("button", { name: "Meanwhile" }).count(), 1);
});

test("the wire shows packets taken apart, in both directions", async () => {
  const ada = await comeIn("ada");
  await button(ada, "Wire").click();
  const wire = ada.getByRole("region", { name: "Wire" });
  await wire.getByText("upgraded to websocket").waitFor();
  await ada.getByRole("button", { name: "Todo list" }).click();
  const sent = wire.locator("tr.out", { hasText: "project:join" });
  await sent.waitFor();
  const [, , engine, socket, namespace, id, payload, size] = await sent
    .locator("td")
    .allTextContents();
  assert.deepEqual([engine, socket, namespace], ["message", "EVENT", "/"]);
  assert.equal(payload, 'project:join [{"projectId":"project-123"}]');
  const raw = `42${id}["project:join",{"projectId":"project-123"}]`;
  assert.equal(size, String(raw.length));
  const answer = wire.locator(`tr.in:has(td:nth-child(6):text-is("${id}"))`);
  assert.match(await answer.textContent(), /messageACK.*"ok":true,"projectId":"project-123"/s);
  await sent.getByRole("button").click();
  const detail = wire.getByLabel("The chosen packet");
  assert.equal((await detail.locator(".raw").textContent()).trim(), raw);
  await wire.getByLabel("Filter the packets").fill("no such packet");
  await sent.waitFor({ state: "detached" });
});

test("a session is required, and ends", async () => {
  const ada = await visit(sessionUrl);
  assert.equal(await ada.getByLabel("Your name").count(), 0);
  await ada.getByLabel("User").fill("ada");
  await ada.getByLabel("Password").fill("wrong");
  await button(ada, "Come in").click();
  await ada.getByRole("alert").getByText("the name or the password is wrong").waitFor();
  await ada.getByLabel("User").fill("ada");
  await ada.getByLabel("Password").fill("open sesame");
  await button(ada, "Come in").click();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await ada.reload();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await ada.getByRole("button", { name: "Sign out Ada" }).click();
  await ada.getByLabel("Password").waitFor();
  assert.equal(await ada.evaluate(() => sessionStorage.length), 0);
  assert.equal(await ada.getByRole("alert").count(), 0);
});

test("another session's end signs nobody out, also where it cannot be asked about", async () => {
  const windows = await Promise.all([visit(sessionUrl), visit(sessionUrl)]);
  for (const page of windows) {
    await page.getByLabel("User").fill("ada");
    await page.getByLabel("Password").fill("open sesame");
    await button(page, "Come in").click();
    await button(page, "New project").waitFor();
  }
  const [ada, other] = windows;
  await loseAnswers(ada, ["auth:check"]);
  await button(other, "Sign out Ada").click();
  await ada.locator(".toast.problem").getByText("The server does not answer yet.").waitFor();
  await button(ada, "New project").waitFor();
});

/** Take both servers' databases away, until the function that this returns is called. */
async function takeDatabases(t, what = "all") {
  await writeFile(away, what);
  const giveBack = () => rm(away, { force: true });
  t.after(giveBack);
  return giveBack;
}

test("whoever comes back while the database is away is there when it is again", async (t) => {
  const said = "The server cannot get at its data now. What waits goes on by itself when it can.";
  const ada = await visit(sessionUrl);
  await ada.getByLabel("User").fill("ada");
  await ada.getByLabel("Password").fill("open sesame");
  await button(ada, "Come in").click();
  await button(ada, "New project").waitFor();
  const bob = await withProject("bob", "Away", "notes.txt");
  const carol = await comeIn("carol");
  await share(bob, "carol", "editor");

  const giveBack = await takeDatabases(t);
  // Bob is known before the project is asked for; Ada's session cannot be looked up.
  await bob.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    socket.io.engine.close();
  });
  await bob.locator(".toast.problem").getByText(said).waitFor();
  await text(bob).pressSequentially("typed meanwhile");
  await ada.reload();
  await ada.getByRole("alert").getByText(said).waitFor();
  const dave = await visit(`${url}/${new URL(bob.url()).hash}`);
  await dave.getByLabel("Your name").fill("carol");
  await button(dave, "Come in").click();
  await dave.locator(".toast.problem").getByText(said).waitFor();
  await giveBack();

  await saved(bob).waitFor();
  await text(dave).getByText("typed meanwhile").waitFor();
  await button(ada, "New project").waitFor();
  await carol.getByRole("button", { name: "Away" }).click();
  await text(carol).getByText("typed meanwhile").waitFor();
  await text(carol).press("End");
  await carol.keyboard.type(", and after");
  await text(bob).getByText("typed meanwhile, and after").waitFor();
  await linesAre(bob, ["typed meanwhile, and after"]);
});

test("whoever comes back to a server that is slow to answer goes on when it answers", async () => {
  const bob = await withProject("bob", "Slow", "notes.txt");
  await button(bob, "Edit alone").click();
  await button(bob, "Edit together").waitFor();
  const tokenOf = () =>
    bob.evaluate(async () => (await import("/web/state.js")).state.open.lock?.token);
  const token = await tokenOf();
  await loseAnswers(bob, ["user:join", "project:list", "project:join", "file:lock"]);
  await bob.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    socket.io.engine.close();
  });
  const slow = "The server does not answer yet. What waits goes on by itself when it does.";
  await Promise.all([
    text(bob).pressSequentially("typed meanwhile"),
    bob.locator(".toast.problem").getByText(slow).waitFor(),
  ]);
  await saved(bob).waitFor();
  await linesAre(bob, ["typed meanwhile"]);
  await becomes(async () => (await tokenOf()) > token, true);

  await loseAnswers(bob, ["file:unlock"]);
  await button(bob, "Edit together").click();
  const locks = async () => {
    const [{ ask }, { state }] = await Promise.all([
      import("/web/session.js"),
      import("/web/state.js"),
    ]);
    return (await ask("file:locks", { projectId: state.project.id })).locks;
  };
  await becomes(() => bob.evaluate(locks), []);
});

test("whoever comes back and is refused for now goes on, and for good is signed out", async () => {
  const bob = await withProject("bob", "Crowded", "notes.txt");
  const come = async (error) => {
    await refuse(bob, "user:join", error);
    await bob.evaluate(async () => {
      const { socket } = await import("/web/session.js");
      socket.io.engine.close();
    });
  };
  await come({ code: "RATE_LIMIT_EXCEEDED", message: "'bob' has 20 connections" });
  await text(bob).pressSequentially("typed meanwhile");
  await saved(bob).waitFor();
  await come({ code: "UNAUTHORIZED", message: "who are you?" });
  await bob.getByRole("alert").getByText("Who are you?").waitFor();
});

test("whoever signs out while coming back comes back no more", async () => {
  const page = await withProject("bob", "Gone", "notes.txt");
  await refuse(page, "user:join", { code: "RATE_LIMIT_EXCEEDED", message: "too many" });
  // What is to be done in a second or two is kept, until it is not to be done any more.
  await alter(page, async () => {
    const { setTimeout, clearTimeout } = window;
    window.returns = new Map();
    window.setTimeout = (work, milliseconds, ...rest) => {
      const timer = setTimeout(work, milliseconds, ...rest);
      if (milliseconds >= 1_000 && milliseconds <= 1_500) window.returns.set(timer, work);
      return timer;
    };
    window.clearTimeout = (timer) => {
      window.returns.delete(timer);
      clearTimeout(timer);
    };
    const { socket } = await import("/web/session.js");
    socket.io.reconnectionDelay(0);
    socket.io.engine.close();
  });
  await page.waitForFunction(() => window.returns.size > 0);
  await button(page, "Sign out bob").click();
  await signIn(page, "carol");
  const connection = await page.evaluate(async () => {
    for (const work of window.returns.values()) work();
    const { ask } = await import("/web/session.js");
    await ask("test:ping");
    return (await import("/web/state.js")).state.connection;
  });
  assert.equal(connection, "online");
});

test("what cannot be saved keeps nobody in a project", async (t) => {
  const ada = await withProject("ada", "Stuck", "notes.txt");
  await button(ada, "Edit alone").click();
  await button(ada, "Edit together").waitFor();
  const giveBack = await takeDatabases(t);
  await text(ada).pressSequentially("kept");
  await ada.getByText("Not saved", { exact: true }).waitFor();
  // The two seconds for the last words are over at once.
  await alter(ada, () => {
    const { setTimeout } = window;
    window.setTimeout = (work, wait, ...rest) => setTimeout(work, wait === 2_000 ? 0 : wait, ...rest);
  });
  await button(ada, "All projects").click();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await giveBack();
  await ada.getByRole("button", { name: "Stuck" }).click();
  await linesAre(ada, ["kept"]);
});

test("who has changed nothing reads of no change where nothing can be written", async (t) => {
  const ada = await withProject("ada", "Written", "notes.txt");
  await takeDatabases(t, "writing");
  await goOffline(ada);
  await comeOnline(ada);
  await saved(ada).waitFor();
  await button(ada, "Close the file").click();
  await button(ada, "notes.txt").click();
  await saved(ada).waitFor();
  assert.equal(await ada.locator(".toast.problem").count(), 0);
});

test("an origin that the server refuses is said, with the setting that allows it", async () => {
  // A proxy that puts its own Host in the place of the browser's.
  const { host, hostname, port } = new URL(url);
  const proxy = createServer((request, response) => {
    const { method, url: path, headers } = request;
    const options = { hostname, port, method, path, headers: { ...headers, host } };
    const onward = requestOf(options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((done) => proxy.listen(0, "localhost", done));
  const origin = `http://localhost:${proxy.address().port}`;
  try {
    expectErrors(/40[03]|WebSocket/);
    const page = await visit(origin);
    await page.getByLabel("Your name").fill("ada");
    await page.getByRole("button", { name: "Come in" }).click();
    const said = page.getByRole("alert");
    await said.waitFor();
    assert.match(await said.textContent(), new RegExp(`SOCKET_CORS_ORIGIN=${origin},`));
    await page.close();
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("with the keyboard alone", async () => {
  const page = await visit(url);
  const tabTo = async (name) => {
    for (let presses = 0; presses < 40; presses++) {
      const at = await page.evaluate(() => {
        const { activeElement: element } = document;
        if (element === document.body) return "";
        return element.getAttribute("aria-label") ?? element.textContent.trim();
      });
      if (at.startsWith(name)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`no way to ${name} with the Tab key`);
  };
  await page.getByLabel("Your name").waitFor();
  await page.keyboard.type("keys");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await tabTo("webTodo list");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "App.jsx", exact: true }).waitFor();
  // The tree is one stop; arrows go from line to line in it.
  await tabTo("src");
  for (const name of ["components", "App.jsx", "TodoList.jsx"]) {
    await page.keyboard.press("ArrowDown");
    await page.locator(`[title$='${name}']:focus`).waitFor();
  }
  await page.keyboard.press("Enter");
  await text(page).waitFor();
  await page.keyboard.type("// by hand\n");
  await text(page).getByText("// by hand").waitFor();
  // Tab indents; Escape before it leaves the editor.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await tabTo("Message to the assistant");
});

test("a phone shows one pane at a time, and nothing sticks out", async () => {
  const size = { width: 360, height: 700 };
  const page = await comeIn("ada", "project-123", { viewport: size, hasTouch: true });
  const panes = {
    files: "Files",
    editor: "File src",
    assistant: "Assistant",
    people: "Talk",
    versions: "Versions",
  };
  await page.getByRole("button", { name: "App.jsx", exact: true }).tap();
  await text(page).waitFor();
  for (const pane of ["editor", "files", "assistant", "people", "versions"]) {
    await page.getByLabel("Panes").getByRole("button", { name: pane }).tap();
    for (const [other, name] of Object.entries(panes)) {
      const region = page.getByRole("region", { name }).first();
      assert.equal(await region.isVisible(), other === pane, `${other} while on ${pane}`);
    }
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), size.width);
  }
});

test("light and dark follow the system, until one chooses", async () => {
  const page = await visit(url, { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [dark, light] = ["rgb(15, 17, 23)", "rgb(246, 247, 249)"];
  await page.getByLabel("Your name").waitFor();
  assert.equal(await ground(), dark);
  await button(page, "Light or dark").click();
  assert.equal(await ground(), light);
  await page.reload();
  await page.getByLabel("Your name").waitFor();
  assert.equal(await ground(), light);
});

test("what passes by can be read, and covers no control", async () => {
  const page = await comeIn("ada", "project-123");
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 700 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.getByRole("button", { name: "App.jsx", exact: true }).waitFor();
      const found = await page.evaluate(async () => {
        const { toast, update } = await import("/web/state.js");
        update({ toasts: [] });
        for (const kind of ["news", "problem"]) toast("It could not be done: try again", kind);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
        const channel = (value) => {
          const part = value / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        };
        const luminance = (colour) => {
          const [red, green, blue] = colour.match(/[\d.]+/g).map((one) => channel(Number(one)));
          return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        };
        const controls = [...document.querySelectorAll("button, input, textarea, a, select")];
        return [...document.querySelectorAll(".toast")].map((one) => {
          const { color, backgroundColor } = getComputedStyle(one);
          const [dark, light] = [color, backgroundColor].map(luminance).sort((a, b) => a - b);
          const box = one.getBoundingClientRect();
          const covered = controls.filter((control) => {
            const other = control.getBoundingClientRect();
            const isBeside = other.right <= box.left || other.left >= box.right;
            const isAbove = other.bottom <= box.top || other.top >= box.bottom;
            return other.width > 0 && !isBeside && !isAbove;
          });
          const isShown = box.top >= 0 && box.bottom <= innerHeight;
          return { ratio: (light + 0.05) / (dark + 0.05), covered: covered.length, isShown };
        });
      });
      assert.equal(found.length, 2);
      for (const { ratio, covered, isShown } of found) {
        assert.ok(ratio >= 4.5, `contrast ${ratio}, ${colorScheme}`);
        assert.equal(covered, 0, `${width} wide`);
        assert.ok(isShown);
      }
    }
  }
});
