// Several namespaces over one connection, and those that the server does not know.
import assert from "node:assert/strict";
import test from "node:test";
import { expected } from "./expectations.mjs";
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

overEachTransport(test, "several namespaces share one connection", async (t, options) => {
  const main = await connect(t, server, options);
  const others = await Promise.all(
    ["/chat", "/guarded", "/watched"].map((namespace) => {
      return connect(t, server, { beside: main, namespace });
    }),
  );
  const ids = [main, ...others].map((socket) => socket.id);
  assert.equal(new Set(ids).size, 4, `each namespace has its own socket id, got ${ids}`);
  for (const socket of [main, ...others]) {
    socket.emit("echo", socket.nsp);
    assert.deepEqual(await once(socket, "echo"), [socket.nsp]);
  }
});

overEachTransport(test, "a namespace alone, without the main one", async (t, options) => {
  const chat = await connect(t, server, { ...options, namespace: "/chat" });
  assert.deepEqual(await ask(chat, "acknowledge", "only chat"), ["only chat"]);
  assert.ok(!server.reports.some((report) => report.namespace === "/" && report.id === chat.id));
});

test("an event stays in its namespace", async (t) => {
  const main = await connect(t, server);
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  const inMain = collect(main, "news");
  const inChat = collect(chat, "news");
  await server.command("emit", { namespace: "/chat", event: "news", args: ["for chat"] });
  await server.command("emit", { event: "news", args: ["for main"] });
  await settled(main, chat);
  assert.deepEqual(inMain, [["for main"]]);
  assert.deepEqual(inChat, [["for chat"]]);
});

test("a name outside of ASCII, with a space", async (t) => {
  const socket = await connect(t, server, { namespace: "/чат ✓" });
  assert.equal(socket.nsp, "/чат ✓");
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

test("a query after the name belongs to the connection, not to the name", async (t) => {
  const chat = await connect(t, server, { namespace: "/chat?token=1" });
  assert.equal(chat.nsp, "/chat");
  const [handshake] = await ask(chat, "handshake");
  assert.equal(handshake.query.token, "1");
});

overEachTransport(
  test,
  "an unknown namespace is refused and the connection stays",
  async (t, options) => {
    const main = await connect(t, server, options);
    const nowhere = open(t, server, { beside: main, namespace: "/nowhere" });
    const [error] = await once(nowhere, "connect_error");
    assert.equal(error.message, "Invalid namespace");
    assert.equal(error.data, undefined);
    assert.equal(nowhere.connected, false);
    assert.equal(nowhere.active, false);
    assert.deepEqual(await ask(main, "acknowledge", "still here"), ["still here"]);
  },
);

for (const namespace of [
  "/__proto__",
  "/constructor",
  "/chat/",
  "/CHAT",
  "//",
  `/${"n".repeat(200)}`,
]) {
  test(`the name ${namespace.slice(0, 20)} is just unknown`, async (t) => {
    const socket = open(t, server, { namespace });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "Invalid namespace");
  });
}

test("leaving one namespace leaves the others", async (t) => {
  const main = await connect(t, server);
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  const { id } = chat;
  chat.disconnect();
  const report = await server.report({ event: "disconnect", namespace: "/chat", id });
  assert.equal(report.reason, "client namespace disconnect");
  assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
});

test("leaving the main namespace leaves the others", async (t) => {
  const main = await connect(t, server);
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  const { id } = main;
  main.disconnect();
  await server.report({ event: "disconnect", namespace: "/", id });
  assert.deepEqual(await ask(chat, "acknowledge", 1), [1]);
});

overEachTransport(
  test,
  "a namespace can be left and joined again on the same connection",
  async (t, options) => {
    const main = await connect(t, server, options);
    const chat = await connect(t, server, { beside: main, namespace: "/chat" });
    const sessionId = main.io.engine.id;
    const ids = new Set([chat.id]);
    for (let round = 0; round < 3; round++) {
      const { id } = chat;
      chat.disconnect();
      await server.report({ event: "disconnect", namespace: "/chat", id });
      chat.connect();
      await connected(chat);
      ids.add(chat.id);
      assert.deepEqual(await ask(chat, "acknowledge", round), [round]);
    }
    assert.equal(ids.size, 4);
    assert.equal(main.io.engine.id, sessionId);
  },
);

test("leaving and joining a namespace in one breath", async (t) => {
  const main = await connect(t, server, { transports: ["websocket"] });
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  const sessionId = main.io.engine.id;
  chat.disconnect();
  chat.connect();
  await connected(chat);
  assert.deepEqual(await ask(chat, "acknowledge", 1), [1]);
  if (expected("leaving and joining in one breath keeps the connection")) {
    assert.equal(main.io.engine.id, sessionId);
  }
});

test("the server puts a client out of one namespace only", async (t) => {
  const main = await connect(t, server);
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  await Promise.all([
    once(chat, "disconnect"),
    server.command("disconnect", { namespace: "/chat", id: chat.id, close: false }),
  ]);
  assert.equal(chat.connected, false);
  assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
});

test("the server closes the connection under all namespaces", async (t) => {
  const main = await connect(t, server);
  const chat = await connect(t, server, { beside: main, namespace: "/chat" });
  const [[reasonMain], [reasonChat]] = await Promise.all([
    once(main, "disconnect"),
    once(chat, "disconnect"),
    server.command("disconnect", { namespace: "/chat", id: chat.id, close: true }),
  ]);
  assert.equal(reasonMain, "io server disconnect");
  assert.equal(reasonChat, "io server disconnect");
});
