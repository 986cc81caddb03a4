// The client's `retries` option: an event is sent again until it is acknowledged.
import assert from "node:assert/strict";
import test from "node:test";
import { connect, connected, once, open, startServer, useServer } from "./helpers.mjs";

const server = useServer();
const emit = (socket, ...args) =>
  new Promise((done) => socket.emit(...args, (...answer) => done(answer)));

test("an event is sent until the server answers, the next one only after that", async (t) => {
  // The server answers from the third delivery on. A fourth may be under way when the answer is
  // slow.
  const socket = await connect(t, server, {
    transports: ["websocket"],
    retries: 10,
    ackTimeout: 150,
  });
  const answers = await Promise.all(["a", "b"].map((id) => emit(socket, "flaky", id)));
  for (const [error, deliveries] of answers) {
    assert.equal(error, null);
    assert.ok(deliveries >= 3);
  }
  const order = server.reports
    .filter((report) => report.event === "flaky")
    .map((report) => report.id);
  assert.deepEqual(order, [...order].sort(), "every delivery of a comes before the first one of b");
});

test("the attempts end, and the next event is sent", async (t) => {
  const socket = await connect(t, server, { retries: 1, ackTimeout: 100 });
  const [failure, success] = await Promise.all([
    emit(socket, "nobody listens"),
    emit(socket.timeout(5000), "acknowledge", "after it"),
  ]);
  assert.equal(failure[0].message, "operation has timed out");
  assert.deepEqual(success, [null, "after it"]);
});

test("what waits while the server is away is delivered once it is back, in order", async (t) => {
  const own = await startServer(t);
  const socket = open(t, own, { retries: 20, ackTimeout: 2000 });
  await connected(socket);
  const gone = once(socket, "disconnect");
  await own.kill();
  await gone;
  const answers = Promise.all([1, 2, 3].map((number) => emit(socket, "acknowledge", number)));
  await own.start();
  assert.deepEqual(await answers, [
    [null, 1],
    [null, 2],
    [null, 3],
  ]);
});
