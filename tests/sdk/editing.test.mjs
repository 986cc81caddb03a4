// Editing together with the JavaScript SDK; test_javascript.py starts the server and gives its address.

import assert from "node:assert/strict";
import test from "node:test";
import { ChangeSet, Text } from "../../sdk/javascript/node_modules/@codemirror/state/dist/index.js";
import { AICodingAssistantSocket, Refused, Unreachable } from "../../sdk/javascript/index.js";
import { Replica, difference, split } from "../../sdk/javascript/replica.js";
import { connected, opened, projectId, until } from "./clients.mjs";

/** Two who have a new file open. */
async function both(path, content = "one\n") {
  const [ada, bob] = [await connected({ userId: "user-456" }), await connected({ userId: "user-789" })];
  await ada.joinProject(projectId);
  await ada.call("file:change", { projectId, file: { path, action: "created", content } });
  return [await ada.openDocument(projectId, path), await bob.openDocument(projectId, path)];
}

async function same(...documents) {
  for (const document of documents) await document.wait();
  await until(() => documents.every(({ text }) => text === documents[0].text));
  return documents[0].text;
}

test("a document and a lock follow their file", async () => {
  const [ada, bob] = await both("js/moved.txt");
  const socket = opened.at(-1);
  const lock = await socket.lockFile(projectId, "js/other.txt", { lockType: "shared" });
  bob.append("before\n");
  await socket.call("file:move", { projectId, filePath: "js", newPath: "lib/js" });
  assert.equal(lock.filePath, "lib/js/other.txt");
  bob.append("after\n");
  assert.equal(await same(ada, bob), "one\nbefore\nafter\n");
  assert.deepEqual([ada.filePath, bob.filePath], ["lib/js/moved.txt", "lib/js/moved.txt"]);
  await lock.unlock();
});

test("a document follows no move of before it was opened", async () => {
  const [former] = await both("js/late.txt");
  const socket = opened.at(-1);
  const moves = [];
  socket.on("file:moved", (...told) => moves.push(told));
  await socket.call("file:move", { projectId, filePath: "js/late.txt", newPath: "js/away.txt" });
  const [ada, bob] = await both("js/late.txt", "another\n");
  // Another server tells of it as late as that.
  const listeners = opened.at(-1).socket.listeners("file:moved");
  for (const told of moves) for (const hear of listeners) hear(...told);
  ada.append("typed\n");
  assert.equal(await same(ada, bob), "another\ntyped\n");
  assert.deepEqual([bob.filePath, former.filePath], ["js/late.txt", "js/away.txt"]);
  assert.equal(former.text, "one\n");
});

test("two type at once", async () => {
  const [ada, bob] = await both("js/two.txt");
  const heard = [];
  const stop = bob.onChange((text) => heard.push(text));
  ada.append("two 😀\r\n");
  ada.insert(3, "!");
  bob.insert(0, "zero\n");
  assert.equal(ada.isSettled, false);
  assert.equal(await same(ada, bob), "zero\none!\ntwo 😀\n");
  assert.equal(heard.at(-1), "zero\none!\ntwo 😀\n");
  stop();
  ada.delete(0, 5);
  bob.update((text) => text.replace("two", "three"));
  assert.equal(await same(ada, bob), "one!\nthree 😀\n");
  bob.update((text) => text);
  assert.ok(bob.isSettled);
  assert.throws(() => ada.delete(5, 4), RangeError);
  assert.throws(() => ada.append("\0"), RangeError);
});

test("what is typed while the connection is lost merges", async () => {
  const [ada, bob] = await both("js/lost.txt");
  const [socket] = opened;
  const back = new Promise((resolve) => socket.once("reconnect", resolve));
  ada.append("sent as the cable is cut\n");
  socket.socket.io.engine.close();
  ada.append("offline\n");
  bob.insert(0, "zero\n");
  await back;
  assert.equal(await same(ada, bob), "zero\none\nsent as the cable is cut\noffline\n");
});

test("what is large goes in several changes", async () => {
  const [ada, bob] = await both("js/large.txt");
  const lines = Array.from({ length: 9_000 }, (_, number) => `line ${number}\n`);
  ada.update(() => lines.join(""));
  bob.append("meanwhile\n");
  const text = await same(ada, bob);
  assert.equal(text.split("line ").length, 9_001);
  assert.equal(text.split("meanwhile\n").length, 2);
});

test("a lock makes edits wait", async () => {
  const [ada, bob] = await both("js/locked.txt");
  const lock = await opened[1].lockFile(projectId, "js/locked.txt");
  ada.append("waited\n");
  await lock.write("bob's\n");
  await until(() => ada.text === "bob's\nwaited\n");
  assert.equal(ada.isSettled, false);
  await lock.unlock();
  assert.equal(await same(ada, bob), "bob's\nwaited\n");
});

test("what cannot be edited any more says why", async () => {
  const [ada, bob] = await both("js/gone.txt");
  const path = "js/gone.txt";
  await opened[1].call("file:change", { projectId, file: { path, action: "deleted" } });
  ada.append("at hand\n");
  await assert.rejects(ada.wait(), Refused);
  assert.equal(ada.text, "one\nat hand\n");
  assert.throws(() => ada.append("more"), Refused);
  await opened[1].leaveProject(projectId);
  await assert.rejects(bob.wait(), Unreachable);
  await assert.rejects(opened[0].openDocument(projectId, path), { code: "NOT_FOUND" });
  // As on a connection that has just come back: the project is not joined there yet.
  await opened[0].call("project:leave", { projectId });
  const [eve] = await both("js/closed.txt");
  eve.append("two\n");
  await eve.close();
  assert.throws(() => eve.append("three\n"), Unreachable);
  const read = await opened[0].readFile(projectId, "js/closed.txt");
  assert.equal(read.content, "one\ntwo\n");
});

test("a change is split so that the parts make the whole", () => {
  const doc = Text.of("abcdefghij".repeat(300).split("\n"));
  const many = Array.from({ length: 1_000 }, (_, n) => ({ from: 3 * n, to: 3 * n + 1, insert: "yz" }));
  const long = [{ from: 5, to: 9, insert: Text.of("x\n".repeat(60_000).split("\n")) }, ...many.slice(9)];
  for (const specs of [many, long]) {
    const change = ChangeSet.of(specs, doc.length);
    let [first, rest] = split(change);
    let done = first.apply(doc);
    let count = 1;
    for (; rest !== null; count++) {
      assert.ok(JSON.stringify(first).length < 65_536);
      [first, rest] = split(rest);
      done = first.apply(done);
    }
    assert.ok(done.eq(change.apply(doc)));
    assert.ok(count > 2);
  }
  const before = Text.of(["one", "two"]);
  assert.deepEqual(difference(before, Text.of(["one", "to", ""])).toJSON(), [4, [3, "to", ""]]);
  assert.deepEqual(difference(Text.of(["a😀"]), Text.of(["a😁"])).toJSON(), [[3, "a😁"]]);
  assert.ok(difference(before, before).empty);
});

test("a copy that was kept goes on where it was", () => {
  const replica = new Replica("ada", "tab");
  replica.opened({ epoch: "e", version: 3, content: "one" });
  replica.edit(ChangeSet.of({ from: 3, insert: " two" }, 3));
  const first = replica.outgoing();
  replica.edit(ChangeSet.of({ from: 7, insert: " three" }, 7));
  const kept = JSON.parse(JSON.stringify({ ...replica.snapshot, base: replica.base }));
  assert.deepEqual(kept, {
    epoch: "e",
    version: 3,
    number: 1,
    base: "one",
    inFlight: [3, [0, " two"]],
    waiting: [7, [0, " three"]],
  });
  const again = Replica.restored("ada", "tab", kept);
  assert.equal(again.text.toString(), "one two three");
  assert.deepEqual(again.outgoing(), first);
  // What was in flight had been taken, behind somebody else's word.
  const other = { user: { id: "bob" }, author: "tab", number: 1, change: [[0, "zero "], 3] };
  const own = { user: { id: "ada" }, author: "tab", number: 1, change: [8, [0, " two"]] };
  assert.deepEqual(again.hear(other).toJSON(), [[0, "zero "], 13]);
  assert.equal(again.hear(own), null);
  assert.deepEqual(again.outgoing(), {
    epoch: "e",
    version: 5,
    author: "tab",
    number: 2,
    change: [12, [0, " three"]],
  });
});
