// What keeps a copy in step with the server's, with a host that the test is: the SDK's documents and the
// page's are built on it.

import assert from "node:assert/strict";
import test from "node:test";
import { ChangeSet } from "../../sdk/javascript/node_modules/@codemirror/state/dist/index.js";
import { Replica, textOf } from "../../sdk/javascript/replica.js";
import { Synchronizer } from "../../sdk/javascript/synchronizer.js";

const MINE = { user: { id: "ada" }, author: "tab" };
const OTHERS = { user: { id: "bob" }, author: "other", number: 1 };
const insert = (at, text, length) => ChangeSet.of({ from: at, insert: textOf(text) }, length);

/** A host whose requests wait for the test to answer them, and which notes what it hears. */
class Host {
  asked = [];
  notes = [];
  shown = textOf("");

  ask(event, payload) {
    return new Promise((resolve, reject) => this.asked.push({ event, payload, resolve, reject }));
  }

  isLoss = (error) => error.code === undefined;

  opened = () => this.notes.push("opened");

  changed(change) {
    this.shown = change.apply(this.shown);
    this.notes.push("changed");
  }

  launched = () => this.notes.push("launched");

  landed = () => this.notes.push("landed");

  accepted = () => this.notes.push("accepted");

  delayed = ({ code }) => this.notes.push(code);

  settled = () => this.notes.push("settled");

  failed = ({ code }) => this.notes.push(`failed: ${code}`);

  /** Answer the oldest request; it is of this event. */
  async answer(event, answer, how = "resolve") {
    const request = this.asked.shift();
    assert.equal(request?.event, event);
    request[how](answer);
    await new Promise((done) => setImmediate(done));
    return request.payload;
  }

  /** Return what was heard since the last time. */
  news() {
    return this.notes.splice(0);
  }
}

/** Return a host, its replica of "one", and what keeps them in step. */
async function opened() {
  const host = new Host();
  const replica = new Replica("ada", "tab");
  const synchronizer = new Synchronizer(replica, host);
  const opening = synchronizer.open();
  await host.answer("file:open", { epoch: "e", version: 0, content: "one", number: 0 });
  await opening;
  assert.deepEqual(host.news(), ["opened", "changed", "settled"]);
  return { host, replica, synchronizer };
}

test("one change is on its way at a time, and is heard before it is acknowledged", async () => {
  const { host, replica, synchronizer } = await opened();
  assert.ok(synchronizer.isReady);
  replica.edit(insert(3, "!", 3));
  synchronizer.send();
  assert.ok(!synchronizer.isReady);
  replica.edit(insert(4, "?", 4));
  synchronizer.send();
  assert.equal(host.asked.length, 1);
  synchronizer.hear({ epoch: "e", version: 0, ...MINE, number: 1, change: [3, [0, "!"]] });
  await host.answer("file:edit", {});
  assert.deepEqual(host.news(), ["launched", "landed", "accepted", "launched"]);
  synchronizer.hear({ epoch: "e", version: 1, ...MINE, number: 2, change: [4, [0, "?"]] });
  await host.answer("file:edit", {});
  assert.deepEqual(host.news(), ["landed", "accepted", "settled"]);
  assert.equal(replica.text.toString(), "one!?");
});

test("what is typed just when all was found to be acknowledged is sent", async () => {
  const { host, replica, synchronizer } = await opened();
  host.settled = () => {
    host.settled = () => {};
    replica.edit(insert(4, "?", 4));
    synchronizer.send();
  };
  replica.edit(insert(3, "!", 3));
  synchronizer.send();
  synchronizer.hear({ epoch: "e", version: 0, ...MINE, number: 1, change: [3, [0, "!"]] });
  await host.answer("file:edit", {});
  const changes = host.asked.map(({ payload }) => payload.change);
  assert.deepEqual(changes, [[4, [0, "?"]]]);
});

test("what is heard while a file is opened again comes after what the answer changes", async () => {
  const { host, replica, synchronizer } = await opened();
  synchronizer.lose();
  synchronizer.comeBack();
  synchronizer.hear({ epoch: "e", version: 1, ...OTHERS, number: 2, change: [[0, "2"], 4] });
  const update = { ...OTHERS, change: [[0, "1"], 3] };
  await host.answer("file:open", { epoch: "e", version: 1, updates: [update] });
  assert.equal(replica.text.toString(), "21one");
  assert.equal(host.shown.toString(), "21one");
});

test("what is missed is asked for, but not on a connection that is about to go", async () => {
  const { host, synchronizer } = await opened();
  const late = { epoch: "e", version: 5, ...OTHERS, change: [3] };
  synchronizer.lose();
  synchronizer.hear(late);
  assert.equal(host.asked.length, 0);
  synchronizer.comeBack();
  await host.answer("file:open", { epoch: "e", version: 0, updates: [] });
  assert.ok(synchronizer.isOpen);
  synchronizer.hear(late);
  const { since } = await host.answer("file:open", { epoch: "e", version: 6, content: "two" });
  assert.deepEqual(since, { epoch: "e", version: 0 });
  assert.equal(host.shown.toString(), "two");
  synchronizer.hear({ epoch: "e", version: 5, ...OTHERS, change: [3] });
  synchronizer.hear({ epoch: "of another history", version: 6, ...OTHERS, change: [3] });
  assert.equal(host.asked.length, 0);
});

test("a refusal that passes is sent again, and any other is the end", async (t) => {
  const { host, replica, synchronizer } = await opened();
  replica.edit(insert(3, "!", 3));
  synchronizer.send();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const payload = await host.answer("file:edit", { code: "STORAGE_ERROR" }, "reject");
  t.mock.timers.tick(999);
  await new Promise((done) => setImmediate(done));
  assert.equal(host.asked.length, 0);
  t.mock.timers.tick(1);
  await new Promise((done) => setImmediate(done));
  const limited = { code: "RATE_LIMIT_EXCEEDED", details: { retryAfter: 5 } };
  assert.deepEqual(await host.answer("file:edit", limited, "reject"), payload);
  t.mock.timers.tick(4_999);
  await new Promise((done) => setImmediate(done));
  assert.equal(host.asked.length, 0);
  synchronizer.sendAgain();
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(host.news(), ["launched", "STORAGE_ERROR", "RATE_LIMIT_EXCEEDED"]);
  await host.answer("file:edit", { code: "FORBIDDEN" }, "reject");
  assert.deepEqual(host.news(), ["failed: FORBIDDEN"]);
});

test("what comes too fast is sent again later each time, until something is taken", async (t) => {
  t.mock.method(Math, "random", () => 0);
  const { host, replica, synchronizer } = await opened();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const soon = { code: "RATE_LIMIT_EXCEEDED", details: { retryAfter: 0.1 } };
  for (const number of [1, 2]) {
    replica.edit(insert(2 + number, "!", 2 + number));
    synchronizer.send();
    // A ping that asks for what was dropped may take the place of each.
    for (const milliseconds of [250, 500, 1_000]) {
      await host.answer("file:edit", soon, "reject");
      t.mock.timers.tick(milliseconds - 1);
      await new Promise((done) => setImmediate(done));
      assert.equal(host.asked.length, 0);
      t.mock.timers.tick(1);
      await new Promise((done) => setImmediate(done));
    }
    synchronizer.hear({ epoch: "e", version: number - 1, ...MINE, number, change: [2 + number, [0, "!"]] });
    await host.answer("file:edit", {});
  }
});

test("a conflict and a lost answer open the file again", async (t) => {
  const { host, replica, synchronizer } = await opened();
  replica.edit(insert(3, "!", 3));
  synchronizer.send();
  await host.answer("file:edit", { code: "VERSION_CONFLICT" }, "reject");
  await host.answer("file:open", { epoch: "e", version: 0, updates: [] });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await host.answer("file:edit", new Error("no answer"), "reject");
  assert.ok(!synchronizer.isOpen);
  t.mock.timers.tick(1_000);
  await new Promise((done) => setImmediate(done));
  // It was taken, and only the answer was lost.
  const own = { ...MINE, number: 1, change: [3, [0, "!"]] };
  await host.answer("file:open", { epoch: "e", version: 1, updates: [own] });
  assert.deepEqual(host.news(), ["launched", "opened", "opened", "landed", "settled"]);
});

test("nothing is sent any more after the end", async (t) => {
  const { host, replica, synchronizer } = await opened();
  replica.edit(insert(3, "!", 3));
  synchronizer.send();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await host.answer("file:edit", { code: "FILE_LOCKED" }, "reject");
  synchronizer.end();
  t.mock.timers.tick(1_000);
  await new Promise((done) => setImmediate(done));
  assert.equal(host.asked.length, 0);
});
