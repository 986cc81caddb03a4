// A file of a project on the page: two people type at once, and connections are lost.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test editing.test.mjs

import assert from "node:assert/strict";
import test from "node:test";
import {
  alter,
  becomes,
  button,
  comeIn,
  comeOnline,
  goOffline,
  goTo,
  linesAre,
  makeProject,
  refuse,
  saved,
  share,
  signIn,
  text,
  withProject,
} from "./browser.mjs";

/** Ada with a new project and its file, which Bob has open too, and both have the text. */
async function together(project, role = "editor", typed = "one") {
  const ada = await withProject("ada", project, "notes.txt");
  await text(ada).pressSequentially(typed);
  await saved(ada).waitFor();
  const bob = await comeIn("bob");
  await share(ada, "bob", role);
  await goTo(bob, ada.url());
  await text(bob).getByText(typed.split("\n").at(-1)).waitFor();
  await text(ada).click();
  await ada.keyboard.press("Control+End");
  return [ada, bob];
}

/** Hold the answers to the next events of these names back; `giveAnswers` gives them, or an error. */
function holdAnswers(page, events) {
  const hold = async (names) => {
    const { socket } = await import("/web/session.js");
    const { emit } = socket;
    const held = [];
    socket.emit = function (event, ...rest) {
      if (!names.includes(event)) return emit.call(this, event, ...rest);
      const callback = rest.pop();
      const give = (error, answer) => callback(null, error ? { ok: false, error } : answer);
      return emit.call(this, event, ...rest, (_late, answer) => held.push((error) => give(error, answer)));
    };
    window.giveAnswers = (error) => {
      socket.emit = emit;
      for (const give of held.splice(0)) give(error);
    };
  };
  return alter(page, hold, events);
}

const giveAnswers = (page, error) => page.evaluate((given) => window.giveAnswers(given), error);

const people = (page) => page.getByRole("region", { name: "People" });

test("two people type into one file at once, and see where the other is", async () => {
  const [ada, bob] = await together("At once");
  await bob.locator(".caret").getByText("ada").waitFor();
  await people(bob).getByText("editing notes.txt, line 1").waitFor();
  await people(ada).getByText("viewing notes.txt").waitFor();
  await bob.keyboard.press("Control+Home");
  await Promise.all([
    ada.keyboard.type(" and two\nthree", { delay: 5 }),
    bob.keyboard.type("zero ", { delay: 5 }),
  ]);
  const expected = ["zero one and two", "three"];
  await linesAre(ada, expected);
  await linesAre(bob, expected);
  await saved(ada).waitFor();
  await saved(bob).waitFor();
  await people(bob).getByText("editing notes.txt, line 2").waitFor();
  // One takes back one's own, and nothing of the other.
  await bob.keyboard.press("Control+Z");
  await linesAre(ada, ["one and two", "three"]);
  await ada.reload();
  await linesAre(ada, ["one and two", "three"]);
  await bob.close();
  await ada.getByText("bob left").waitFor();
});

test("alone in a file: the others see it all, and type when it is free", async () => {
  const [ada, bob] = await together("Alone");
  await button(ada, "Edit alone").click();
  await bob.getByText("ada keeps this file to edit it alone.").waitFor();
  assert.equal(await button(bob, "Edit alone").isDisabled(), true);
  await text(bob).pressSequentially("x");
  await text(ada).pressSequentially(" two");
  await linesAre(bob, ["one two"]);
  await button(ada, "Edit together").click();
  await bob.getByText("ada keeps").waitFor({ state: "detached" });
  await text(bob).click();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type(" three");
  await linesAre(ada, ["one two three"]);
});

test("who goes from a file that they edit alone waits for nothing, and hears what is not taken", async () => {
  const [ada, bob] = await together("Leaving");
  await ada.evaluate(async () => {
    const { createFile } = await import("/web/file_actions.js");
    await createFile("other.txt");
  });
  await ada.getByRole("tab", { name: "notes.txt" }).click();
  const leave = async (words) => {
    await button(ada, "Edit alone").click();
    await bob.getByText("ada keeps this file").waitFor();
    await holdAnswers(ada, ["file:edit"]);
    await text(ada).click();
    await ada.keyboard.press("Control+End");
    await ada.keyboard.type(words);
    await ada.getByRole("tab", { name: "other.txt" }).click();
    await ada.getByRole("tab", { name: "other.txt", selected: true }).waitFor();
    await ada.getByRole("tab", { name: /^notes.txt/ }).getByText("not saved yet").waitFor();
    assert.equal(await bob.getByText("ada keeps this file").count(), 1);
  };
  await leave(" two");
  await giveAnswers(ada);
  await bob.getByText("ada keeps").waitFor({ state: "detached" });
  await linesAre(bob, ["one two"]);

  await ada.getByRole("tab", { name: "notes.txt" }).click();
  await linesAre(ada, ["one two"]);
  await leave(" three");
  const error = { code: "VALIDATION_ERROR", message: "the text is too long" };
  await giveAnswers(ada, error);
  const lost = "What you typed last into notes.txt could not be put in: The text is too long";
  const toast = ada.locator(".toast.problem").filter({ hasText: lost });
  await toast.getByRole("button", { name: "Show" }).click();
  // Nothing is lost: it is tried once more, and taken.
  await linesAre(ada, ["one two three"]);
  await bob.getByText("ada keeps").waitFor({ state: "detached" });
});

test("what is typed offline waits, says so, and merges with the others'", async () => {
  const [ada, bob] = await together("Offline", "editor", "one\ntwo");
  await goOffline(bob);
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type("!");
  await bob.getByText("Offline: 1 change waits").waitFor();
  await bob.keyboard.type("!");
  await bob.getByText("Offline: 2 changes wait").waitFor();
  await ada.keyboard.press("Control+Home");
  await ada.keyboard.type("zero ");
  await saved(ada).waitFor();
  await button(bob, "New file").click();
  await bob.getByLabel("Path of the new file").fill("made.txt");
  await bob.keyboard.press("Enter");
  await comeOnline(bob);
  // The list that is read on return is older.
  await bob.getByRole("button", { name: "made.txt", exact: true }).waitFor();
  await bob.getByRole("tab", { name: /^notes.txt/ }).click();
  await saved(bob).waitFor();
  await linesAre(bob, ["zero one", "two!!"]);
  await linesAre(ada, ["zero one", "two!!"]);
});

test("a connection that is lost before the page hears of it is none", async () => {
  const ada = await withProject("ada", "Ghost", "ghost.txt");
  await goOffline(ada);
  await text(ada).pressSequentially("typed");
  const connected = await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    const told = new Promise((done) => socket.once("connect", () => done(socket.connected)));
    socket.io.once("open", async () => {
      // Behind the manager, which hears the answer to CONNECT first and reads it a moment later.
      await null;
      const { engine } = socket.io;
      engine.once("data", () => {
        engine.upgrading = false;
        engine.close();
      });
    });
    socket.connect();
    return told;
  });
  assert.equal(connected, false);
  await comeOnline(ada);
  await saved(ada).waitFor();
  await linesAre(ada, ["typed"]);
});

test("a server that is about to end is left, and nobody notices", async () => {
  const ada = await withProject("ada", "Moving", "a.txt");
  await text(ada).click();
  await ada.keyboard.type("one ");
  const before = await alter(ada, async () => {
    const { socket } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    window.shown = new Set();
    const status = document.querySelector(".connection");
    new MutationObserver(() => window.shown.add(status.className)).observe(status, {
      attributes: true,
    });
    const { id } = socket;
    for (const heard of socket.listeners("server:draining")) heard({}, {});
    // What is asked meanwhile waits, and is done.
    const { ask } = await import("/web/session.js");
    window.asked = ask("project:update", {
      projectId: state.project.id,
      update: { type: "name", value: "Moved" },
    });
    return id;
  });
  await ada.keyboard.type("two ");
  await ada.waitForFunction(async (former) => {
    const { socket } = await import("/web/session.js");
    return socket.connected && socket.id !== former;
  }, before);
  await ada.keyboard.type("three");
  await saved(ada).waitFor();
  assert.ok((await ada.evaluate(() => window.asked)).ok);
  await linesAre(ada, ["one two three"]);
  assert.deepEqual(await ada.evaluate(() => [...window.shown]), []);
});

test("what was typed before a tab was closed offline is put in on return", async () => {
  const [ada, bob] = await together("Draft");
  const address = ada.url();
  await goOffline(ada);
  await ada.keyboard.type(" and words");
  await ada.getByText("Offline: 10 changes wait").waitFor();
  await ada.close();
  await text(bob).click();
  await bob.keyboard.press("Control+Home");
  await bob.keyboard.type("zero: ");
  const again = await comeIn("ada", new URL(address).hash.slice(1));
  await again.getByText("What you typed into notes.txt before is in it now").waitFor();
  await linesAre(again, ["zero: one and words"]);
  await linesAre(bob, ["zero: one and words"]);
  // Nothing of it is left to be put in once more.
  const due = (name) => Object.keys(localStorage).filter((key) => key.endsWith(name));
  assert.deepEqual(await again.evaluate(due, "/changes"), []);
  await again.reload();
  await linesAre(again, ["zero: one and words"]);
});

test("who signs out offline leaves the words to nobody else, and has them on return", async () => {
  const [ada, bob] = await together("Signed out");
  const place = new URL(ada.url()).hash.slice(1);
  await goOffline(ada);
  await ada.keyboard.type(" and words");
  await ada.getByText("Offline: 10 changes wait").waitFor();
  await button(ada, "Sign out ada").click();
  // In the same browser and the same tab.
  await signIn(ada, "bob");
  await comeOnline(ada);
  await goTo(ada, bob.url());
  await text(ada).getByText("one").waitFor();
  await text(ada).press("End");
  await ada.keyboard.type("!");
  await saved(ada).waitFor();
  await linesAre(ada, ["one!"]);
  assert.equal(await ada.getByText("What you typed into").count(), 0);
  await button(ada, "Sign out bob").click();
  await signIn(ada, "ada");
  await goTo(ada, `#${place}`);
  await ada.getByText("What you typed into notes.txt before is in it now").waitFor();
  await linesAre(bob, ["one! and words"]);
});

test("nothing that was begun goes on as the one who signs in next", async () => {
  const [ada, bob] = await together("Next");
  const place = new URL(ada.url()).hash.slice(1);
  await goOffline(ada);
  await ada.keyboard.type(" and words");
  // A second tab waits for the words of the first one.
  const tab = await comeIn("ada", place);
  const draftsOf = (state) =>
    tab.evaluate(async (name) => {
      const found = (await navigator.locks.query())[name];
      return found.filter((lock) => lock.name.startsWith("draft/ada/")).length;
    }, state);
  await becomes(() => draftsOf("pending"), 1);
  await goOffline(tab);
  await tab.evaluate(async () => {
    const { decide } = await import("/web/proposals.js");
    const { uploadInto } = await import("/web/uploads.js");
    await decide("request", { id: "action" }, "accepted");
    // A folder that is looked through for a while.
    const found = new Promise((done) => {
      window.find = () => done({ files: [{ path: "a.txt", file: new File(["a"], "a.txt") }] });
    });
    uploadInto("", found).catch(({ message }) => (window.refused = message));
  });
  await button(tab, "Close the file").click();
  await button(tab, "Sign out ada").click();
  await tab.evaluate(async () => (await import("/web/session.js")).socket.io.reconnection(true));
  await signIn(tab, "bob");
  await goTo(tab, bob.url());
  await text(tab).getByText("one").waitFor();
  await ada.close();
  await becomes(() => draftsOf("pending"), 0);
  await becomes(() => draftsOf("held"), 0);
  const { sent, refused } = await tab.evaluate(async () => {
    window.find();
    const { ask } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    for (let trips = 0; trips < 3; trips++) await ask("test:ping");
    const named = state.packets.map(({ direction, data }) =>
      direction === "out" ? /^2\d*\["([^"]+)/.exec(data)?.[1] : undefined,
    );
    return { sent: named.filter(Boolean), refused: window.refused };
  });
  assert.equal(refused, "The project was left: nothing is uploaded");
  assert.equal(sent[0], "user:join");
  const begun = ["ai:applied", "file:edit", "file:upload"];
  assert.deepEqual(sent.filter((event) => begun.includes(event)), []);
  await linesAre(tab, ["one"]);
  await button(tab, "Sign out bob").click();
  await signIn(tab, "ada");
  await goTo(tab, `#${place}`);
  await tab.getByText("What you typed into notes.txt before is in it now").waitFor();
  await linesAre(bob, ["one and words"]);
});

test("somebody was faster while one is in another project", async () => {
  const ada = await withProject("ada", "Faster", "notes.txt");
  // What was begun here is shown here, or nowhere.
  await holdAnswers(ada, ["file:change", "file:lock"]);
  await ada.evaluate(async () => {
    const { createFile } = await import("/web/file_actions.js");
    const { editAlone } = await import("/web/file_locks.js");
    const { attempt } = await import("/web/state.js");
    attempt(() => createFile("late.txt"));
    attempt(editAlone);
  });
  await button(ada, "All projects").click();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await giveAnswers(ada);
  const problems = async () => {
    const { state } = await import("/web/state.js");
    return state.toasts.filter(({ kind }) => kind === "problem").map(({ text }) => text);
  };
  assert.deepEqual(await ada.evaluate(problems), []);

  await ada.getByRole("button", { name: "Faster" }).click();
  await ada.getByRole("button", { name: "late.txt", exact: true }).waitFor();
  await goOffline(ada);
  await ada.evaluate(async () => {
    const { uploadInto } = await import("/web/uploads.js");
    uploadInto("", { files: [{ path: "a.txt", file: new File(["a"], "a.txt") }], leftOut: [] });
  });
  await button(ada, "All projects").click();
  await refuse(ada, "file:upload", { code: "VERSION_CONFLICT", message: "it is there" });
  await comeOnline(ada);
  const dialog = ada.getByRole("dialog");
  await dialog.getByText("a.txt is there already").waitFor();
  await dialog.getByRole("button", { name: "Replace" }).click();
  await ada.getByText("a.txt is uploaded").waitFor();
});

test("a key of a reload that comes first is not lost", async () => {
  const [ada, bob] = await together("Reload");
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    // The server never hears of it.
    socket.io.engine.write = () => {};
  });
  await ada.keyboard.type("!");
  await ada.getByText("Saving…").waitFor();
  await ada.reload();
  await linesAre(bob, ["one!"]);
  await linesAre(ada, ["one!"]);
});

test("of two nodes' changes the newer one stays, whichever is heard first", async () => {
  const ada = await withProject("ada", "Order", "notes.txt");
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    const { id: projectId } = (await import("/web/state.js")).state.project;
    const file = { path: "data.bin", name: "data.bin", revision: 9, size: 5, hash: "" };
    const newer = { ...file, mediaType: "application/octet-stream" };
    for (const one of [newer, { ...file, revision: 8 }]) {
      socket.onevent({ data: ["file:updated", { file: one }, { projectId }] });
    }
  });
  await button(ada, "data.bin").click();
  await ada.getByText("Binary file, 5 bytes").waitFor();
});

test("a file that is deleted stays at hand", async () => {
  const [ada, bob] = await together("Deleted");
  await bob.getByRole("button", { name: "Actions for notes.txt" }).click();
  await bob.getByRole("menuitem", { name: "Delete" }).click();
  await ada.getByText("notes.txt was deleted.").waitFor();
  await button(ada, "Copy your text").waitFor();
  await linesAre(ada, ["one"]);
  await button(ada, "Put it back").click();
  await bob.getByRole("button", { name: "notes.txt", exact: true }).click();
  await linesAre(bob, ["one"]);
  await text(ada).click();
  await ada.keyboard.press("Control+End");
  await ada.keyboard.type(" again");
  await linesAre(bob, ["one again"]);
});

test("who may only read from now on sees the file, and keeps the words that came too late", async () => {
  const [ada, bob] = await together("Demoted");
  await goOffline(bob);
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type(" too late");
  await share(ada, "bob", "viewer");
  await comeOnline(bob);
  await bob.getByText("What you typed last could not be put in").waitFor();
  await linesAre(bob, ["one"]);
  await button(bob, "Copy your text").click();
  await bob.getByText("Read only", { exact: true }).waitFor();
});

test("gone from file to file, and out, with the last words", async () => {
  const ada = await comeIn("ada");
  await makeProject(ada, "Moving", "notes.txt");
  await ada.keyboard.type("last words");
  await button(ada, "All projects").click();
  await ada.getByRole("heading", { name: "Projects" }).waitFor();
  await ada.getByRole("button", { name: "Moving" }).click();
  await ada.getByRole("button", { name: "notes.txt", exact: true }).click();
  await linesAre(ada, ["last words"]);
});

test("losing the connection while it comes back signs nobody out", async () => {
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
  await linesAre(ada, ["before and after"]);
});

test("a project that is gone when one comes back", async () => {
  const ada = await withProject("ada", "Fleeting", "notes.txt");
  const bob = await comeIn("bob");
  await share(ada, "bob", "viewer");
  await goTo(bob, ada.url());
  // Before, it would look for what the address names.
  await text(bob).waitFor();
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
