// Bytes in both directions: as base64 over polling, as frames of their own over WebSocket.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connect, once, overEachTransport, several, useServer } from "./helpers.mjs";

const server = useServer();
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

async function echo(socket, ...args) {
  const [answer] = await Promise.all([once(socket, "echo"), socket.emit("echo", ...args)]);
  return answer;
}

overEachTransport(test, "every byte value, alone", async (t, options) => {
  const socket = await connect(t, server, options);
  assert.deepEqual(await echo(socket, ALL_BYTES), [ALL_BYTES]);
});

overEachTransport(
  test,
  "all kinds of binary values arrive as the bytes they show",
  async (t, options) => {
    const socket = await connect(t, server, options);
    const shared = new Uint8Array([9, 1, 2, 3, 9]);
    const answer = await echo(
      socket,
      Buffer.from([1, 2, 3]),
      new Uint8Array([1, 2, 3]),
      new Uint8Array([1, 2, 3]).buffer,
      shared.subarray(1, 4),
      new DataView(shared.buffer, 1, 3),
    );
    assert.deepEqual(answer, Array(5).fill(Buffer.from([1, 2, 3])));
  },
);

overEachTransport(
  test,
  "nested in objects and arrays, between other values",
  async (t, options) => {
    const socket = await connect(t, server, options);
    const args = [
      "text",
      { a: [ALL_BYTES, { b: Buffer.from("b") }], c: null, d: Buffer.from("d") },
      [[[[Buffer.from("deep")]]]],
      42,
    ];
    assert.deepEqual(await echo(socket, ...args), args);
  },
);

overEachTransport(test, "empty", async (t, options) => {
  const socket = await connect(t, server, options);
  const empty = Buffer.alloc(0);
  assert.deepEqual(await echo(socket, empty), [empty]);
  assert.deepEqual(await echo(socket, empty, { empty }, Buffer.from("x"), empty), [
    empty,
    { empty },
    Buffer.from("x"),
    empty,
  ]);
});

overEachTransport(test, "the same bytes twice", async (t, options) => {
  const socket = await connect(t, server, options);
  assert.deepEqual(await echo(socket, ALL_BYTES, ALL_BYTES), [ALL_BYTES, ALL_BYTES]);
});

overEachTransport(test, "ten attachments, the most that a packet may have", async (t, options) => {
  const socket = await connect(t, server, options);
  const ten = Array.from({ length: 10 }, (_, index) => Buffer.from([index]));
  assert.deepEqual(await echo(socket, ten), [ten]);
});

overEachTransport(
  test,
  "eleven attachments close the connection of that client only",
  async (t, options) => {
    const [socket, other] = await Promise.all([
      connect(t, server, { ...options, reconnection: false }),
      connect(t, server, options),
    ]);
    const closed = once(socket, "disconnect");
    socket.emit(
      "echo",
      Array.from({ length: 11 }, (_, index) => Buffer.from([index])),
    );
    const [reason] = await closed;
    assert.notEqual(reason, "io server disconnect");
    assert.deepEqual(await ask(other, "acknowledge", 1), [1]);
  },
);

overEachTransport(test, "events with and without bytes keep their order", async (t, options) => {
  const socket = await connect(t, server, options);
  const sent = Array.from({ length: 200 }, (_, number) => {
    return number % 3 === 0 ? [number, Buffer.from([number]), { b: Buffer.from("x") }] : [number];
  });
  const received = several(socket, "echo", sent.length);
  for (const args of sent) socket.emit("echo", ...args);
  assert.deepEqual(await received, sent);
});

overEachTransport(test, "half a million bytes", async (t, options) => {
  const socket = await connect(t, server, options);
  const large = Buffer.alloc(500_000, ALL_BYTES);
  const [answer] = await echo(socket, large);
  assert.ok(answer.equals(large));
});

overEachTransport(test, "what looks like a placeholder is data", async (t, options) => {
  const socket = await connect(t, server, options);
  const lookalike = { _placeholder: true, num: 0 };
  assert.deepEqual(await echo(socket, lookalike), [lookalike]);
});

overEachTransport(
  test,
  "a broadcast with bytes reaches every client",
  async (t, options, transport) => {
    const clients = await Promise.all([1, 2, 3].map(() => connect(t, server, options)));
    for (const client of clients) await ask(client, "join", transport);
    const received = Promise.all(clients.map((client) => once(client, "news")));
    const base64 = ALL_BYTES.toString("base64");
    await server.command("emit", { rooms: [transport], event: "news", args: [{ a: 1 }], base64 });
    for (const args of await received) assert.deepEqual(args, [{ a: 1 }, ALL_BYTES]);
  },
);

test("as text over WebSocket, for a client without binary frames", async (t) => {
  const socket = await connect(t, server, { transports: ["websocket"], forceBase64: true });
  const args = [ALL_BYTES, { a: [ALL_BYTES] }];
  assert.deepEqual(await echo(socket, ...args), args);
  assert.deepEqual(await ask(socket, "acknowledge", ...args), args);
});
