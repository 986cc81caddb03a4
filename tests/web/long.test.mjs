// A project with more than one answer of the server holds: files, versions, a chat, a large file.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test long.test.mjs; the server has what
// test_page.py puts there.

import assert from "node:assert/strict";
import test from "node:test";
import { alter, becomes, button, comeIn, comeOnline, goOffline, loseAnswers } from "./browser.mjs";

/** How much the page has of everything. */
const sizes = (page) =>
  page.evaluate(async () => {
    const { state } = await import("/web/state.js");
    const { projects, project, open } = state;
    return [projects.length, project.files.size, project.versions.length, open?.text.length];
  });

test("everything is there, page by page", async () => {
  const ada = await comeIn("ada", "project-123");
  const log = ada.getByRole("log");
  await log.getByText("message 229", { exact: true }).waitFor();
  assert.deepEqual((await sizes(ada)).slice(0, 3), [105, 1_006, 205]);
  assert.equal(await log.getByRole("article").count(), 100);
  await button(ada, "Earlier messages").click();
  await log.getByText("message 30", { exact: true }).waitFor();
  await button(ada, "Earlier messages").click();
  await log.getByText("message 0", { exact: true }).waitFor();
  assert.equal(await log.getByRole("article").count(), 230);
  assert.equal(await button(ada, "Earlier messages").count(), 0);
});

test("a large file is read part by part", async () => {
  const ada = await comeIn("ada", "project-123/large.txt");
  await ada.locator(".cm-content").waitFor();
  assert.equal((await sizes(ada))[3], 1_500_000);
  await ada.getByText("This file is too long to be edited here").waitFor();
  // It stays when it cannot be read at once on another connection, where it is opened anew.
  const opening = () =>
    ada.evaluate(async () => (await import("/web/state.js")).state.open?.opening);
  const before = await opening();
  await loseAnswers(ada, ["file:read"]);
  await goOffline(ada);
  await comeOnline(ada);
  await becomes(async () => (await opening()) > before, true);
  assert.equal((await sizes(ada))[3], 1_500_000);
});

test("a key draws, keeps and sends what it changes, whatever else there is", async () => {
  const ada = await comeIn("ada", "project-123/long.js");
  const editor = ada.locator(".cm-content");
  await editor.click();
  await ada.keyboard.type("x");
  const status = ada.getByRole("status").getByText("Saved", { exact: true });
  await status.waitFor();
  await alter(ada, async () => {
    const { options } = await import("preact");
    const work = { drawn: 0, kept: 0, sent: 0 };
    options.vnode = () => (work.drawn += 1);
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, value) {
      work.kept += value.length;
      setItem.call(this, key, value);
    };
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
      work.sent += data.length;
      send.call(this, data);
    };
    window.work = work;
  });
  const KEYS = 20;
  for (let number = 0; number < KEYS; number++) {
    await ada.keyboard.type("y");
    await ada.waitForFunction(async () => {
      const { state } = await import("/web/state.js");
      return state.open.document.unsaved === 0;
    });
  }
  await status.waitFor();
  const { drawn, kept, sent } = await ada.evaluate(() => window.work);
  // The state of saving and the tab; a draft with the changes before it; the change, and the caret.
  assert.ok(drawn <= 20 * KEYS, `${drawn} elements drawn`);
  assert.ok(kept <= 2_000 * KEYS, `${kept} characters kept`);
  assert.ok(sent <= 1_000 * KEYS, `${sent} characters sent`);
});

test("a draft is whole whenever its tab ends, and writes its text in idle time", async () => {
  const ada = await comeIn("ada");
  const seen = await alter(ada, async () => {
    const [{ Draft, abandoned }, { Replica }, { ChangeSet }] = await Promise.all(
      ["/web/drafts.js", "/web/replica.js", "@codemirror/state"].map((name) => import(name)),
    );
    const LENGTH = 100_000;
    const replica = new Replica("u", "tab");
    replica.opened({ epoch: "e", version: 0, content: "x".repeat(LENGTH), number: 0 });
    const draft = new Draft("u", "p", "f.txt", "tab");
    const insert = (text) => ChangeSet.of({ from: 0, insert: text }, LENGTH + replica.version);
    const faults = [];
    let texts = 0;
    const look = () => {
      const due = JSON.parse(localStorage.getItem("draft/u/p/f.txt/tab/changes"));
      if (due === null) return;
      const text = localStorage.getItem(`draft/u/p/f.txt/tab/${due.text}`);
      const length = text === null ? "no text" : text.length + due.heard.length;
      if (length !== LENGTH + due.version) faults.push([length, due.version]);
    };
    for (const name of ["setItem", "removeItem"]) {
      const change = Storage.prototype[name];
      Storage.prototype[name] = function (key, value) {
        change.call(this, key, value);
        texts += value?.length >= LENGTH;
        look();
      };
    }
    const untilWritten = async (times) => {
      for (let left = 1_000; left > 0 && texts < times; left--) {
        await new Promise((done) => setTimeout(done, 10));
      }
    };
    replica.edit(insert("mine"));
    draft.keep(replica);
    const written = [texts];
    for (let number = 0; number < 500; number++) {
      const change = insert("b").toJSON();
      replica.hear({ user: { id: "v" }, author: "other", number, change });
      draft.heard(change);
      draft.keep(replica);
      if (number === 250) {
        written.push(texts);
        await untilWritten(2);
      }
    }
    await untilWritten(3);
    written.push(texts);
    const keys = Object.keys(localStorage).filter((key) => key.startsWith("draft/u/")).length;
    draft.leave();
    const [{ replica: found, forget }] = await abandoned("u", "p", "f.txt");
    forget();
    const left = Object.keys(localStorage).filter((key) => key.startsWith("draft/u/")).length;
    return { faults, written, keys, left, isSame: found.text.eq(replica.text) };
  });
  assert.deepEqual(seen, { faults: [], written: [1, 1, 3], keys: 2, left: 0, isSame: true });
});

test("files that go at once cost each its own work, and their folder goes with them", async () => {
  const ada = await comeIn("ada", "project-123");
  await button(ada, "many").waitFor();
  const seen = await alter(ada, async () => {
    const { socket } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    const { isThere } = await import("/web/folders.js");
    const paths = [...state.project.files.keys()].filter((path) => path.startsWith("many/"));
    const entries = Map.prototype[Symbol.iterator];
    let copied = 0;
    Map.prototype[Symbol.iterator] = function () {
      copied += this.size;
      return entries.call(this);
    };
    const before = isThere("many");
    for (const filePath of paths) {
      for (const heard of socket.listeners("file:deleted")) {
        heard({ filePath }, { projectId: state.project.id });
      }
    }
    Map.prototype[Symbol.iterator] = entries;
    return { count: paths.length, copied, before, after: isThere("many") };
  });
  await button(ada, "many").waitFor({ state: "detached" });
  assert.ok(seen.copied <= 5 * seen.count, `${seen.copied} entries copied`);
  assert.deepEqual({ ...seen, copied: 0 }, { count: 1_002, copied: 0, before: true, after: false });
});
