// Packets in MessagePack: the official parser of the official client, and the server's.
import assert from "node:assert/strict";
import test from "node:test";
import parser from "socket.io-msgpack-parser";
import { ask, connect, once, open, overEachTransport, useServer } from "./helpers.mjs";

const server = useServer({ parser: "msgpack" });
const json = useServer();

const over = (name, body) =>
  overEachTransport(test, name, (t, options) => body(t, { ...options, parser }));

async function echo(socket, ...args) {
  const [answer] = await Promise.all([once(socket, "echo"), socket.emit("echo", ...args)]);
  return answer;
}

over("values and bytes, nested", async (t, options) => {
  const socket = await connect(t, server, options);
  const bytes = Buffer.from([0, 1, 254, 255]);
  const nested = [bytes, [{ a: [{}], bytes }], { _placeholder: true, num: 0 }];
  const args = [1, -1, 2 ** 40, 1.5, true, null, "é😀", nested];
  assert.deepEqual(await echo(socket, ...args), args);
  assert.deepEqual(await ask(socket, "acknowledge", ...args), args);
});

over("what JavaScript has and JSON has not", async (t, options) => {
  const socket = await connect(t, server, options);
  const dates = [new Date(1_700_000_000_123), new Date(-1)];
  const eight = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const [answer] = await echo(socket, { dates, eight: eight.buffer, numbers: [NaN, -Infinity] });
  assert.deepEqual(answer.dates, dates);
  assert.deepEqual(Buffer.from(answer.eight), Buffer.from(eight));
  assert.deepEqual(answer.numbers, [NaN, -Infinity]);
});

over("auth with bytes, and refusals with data", async (t, options) => {
  const auth = { token: "secret", key: Buffer.from("key") };
  const admin = await connect(t, server, { ...options, namespace: "/admin", auth });
  assert.deepEqual(await ask(admin, "acknowledge", 1), [1]);
  for (const [namespace, message, data] of [
    ["/admin", "not authorized", { code: "E1", retry: [1, 2] }],
    ["/unknown", "Invalid namespace", undefined],
  ]) {
    const refused = open(t, server, { ...options, namespace });
    const [error] = await once(refused, "connect_error");
    assert.equal(error.message, message);
    assert.deepEqual(error.data, data);
  }
});

over("several namespaces, rooms, and calls of the server", async (t, options) => {
  const main = await connect(t, server, options);
  const chat = await connect(t, server, { ...options, namespace: "/chat", beside: main });
  chat.on("question", (number, answer) => answer(number + 1));
  const heard = once(chat, "news");
  const bytes = Buffer.from("bytes");
  await server.command("emit", {
    namespace: "/chat",
    rooms: [chat.id],
    event: "news",
    args: [{ a: 1 }],
    base64: bytes.toString("base64"),
  });
  assert.deepEqual(await heard, [{ a: 1 }, bytes]);
  assert.deepEqual(await ask(chat, "call", "question", [41], 5000), [{ answer: 42 }]);
  chat.disconnect();
  await server.report({ event: "disconnect", reason: "client namespace disconnect" });
  assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
});

for (const [name, other, options] of [
  ["a client with JSON at a server with MessagePack", server, {}],
  ["a client with MessagePack at a server with JSON", json, { parser }],
]) {
  test(`${name} is not let in`, async (t) => {
    const socket = open(t, other, { ...options, transports: ["websocket"], reconnection: false });
    socket.on("connect", () => assert.fail("connected"));
    await once(socket.io, "close");
  });
}
