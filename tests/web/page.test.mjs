// The page at / in Chromium, with two people at once. A test of test_page.py starts the server and
// gives its address; whatever the page logs as an error, a refused script or style included, fails.
//
// Usage: URL=http://localhost:3001 node --test page.test.mjs; SESSION_URL is one where a session is
// required, with the user ada and the password "open sesame".

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test, { after, afterEach, before } from "node:test";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const { URL: url, SESSION_URL: sessionUrl, CHROMIUM: executablePath } = process.env;
const APP = "src/components/App.jsx";

let browser;
let shared;
let opened = [];
let problems = [];

before(async () => {
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  shared = await browser.newContext({ viewport: { width: 1280, height: 800 } });
});
after(() => browser.close());
afterEach(async () => {
  await Promise.all(opened.map((page) => page.close()));
  opened = [];
  const found = problems;
  problems = [];
  assert.deepEqual(found, []);
});

/** A page of somebody: each tab is a person of its own. With `options` in a browser of their own. */
async function visit(address, options) {
  const context = options ? await browser.newContext(options) : shared;
  const page = await context.newPage();
  opened.push(page);
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(address);
  return page;
}

/** Somebody who has come in, at `place`: a project and a file of it. */
async function comeIn(name, place = "", options = undefined) {
  const page = await visit(`${url}/#${place}`, options);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return page;
}

/** Somebody who has made a project; returns the page, and where the project is. */
async function withProject(name, project, path) {
  const page = await comeIn(name);
  await page.getByRole("button", { name: "New project" }).click();
  await page.getByLabel("Name", { exact: true }).fill(project);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByLabel("Path of the new file").fill(path);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Done" }).waitFor();
  return page;
}

async function share(page, userId, role) {
  await page.getByTitle("Settings and members").click();
  await page.getByLabel("User id").fill(userId);
  await page.getByLabel("Role").selectOption(role);
  await button(page, "Share").click();
  await page.getByRole("dialog").getByText(`${userId} ${role}`).waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
}

const text = (page) => page.locator(".cm-content");
const saved = (page) => page.getByText("Saved", { exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });

/** The lines in the editor. */
async function lines(page) {
  const found = await text(page).locator(".cm-line").allTextContents();
  // The names at the others' cursors are no text.
  const names = await text(page).locator(".caret").allTextContents();
  return found.map((line) => names.reduce((rest, name) => rest.replace(name, ""), line));
}

test("two people on one file: lock, live text, cursors, and taking turns", async () => {
  const ada = await withProject("ada", "Turns", "notes.txt");
  await share(ada, "bob", "editor");
  const place = new URL(ada.url()).hash.slice(1);
  const bob = await comeIn("bob", place);
  await bob.getByText("ada is editing. You see every change").waitFor();
  assert.equal(await button(bob, "Edit").isDisabled(), true);
  await ada.getByRole("region", { name: "People" }).getByText("bob").waitFor();

  await text(ada).pressSequentially("one\ntwo");
  await saved(ada).waitFor();
  await text(bob).getByText("two").waitFor();
  assert.deepEqual(await lines(bob), ["one", "two"]);
  assert.equal(await bob.locator(".caret").textContent(), "ada");
  await bob.getByText("editing notes.txt, line 2").waitFor();
  // What bob types into a file that is not his changes nothing.
  await text(bob).pressSequentially("x");
  assert.deepEqual(await lines(bob), ["one", "two"]);

  await button(ada, "Done").click();
  await button(bob, "Edit").click();
  await button(bob, "Done").waitFor();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type("\nthree");
  await bob.keyboard.press("Control+S");
  await text(ada).getByText("three").waitFor();
  assert.deepEqual(await lines(ada), ["one", "two", "three"]);
  assert.equal(await button(ada, "Edit").isDisabled(), true);

  await bob.close();
  await ada.getByText("bob lost the connection while editing").waitFor();
  await ada.getByText("bob left").waitFor();
});

test("gone without notice, and back with what was typed meanwhile", async () => {
  const ada = await withProject("ada", "Back", "notes.txt");
  await text(ada).pressSequentially("before");
  await saved(ada).waitFor();
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    window.lost = new Promise((done) => socket.once("disconnect", done));
    socket.io.engine.close();
  });
  assert.equal(await ada.evaluate(() => window.lost), "forced close");
  await text(ada).pressSequentially(" and after");
  await saved(ada).waitFor();
  const other = await visit(`${url}/#${new URL(ada.url()).hash.slice(1)}`);
  await other.getByLabel("Your name").fill("ada");
  await other.keyboard.press("Enter");
  await other.getByText("You are editing in another window").waitFor();
  assert.deepEqual(await lines(other), ["before and after"]);
  await other.close();
  await ada.reload();
  await text(ada).getByText("before and after").waitFor();
  // The lock of the page that is gone is still there, and hers to take over.
  await button(ada, "Edit").click();
  await button(ada, "Done").waitFor();
});

test("losing the connection while it comes back signs nobody out", { timeout: 60_000 }, async () => {
  const ada = await withProject("ada", "Flaky", "notes.txt");
  await text(ada).pressSequentially("before");
  await saved(ada).waitFor();
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    // Who one is has been sent then, and is not answered yet.
    socket.once("connect", () => {
      socket.io.engine.close();
      window.back = new Promise((done) => socket.once("connect", done));
    });
    const lost = new Promise((done) => socket.once("disconnect", done));
    const again = lost.then(() => new Promise((done) => socket.once("disconnect", done)));
    socket.io.engine.close();
    await again;
    await window.back;
  });
  await text(ada).pressSequentially(" and after");
  await saved(ada).waitFor();
  assert.deepEqual(await lines(ada), ["before and after"]);
});

test("a project that is gone when one comes back", async () => {
  const ada = await withProject("ada", "Fleeting", "notes.txt");
  await share(ada, "bob", "viewer");
  const bob = await comeIn("bob", new URL(ada.url()).hash.slice(1));
  await bob.getByRole("button", { name: "notes.txt" }).waitFor();
  const socket = (page, action) =>
    page.evaluate(async (name) => (await import("/web/session.js")).socket[name]() && null, action);
  await socket(bob, "disconnect");
  await ada.getByTitle("Settings and members").click();
  await button(ada, "Delete the project").click();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await socket(bob, "connect");
  await bob.getByText("The project “Fleeting” is gone").waitFor();
  await bob.getByRole("heading", { name: "Projects" }).waitFor();
});

test("whoever is too fast is told, and what they typed is saved a moment later", async () => {
  const ada = await withProject("hasty", "Fast", "notes.txt");
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    // More than the user's hundred events a second, in few events of the connection.
    const updates = Array(100).fill({ event: "test:ping" });
    window.flood = setInterval(() => socket.emit("batch:update", { updates }), 100);
  });
  const refused = ada.getByRole("alert").getByText("everyday events at once");
  while (!(await refused.isVisible())) {
    await text(ada).pressSequentially("x");
    await ada.waitForTimeout(600);
  }
  await ada.evaluate(() => clearInterval(window.flood));
  await saved(ada).waitFor();
  await refused.waitFor({ state: "detached" });
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    for (let count = 0; count < 250; count++) socket.emit("test:ping");
  });
  await ada.getByText("Too much at once: the server left something out.").waitFor();
});

test("what cannot be saved is kept at hand", async () => {
  const ada = await withProject("ada", "Conflict", "notes.txt");
  await text(ada).pressSequentially("agreed");
  await saved(ada).waitFor();
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    // Somebody else is faster, while the editor has not heard of it.
    socket.off("file:updated");
    const file = { path: "notes.txt", action: "updated", content: "theirs" };
    await socket.emitWithAck("file:change", { projectId: state.project.id, file });
  });
  await text(ada).pressSequentially(" mine");
  await ada.getByText("Somebody else changed this file before").waitFor();
  assert.deepEqual(await lines(ada), ["theirs"]);
  await button(ada, "Copy your text").waitFor();
});

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
  await bob.getByRole("button", { name: "Create proposed.js" }).click();
  await text(bob).getByText("const proposed = 1;").waitFor();
  await ada.getByRole("button", { name: "proposed.js", exact: true }).waitFor();

  await message.fill("fail");
  await ada.keyboard.press("Enter");
  await ada.getByRole("alert").getByText("out of order").waitFor();
});

test("versions: take, compare, restore, delete", async () => {
  const ada = await withProject("ada", "History", "notes.txt");
  await text(ada).pressSequentially("first");
  await ada.getByRole("tab", { name: "Versions" }).click();
  await ada.getByLabel("Name of the version").fill("One");
  await button(ada, "Take").click();
  await ada.getByText("One", { exact: true }).waitFor();
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
  const ada = await withProject("ada", "Shared", "notes.txt");
  const eve = await comeIn("eve");
  await share(ada, "eve", "viewer");
  await eve.getByRole("button", { name: "Notifications, 1 unread" }).click();
  await eve.getByText("ada shared a project with you: you are its viewer").first().waitFor();
  await eve.keyboard.press("Escape");
  await eve.getByRole("button", { name: "Notifications, 0 unread" }).waitFor();
  await eve.getByRole("button", { name: "Shared" }).click();
  await eve.getByRole("button", { name: "notes.txt" }).click();
  await text(eve).waitFor();
  assert.equal(await button(eve, "Edit").isDisabled(), true);
  assert.equal(await button(eve, "New file").count(), 0);
  await ada.getByTitle("Settings and members").click();
  await button(ada, "Delete the project").click();
  await eve.getByText("The project “Shared” is gone").waitFor();
  await eve.getByRole("heading", { name: "Projects" }).waitFor();
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
  await page.getByText("App.jsx").waitFor();
  await tabTo("TodoList.jsx");
  await page.keyboard.press("Enter");
  await text(page).waitFor();
  await tabTo("Edit");
  await page.keyboard.press("Enter");
  await button(page, "Done").waitFor();
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
    versions: "Versions",
  };
  await page.getByRole("button", { name: "App.jsx", exact: true }).tap();
  await text(page).waitFor();
  for (const pane of ["editor", "files", "assistant", "versions"]) {
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
