// A file of a project on the page, with two people at once, and with connections that are lost.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test editing.test.mjs

import assert from "node:assert/strict";
import test from "node:test";
import { button, comeIn, lines, saved, share, text, visit, withProject } from "./browser.mjs";

const { URL: url } = process.env;

test("two people on one file: lock, live text, cursors, and taking turns", async () => {
  const ada = await withProject("ada", "Turns", "notes.txt");
  const bob = await comeIn("bob");
  await share(ada, "bob", "editor");
  await bob.goto(ada.url());
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

test("what is typed while it is being saved is saved too, without a conflict with oneself", async () => {
  const ada = await withProject("ada", "Quick", "notes.txt");
  const problem = await ada.evaluate(async () => {
    const { edited, save, stopEditing } = await import("/web/file.js");
    const { state } = await import("/web/state.js");
    edited("one");
    const first = save();
    edited("one two");
    await Promise.all([first, save(), save()]);
    const { problem } = state.open;
    edited("one two three");
    const last = stopEditing();
    edited("one two three four");
    await last;
    return problem;
  });
  assert.equal(problem, "");
  await ada.reload();
  await text(ada).getByText("one two three four").waitFor();
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
  assert.deepEqual(await lines(ada), ["before and after"]);
});

test("a project that is gone when one comes back", async () => {
  const ada = await withProject("ada", "Fleeting", "notes.txt");
  const bob = await comeIn("bob");
  await share(ada, "bob", "viewer");
  await bob.goto(ada.url());
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
