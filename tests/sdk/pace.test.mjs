// The JavaScript SDK sends no faster than a server takes events; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { Due } from "../../sdk/javascript/due.js";
import { Unreachable } from "../../sdk/javascript/index.js";
import { connected, projectId, strictURL } from "./clients.mjs";


test("typing is told rarely, and ends", async (t) => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  await other.joinProject(projectId);
  const heard = [];
  other.on("user:typing", ({ isTyping }) => heard.push(isTyping));
  const settle = async () => {
    await ada.call("project:list");
    await other.call("project:list");
  };
  t.mock.timers.enable({ apis: ["Date"] });
  for (let key = 0; key < 10; key++) ada.typing(projectId);
  t.mock.timers.tick(2_000);
  ada.typing(projectId);
  ada.stopTyping(projectId);
  ada.stopTyping(projectId);
  t.mock.timers.reset();
  await settle();
  assert.deepEqual(heard, [true, true, false]);
});

test("what is queued goes in one batch, with a result each", async () => {
  const ada = await connected({ userId: "user-456" });
  let sent = 0;
  ada.socket.onAnyOutgoing((event) => (sent += event === "batch:update"));
  const listed = ada.queue("project:list");
  const refused = ada.queue("project:join", { projectId: "nowhere" });
  await Promise.all([ada.flush(), assert.rejects(refused, { code: "NOT_FOUND" })]);
  assert.equal((await listed).projects[0].id, projectId);
  assert.equal(sent, 1);
  await ada.flush();
  const many = Array.from({ length: 100 }, () => ada.queue("test:event", 1));
  await Promise.all(many);
  assert.equal(sent, 2);
});

test("what is queued is not sent after leaving, and goes by itself after coming back", async (t) => {
  const ada = await connected({ userId: "user-456" });
  const before = ada.queue("test:event", 1);
  ada.disconnect();
  await assert.rejects(before, { message: "test:event was not sent: disconnect() was called" });
  await ada.connect();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const after = ada.queue("test:event", 2);
  t.mock.timers.tick(1_000);
  t.mock.timers.reset();
  assert.equal((await after).data, 2);
});

test("a loop loses nothing: it is no faster than a server takes events", async () => {
  const ada = await connected({ userId: "user-456" });
  const [limited, echoed] = [[], []];
  ada.on("rate_limited", (data) => limited.push(data));
  ada.on("test:response", (data) => echoed.push(data));
  for (let number = 0; number < 150; number++) {
    ada.emit("test:event", number);
    assert.deepEqual(await ada.call("test:ping"), {});
  }
  assert.deepEqual(echoed, [...Array(150).keys()]);
  assert.deepEqual(limited, []);
  const late = Array.from({ length: 200 }, () => ada.call("test:ping"));
  const ends = Promise.allSettled(late);
  ada.disconnect();
  assert.ok((await ends).every(({ reason }) => reason instanceof Unreachable));
});

test("an acknowledgement is asked for once there is a connection", (t) => {
  // A ping without one would wait with the others, and one more every quarter of a second.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let [connected, asked, pings] = [false, 0, 0];
  const ping = () => {
    asked++;
    if (connected) pings++;
    return connected;
  };
  const due = new Due(ping);
  due.add(() => {});
  due.limited(400);
  t.mock.timers.tick(400);
  t.mock.timers.tick(400);
  assert.deepEqual([asked, pings], [2, 0]);
  connected = true;
  t.mock.timers.tick(400);
  t.mock.timers.tick(4_000);
  assert.deepEqual([asked, pings], [3, 1]);
});

test("what a stricter server drops is refused, and nothing else", async (t) => {
  const { mock } = t.mock.method(console, "warn", () => {});
  const ada = await connected({ baseURL: strictURL });
  const echoed = [];
  ada.on("test:response", (data) => echoed.push(data));
  const ends = await Promise.allSettled([...Array(80).keys()].map((n) => ada.call("test:event", n)));
  const handled = ends.flatMap(({ status, value }) => (status === "fulfilled" ? value.data : []));
  const refusals = ends.flatMap(({ reason }) => reason ?? []);
  assert.deepEqual(echoed, handled);
  // One place of the ten is the CONNECT's.
  assert.deepEqual(handled.slice(0, 9), [...Array(9).keys()]);
  assert.ok(refusals.length > 0);
  for (const { code, details } of refusals) {
    assert.equal(code, "RATE_LIMIT_EXCEEDED");
    assert.ok(details.retryAfter > 0 && details.retryAfter <= 0.1);
  }
  assert.match(mock.calls[0].arguments[0], /going on more slowly/);
  // It goes on more slowly after each refusal, until it keeps to what the server takes.
  for (let inARow = 0; inARow < 5; inARow++) {
    await ada.call("test:ping").catch((error) => {
      assert.equal(error.code, "RATE_LIMIT_EXCEEDED");
      inARow = -1;
    });
  }
});
