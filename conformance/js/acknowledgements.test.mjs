// Acknowledgements in both directions, with and without a limit of time.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connect, once, overEachTransport, useServer } from "./helpers.mjs";

const server = useServer();

overEachTransport(
  test,
  "the server answers with none, one and several arguments",
  async (t, options) => {
    const socket = await connect(t, server, options);
    assert.deepEqual(await ask(socket, "acknowledge"), []);
    assert.deepEqual(await ask(socket, "join", "a handler that returns nothing"), []);
    assert.deepEqual(await ask(socket, "acknowledge", "one"), ["one"]);
    assert.deepEqual(await ask(socket, "acknowledge", 1, "two", { three: [3] }), [
      1,
      "two",
      { three: [3] },
    ]);
  },
);

for (const value of [null, false, 0, "", [], {}, [[]], [1, 2]]) {
  test(`the answer ${JSON.stringify(value)} is itself, not "nothing"`, async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    assert.deepEqual(await ask(socket, "acknowledge", value), [value]);
  });
}

test("emitWithAck resolves with the first argument", async (t) => {
  const socket = await connect(t, server);
  assert.deepEqual(await socket.emitWithAck("acknowledge", { a: 1 }), { a: 1 });
  assert.equal(await socket.timeout(10_000).emitWithAck("acknowledge", "in time"), "in time");
});

test("an event that nobody handles is not answered: the client's time runs out", async (t) => {
  const socket = await connect(t, server);
  const error = await new Promise((done) => socket.timeout(50).emit("nobody listens", done));
  assert.equal(error.message, "operation has timed out");
  await assert.rejects(socket.timeout(50).emitWithAck("nobody listens"), /operation has timed out/);
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

overEachTransport(test, "many at once, each gets its own answer", async (t, options) => {
  const socket = await connect(t, server, options);
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, number) => ask(socket, "acknowledge", number)),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 300 }, (_, number) => [number]),
  );
});

overEachTransport(
  test,
  "the client answers with none, one and several arguments",
  async (t, options) => {
    const socket = await connect(t, server, options);
    socket.on("question", (values, answer) => answer(...values));
    assert.deepEqual(await ask(socket, "call", "question", [[]], 10_000), [{ answer: null }]);
    assert.deepEqual(await ask(socket, "call", "question", [["one"]], 10_000), [{ answer: "one" }]);
    assert.deepEqual(await ask(socket, "call", "question", [[1, { two: 2 }]], 10_000), [
      { answer: [1, { two: 2 }] },
    ]);
  },
);

test("many calls at once by the server, answered in another order", async (t) => {
  const socket = await connect(t, server);
  const waiting = [];
  socket.on("question", (number, answer) => {
    waiting.push(() => answer(number * 2));
    if (waiting.length === 50) for (const respond of waiting.reverse()) respond();
  });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, number) => ask(socket, "call", "question", [number], 10_000)),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 50 }, (_, number) => [{ answer: number * 2 }]),
  );
});

test("a call that the client does not answer times out on the server", async (t) => {
  const socket = await connect(t, server);
  assert.deepEqual(await ask(socket, "call", "nobody listens", [], 50), [{ timedOut: true }]);
});

test("an answer that comes too late, or twice, does no harm", async (t) => {
  const socket = await connect(t, server);
  const question = once(socket, "question");
  const called = ask(socket, "call", "question", [], 50);
  const answer = (await question).at(-1);
  assert.deepEqual(await called, [{ timedOut: true }]);
  answer("too late");
  answer("and again");
  socket.io._packet({ type: 3, nsp: "/", id: 123_456, data: ["nobody asked"] });
  assert.deepEqual(await ask(socket, "acknowledge", "alive"), ["alive"]);
});

overEachTransport(test, "bytes in answers, in both directions", async (t, options) => {
  const socket = await connect(t, server, options);
  const bytes = Buffer.from([0, 1, 30, 255]);
  assert.deepEqual(await ask(socket, "acknowledge", bytes, { deep: [bytes] }), [
    bytes,
    { deep: [bytes] },
  ]);
  socket.on("question", (sent, answer) => answer({ sent, own: Buffer.from("own") }));
  assert.deepEqual(await ask(socket, "call", "question", [bytes], 10_000), [
    { answer: { sent: bytes, own: Buffer.from("own") } },
  ]);
});

test("the server asks a room: one answer per client", async (t) => {
  const clients = await Promise.all([1, 2, 3].map(() => connect(t, server)));
  for (const [index, client] of clients.entries()) {
    await ask(client, "join", "jury");
    client.on("verdict", (question, answer) => answer(`${question} ${index}`));
  }
  const result = await server.command("call", {
    rooms: ["jury"],
    event: "verdict",
    args: ["no."],
    timeout: 10_000,
  });
  assert.equal(result.timedOut, false);
  assert.deepEqual(result.responses.sort(), ["no. 0", "no. 1", "no. 2"]);
});

test("the server asks a room and one client is silent: the other answers are kept", async (t) => {
  const clients = await Promise.all([1, 2, 3].map(() => connect(t, server)));
  for (const client of clients) await ask(client, "join", "half jury");
  clients[0].on("verdict", (answer) => answer("guilty"));
  clients[2].on("verdict", (answer) => answer("guilty"));
  // Longer than an answer takes, since the test needs the two answers; the third never comes.
  const result = await server.command("call", {
    rooms: ["half jury"],
    event: "verdict",
    timeout: 500,
  });
  assert.deepEqual(result, { responses: ["guilty", "guilty"], timedOut: true });
});

test("the server asks an empty room: no answers, at once", async () => {
  const result = await server.command("call", {
    rooms: ["empty"],
    event: "verdict",
    timeout: 10_000,
  });
  assert.deepEqual(result, { responses: [], timedOut: false });
});

test("a client that leaves owes no answer to the others", async (t) => {
  const [stays, leaves] = await Promise.all([connect(t, server), connect(t, server)]);
  const asked = once(leaves, "question");
  const { id } = leaves;
  stays.on("question", (answer) => answer("here"));
  leaves.emit("call", "question", [], 100);
  await asked;
  leaves.disconnect();
  await server.report({ event: "disconnect", id });
  assert.deepEqual(await ask(stays, "call", "question", [], 10_000), [{ answer: "here" }]);
});
