// Text outside of ASCII and the values of JSON, as they come back from the server.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connect, once, overEachTransport, useServer } from "./helpers.mjs";

const server = useServer();

const TEXTS = {
  empty: "",
  "two and three bytes of UTF-8": "é ß ж 中 文 ﷽",
  "four bytes": "😀 𝄞 𠜎",
  "joined emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇪🇺",
  "combining marks, not normalised": "e\u0301 é A\u030a Å",
  "right to left": "שלום \u202e مرحبا",
  NUL: "a\u0000b",
  "all control characters": Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join(
    "",
  ),
  "the separator of a payload": "4\u001e42\u001e1",
  "line separators": "\u2028\u2029\u0085",
  "a byte order mark": "\ufeffx\ufeff",
  noncharacters: "\ufffe\uffff",
  "the replacement character": "\ufffd",
  "quotes and backslashes": "\"\\/'`\\u0041",
  "what looks like a packet": '42["echo"]',
  "what looks like base64": "bAQIDBA==",
};

overEachTransport(test, "text of all kinds", async (t, options) => {
  const socket = await connect(t, server, options);
  for (const [name, text] of Object.entries(TEXTS)) {
    socket.emit("echo", text, { [text]: [text] });
    assert.deepEqual(await once(socket, "echo"), [text, { [text]: [text] }], name);
    assert.deepEqual(await ask(socket, "acknowledge", text), [text], name);
  }
});

overEachTransport(test, "text of all kinds in auth", async (t, options) => {
  const socket = await connect(t, server, { ...options, auth: TEXTS });
  assert.deepEqual((await ask(socket, "handshake"))[0].auth, TEXTS);
});

overEachTransport(test, "text of all kinds as the name of an event", async (t, options) => {
  const socket = await connect(t, server, options);
  for (const [name, text] of Object.entries(TEXTS)) {
    const received = once(socket, text);
    await server.command("emit", { rooms: [socket.id], event: text, args: [name] });
    assert.deepEqual(await received, [name]);
    socket.emit(text, name); // nobody listens to it there; it must do no harm
  }
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

// JSON.stringify writes a lone surrogate as the six ASCII characters of its escape, so that UTF-8
// never meets it: the text survives, over both transports. (Replacing it by U+FFFD would be a loss
// that the official server does not have.)
const LONE_SURROGATES = [
  "\ud800",
  "\udfff",
  "a\udc00b",
  "\ud83d",
  "\ude00\ud83d",
  "\ud800\ud800\udc00",
];

overEachTransport(test, "lone surrogates come back as they are", async (t, options) => {
  const socket = await connect(t, server, options);
  for (const text of LONE_SURROGATES) {
    socket.emit("echo", text, { [text]: text });
    assert.deepEqual(await once(socket, "echo"), [text, { [text]: text }]);
    assert.deepEqual(await ask(socket, "acknowledge", text, Buffer.from("b")), [
      text,
      Buffer.from("b"),
    ]);
  }
});

overEachTransport(
  test,
  "lone surrogates in a broadcast, auth, the name of a room and of an event",
  async (t, options) => {
    const socket = await connect(t, server, { ...options, auth: { "\ud800": "\udc00" } });
    const other = await connect(t, server, options);
    assert.deepEqual((await ask(socket, "handshake"))[0].auth, { "\ud800": "\udc00" });
    await ask(socket, "join", "room \ud800");
    const received = once(socket, "news \udc00");
    await ask(other, "to", ["room \ud800"], [], "news \udc00", "\ud83d");
    assert.deepEqual(await received, ["\ud83d"]);
  },
);

test("a lone surrogate outside of JSON is replaced by the client's own UTF-8 encoder", async (t) => {
  // The name of a namespace is not JSON: here the encoder of the client puts U+FFFD, before the
  // server sees anything.
  const socket = await connect(t, server, { transports: ["websocket"] });
  const other = socket.io.socket("/a\ud800b");
  const refused = once(socket.io, "packet");
  other.connect();
  const [packet] = await refused;
  assert.equal(packet.nsp, "/a\ufffdb");
  assert.equal(packet.data.message, "Invalid namespace");
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  0.1,
  -1.5e-7,
  1e21,
  5e-324,
  1.7976931348623157e308,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  -(2 ** 63),
  123456789012345680000,
  [],
  {},
  [[], [[]], {}],
  { "": "", " ": 1, 0: 2, "__proto__ ": 3, toString: 4, constructor: { prototype: 5 } },
  { z: 1, a: 2, m: { y: 1, b: 2 } },
  Array.from({ length: 1000 }, (_, index) => index),
];

overEachTransport(test, "every kind of JSON value", async (t, options) => {
  const socket = await connect(t, server, options);
  for (const value of VALUES) {
    socket.emit("echo", value);
    const [answer] = await once(socket, "echo");
    assert.deepEqual(answer, value);
    assert.equal(JSON.stringify(answer), JSON.stringify(value), "the order of the keys stays, too");
  }
});

test("the key __proto__ is data", async (t) => {
  const socket = await connect(t, server);
  const value = JSON.parse('{"__proto__":{"admin":true},"a":1}');
  socket.emit("echo", value);
  const [answer] = await once(socket, "echo");
  assert.equal(JSON.stringify(answer), '{"__proto__":{"admin":true},"a":1}');
  assert.equal({}.admin, undefined);
});

test("what JSON does not have arrives as JSON.stringify writes it", async (t) => {
  const socket = await connect(t, server);
  const date = new Date(0);
  socket.emit("echo", undefined, NaN, Infinity, -0, date, { gone: undefined, kept: 1 });
  assert.deepEqual(await once(socket, "echo"), [
    null,
    null,
    null,
    0,
    "1970-01-01T00:00:00.000Z",
    { kept: 1 },
  ]);
});

overEachTransport(test, "nesting", async (t, options) => {
  const socket = await connect(t, server, options);
  let value = "core";
  for (let depth = 0; depth < 60; depth++) value = depth % 2 ? [value] : { value };
  socket.emit("echo", value);
  assert.deepEqual(await once(socket, "echo"), [value]);
});

test("events without arguments and with many", async (t) => {
  const socket = await connect(t, server);
  socket.emit("echo");
  assert.deepEqual(await once(socket, "echo"), []);
  const many = Array.from({ length: 500 }, (_, index) => index);
  socket.emit("echo", ...many);
  assert.deepEqual(await once(socket, "echo"), many);
});
