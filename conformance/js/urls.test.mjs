// What the address and the options of a client mean: namespaces, queries, paths, shared connections.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import test, { describe } from "node:test";
import { io, Manager } from "socket.io-client";
import { ask, connect, connected, once, open, useServer } from "./helpers.mjs";

const server = useServer();

/** Return clients as an application makes them, without `forceNew`; they close with the test. */
function clients(t, ...addresses) {
  return addresses.map(([address, options]) => {
    const socket = io(server.url + address, options);
    t.after(() => {
      socket.disconnect();
      socket.io._close();
    });
    return socket;
  });
}

describe("the query reaches the server", () => {
  for (const [name, namespace, query, expected] of [
    ["as an object", "/", { e: "f" }, { e: "f" }],
    ["as an object, in a namespace", "/chat", { a: "b" }, { a: "b" }],
    ["as a part of the address", "/?c=d", undefined, { c: "d" }],
    ["as a part of the address, in a namespace", "/chat?b=c&d=e", undefined, { b: "c", d: "e" }],
    ["encoded", "/chat", { "&a": "&=?a", "ü ✓": "%20+ ✓" }, { "&a": "&=?a", "ü ✓": "%20+ ✓" }],
  ]) {
    test(name, async (t) => {
      const socket = open(t, server, { namespace, query });
      await connected(socket);
      const [handshake] = await ask(socket, "handshake");
      for (const [key, value] of Object.entries(expected)) assert.equal(handshake.query[key], value);
      assert.equal(socket.nsp, namespace.split("?")[0]);
    });
  }

  test("and auth does not get into it", async (t) => {
    const socket = await connect(t, server, { auth: (give) => give({ e: "f" }) });
    const [handshake] = await ask(socket, "handshake");
    assert.deepEqual(handshake.auth, { e: "f" });
    assert.equal(handshake.query.e, undefined);
  });
});

describe("a connection", () => {
  test("is shared by the namespaces of one address", async (t) => {
    const [chat, admin] = clients(t, ["/chat", {}], ["/watched", {}]);
    assert.equal(chat.io, admin.io);
    await Promise.all([connected(chat), connected(admin)]);
    assert.notEqual(chat.id, admin.id);
  });

  for (const [name, first, second] of [
    ["the same namespace twice", ["/", {}], ["/", {}]],
    ["another query", ["/?woot", {}], ["/", {}]],
    ["another path", ["/", { path: "/foo", autoConnect: false }], ["/", { autoConnect: false }]],
    ["multiplex: false", ["/", { multiplex: false }], ["/chat", { multiplex: false }]],
  ]) {
    test(`is not shared: ${name}`, (t) => {
      const [one, other] = clients(t, first, second);
      assert.notEqual(one.io, other.io);
    });
  }

  test("is not opened with autoConnect: false", (t) => {
    const socket = open(t, server, { autoConnect: false });
    assert.equal(socket.io.engine, undefined);
    assert.equal(socket.active, false);
  });

  test("serves a namespace that is opened when it is there", async (t) => {
    const socket = await connect(t, server);
    const { engine } = socket.io;
    const chat = open(t, server, { beside: socket, namespace: "/chat" });
    await connected(chat);
    assert.equal(chat.io.engine, engine);
  });

  test("is made anew for a namespace that is opened when it is over", async (t) => {
    const socket = await connect(t, server);
    const { engine } = socket.io;
    socket.disconnect();
    const chat = open(t, server, { beside: socket, namespace: "/chat" });
    await connected(chat);
    assert.notEqual(chat.io.engine, engine);
  });

  test("stays when one of two namespaces is left, and ends with the other", async (t) => {
    const socket = await connect(t, server);
    const chat = open(t, server, { beside: socket, namespace: "/chat" });
    await connected(chat);
    socket.disconnect();
    await ask(chat, "acknowledge");
    const closed = once(chat.io, "close");
    chat.disconnect();
    assert.deepEqual((await closed)[0], "forced close");
  });

  test("is kept when one namespace is left while the next one is joined", async (t) => {
    const chat = await connect(t, server, { namespace: "/chat" });
    const { engine } = chat.io;
    const watched = open(t, server, { beside: chat, namespace: "/watched" });
    chat.disconnect();
    await connected(watched);
    assert.equal(watched.io.engine, engine);
  });
});

describe("an address where nothing listens", () => {
  const nowhere = "http://127.0.0.1:1";

  test("is tried as often as told, with the number of each attempt", async (t) => {
    const manager = new Manager(nowhere, { reconnectionAttempts: 2, reconnectionDelay: 1 });
    t.after(() => manager._close());
    const attempts = [];
    manager.on("reconnect_attempt", (attempt) => attempts.push(attempt));
    const socket = manager.socket("/chat");
    await once(manager, "reconnect_failed");
    assert.deepEqual(attempts, [1, 2]);
    // A later attempt on demand counts from the start.
    socket.disconnect();
    socket.connect();
    await once(manager, "reconnect_failed");
    assert.deepEqual(attempts, [1, 2, 1, 2]);
  });

  test("is tried once without reconnection", async (t) => {
    const manager = new Manager(nowhere, { reconnection: false });
    t.after(() => manager._close());
    const attempts = [];
    manager.on("reconnect_attempt", (attempt) => attempts.push(attempt));
    const socket = manager.socket("/");
    const [error] = await once(socket, "connect_error");
    assert.ok(error instanceof Error);
    assert.deepEqual(attempts, []);
  });

  test("is a timeout where nobody answers", async (t) => {
    const arrived = [];
    const silent = createServer((connection) => arrived.push(connection));
    await new Promise((listening) => silent.listen(0, "127.0.0.1", listening));
    t.after(() => {
      silent.close();
      // Nobody reads these: their end would never be noticed, and the process would wait for ever.
      for (const connection of arrived) connection.destroy();
    });
    const url = `http://127.0.0.1:${silent.address().port}`;
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = open(t, { url }, { transports, timeout: 1 });
      const [error] = await once(socket, "connect_error");
      assert.equal(error.message, "timeout");
    }
  });
});
