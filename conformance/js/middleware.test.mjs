// Who may connect and which events may pass: auth payload, middleware, refusals with data.
import assert from "node:assert/strict";
import test from "node:test";
import {
  ask,
  collect,
  connect,
  connected,
  once,
  open,
  overEachTransport,
  settled,
  useServer,
} from "./helpers.mjs";

const server = useServer();

overEachTransport(test, "an auth object reaches the server", async (t, options) => {
  const auth = { token: "abc", nested: { list: [1, null, "é"] } };
  const socket = await connect(t, server, { ...options, auth });
  const [handshake] = await ask(socket, "handshake");
  assert.deepEqual(handshake.auth, auth);
});

test("an auth function is called for each connection", async (t) => {
  let calls = 0;
  const socket = await connect(t, server, {
    auth: (send) => setImmediate(() => send({ call: ++calls })),
  });
  assert.deepEqual((await ask(socket, "handshake"))[0].auth, { call: 1 });
  socket.disconnect();
  socket.connect();
  await connected(socket);
  assert.deepEqual((await ask(socket, "handshake"))[0].auth, { call: 2 });
});

test("no auth is an empty object", async (t) => {
  const socket = await connect(t, server);
  assert.deepEqual((await ask(socket, "handshake"))[0].auth, {});
});

test("each namespace has its own auth", async (t) => {
  const main = await connect(t, server, { auth: { for: "main" } });
  const chat = await connect(t, server, {
    beside: main,
    namespace: "/chat",
    auth: { for: "chat" },
  });
  assert.deepEqual((await ask(main, "handshake"))[0].auth, { for: "main" });
  assert.deepEqual((await ask(chat, "handshake"))[0].auth, { for: "chat" });
});

overEachTransport(test, "a middleware lets the right client in", async (t, options) => {
  const socket = await connect(t, server, {
    ...options,
    namespace: "/admin",
    auth: { token: "secret" },
  });
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

overEachTransport(test, "a middleware refuses with a message and data", async (t, options) => {
  const socket = open(t, server, { ...options, namespace: "/admin", auth: { token: "wrong" } });
  const [error] = await once(socket, "connect_error");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "not authorized");
  assert.deepEqual(error.data, { code: "E1", retry: [1, 2] });
  assert.equal(socket.active, false, "the client does not try again by itself");
});

test("a refusal without data", async (t) => {
  const socket = open(t, server, { namespace: "/refused" });
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "nobody may enter");
  assert.equal(error.data, undefined);
});

test("a refusal by the connect handler looks the same", async (t) => {
  const socket = open(t, server, { namespace: "/full" });
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "full");
  assert.deepEqual(error.data, { limit: 0 });
  assert.equal(socket.connected, false);
});

test("a refusal leaves the connection and its other namespaces alone", async (t) => {
  const main = await connect(t, server);
  const admin = open(t, server, { beside: main, namespace: "/admin" });
  await once(admin, "connect_error");
  assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
});

overEachTransport(test, "a refused client tries again with better auth", async (t, options) => {
  const main = await connect(t, server, options);
  const admin = open(t, server, { beside: main, namespace: "/admin", auth: { token: "wrong" } });
  await once(admin, "connect_error");
  admin.auth = { token: "secret" };
  admin.connect();
  await connected(admin);
  assert.deepEqual(await ask(admin, "acknowledge", 1), [1]);
});

test("nothing passes before a slow middleware has decided, everything after", async (t) => {
  const main = await connect(t, server, { transports: ["websocket"] });
  const socket = open(t, server, { beside: main, namespace: "/gate" });
  const echoes = collect(socket, "echo");
  for (let number = 0; number < 5; number++) socket.emit("echo", number);
  await server.report({ event: "waiting" });
  await settled(main);
  assert.equal(socket.connected, false);
  await server.command("open gate");
  await connected(socket);
  await settled(socket);
  assert.deepEqual(echoes, [[0], [1], [2], [3], [4]]);
});

test("middlewares run in order, one after the other", async (t) => {
  const socket = open(t, server, { namespace: "/first" });
  assert.deepEqual(await once(socket, "steps"), [["first", "second"]]);
});

test("a middleware for events drops an event and keeps the connection", async (t) => {
  const socket = await connect(t, server, { namespace: "/guarded" });
  let answered = false;
  socket.emit("acknowledge", 1, () => (answered = true));
  const report = await server.report({ event: "error", namespace: "/guarded", id: socket.id });
  assert.equal(report.of, "acknowledge");
  assert.equal(report.message, "this event is not allowed");
  socket.emit("echo", "passes");
  assert.deepEqual(await once(socket, "echo"), ["passes"]);
  assert.equal(answered, false);
});

test("a handler that raises leaves the connection and the other handlers alone", async (t) => {
  const socket = await connect(t, server);
  let answered = false;
  socket.emit("throw", () => (answered = true));
  const report = await server.report({ event: "error", id: socket.id, of: "throw" });
  assert.equal(report.message, "the handler failed");
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  assert.equal(answered, false);
});
