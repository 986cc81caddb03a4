// How a connection comes about: transports, path, headers, query, cookie, and a server that refuses
// it.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { expected } from "./expectations.mjs";
import { ask, connect, connected, once, open, overEachTransport, useServer } from "./helpers.mjs";

describe("a server with default options", () => {
  const server = useServer();

  overEachTransport(test, "the client connects", async (t, options) => {
    const socket = await connect(t, server, options);
    assert.match(socket.id, /^[\w-]{20}$/);
    assert.equal(socket.recovered ?? false, false);
    assert.equal(socket.io.engine.transport.name, options.transports.at(-1));
    await server.report({ event: "connect", namespace: "/", id: socket.id });
  });

  test("with WebSocket first there is no polling and no upgrade", async (t) => {
    const socket = open(t, server, { transports: ["websocket", "polling"] });
    await connected(socket);
    assert.equal(socket.io.engine.transport.name, "websocket");
    const [handshake] = await ask(socket, "handshake");
    assert.equal(handshake.query.transport, "websocket");
  });

  test("the default transports are polling, then an upgrade to WebSocket", async (t) => {
    const socket = open(t, server);
    await connected(socket);
    const [handshake] = await ask(socket, "handshake");
    assert.equal(handshake.query.transport, "polling");
    if (socket.io.engine.transport.name === "polling") await once(socket.io.engine, "upgrade");
    assert.equal(socket.io.engine.transport.name, "websocket");
  });

  test("a client that must not upgrade stays on polling", async (t) => {
    const socket = await connect(t, server, { upgrade: false });
    await ask(socket, "acknowledge");
    assert.equal(socket.io.engine.transport.name, "polling");
  });

  test("the id of the socket is not the session id of the connection", async (t) => {
    const socket = await connect(t, server);
    assert.notEqual(socket.id, socket.io.engine.id);
  });

  overEachTransport(
    test,
    "the open packet has exactly the five documented fields",
    async (t, options) => {
      const socket = open(t, server, { ...options, autoConnect: false });
      socket.connect();
      const [handshake] = await once(socket.io.engine, "handshake");
      assert.deepEqual(handshake, {
        sid: handshake.sid,
        upgrades: options.transports[0] === "polling" ? ["websocket"] : [],
        pingInterval: 25000,
        pingTimeout: 20000,
        maxPayload: 1_000_000,
      });
    },
  );

  overEachTransport(
    test,
    "query and headers of the client reach the server",
    async (t, options) => {
      const socket = await connect(t, server, {
        ...options,
        query: { token: "a b&c=é", empty: "" },
        extraHeaders: { "X-Case": "yes" },
      });
      const [handshake] = await ask(socket, "handshake");
      assert.equal(handshake.query.EIO, "4");
      assert.equal(handshake.query.token, "a b&c=é");
      assert.equal(handshake.query.empty, "");
      assert.equal(handshake.headers["x-case"], "yes");
    },
  );

  test("the handshake describes the request", async (t) => {
    const before = Date.now();
    const socket = await connect(t, server, { transports: ["websocket"] });
    const [handshake] = await ask(socket, "handshake");
    assert.equal(handshake.address, "127.0.0.1");
    assert.equal(handshake.secure, false);
    assert.equal(handshake.xdomain, false);
    assert.equal(typeof handshake.time, "string");
    assert.equal(Date.parse(handshake.time), Math.floor(handshake.issued / 1000) * 1000);
    assert.match(handshake.url, /^\/socket\.io\/\?EIO=4&transport=websocket/);
    assert.equal(handshake.headers.host, `127.0.0.1:${server.port}`);
    assert.deepEqual(handshake.auth, {});
    assert.ok(
      Number.isInteger(handshake.issued),
      `issued is ${handshake.issued}, expected milliseconds`,
    );
    assert.ok(handshake.issued >= before && handshake.issued <= Date.now());
  });

  test("a client that connects later, on demand", async (t) => {
    const socket = open(t, server, { autoConnect: false });
    assert.equal(socket.active, false);
    socket.connect();
    await connected(socket);
  });

  test("clients of one page share a connection, forceNew has its own", async (t) => {
    const options = { forceNew: false, transports: ["websocket"] };
    const main = await connect(t, server, options);
    const chat = await connect(t, server, { ...options, namespace: "/chat" });
    const alone = await connect(t, server, { ...options, forceNew: true });
    assert.equal(main.io, chat.io);
    assert.notEqual(main.io, alone.io);
    assert.notEqual(main.io.engine.id, alone.io.engine.id);
  });

  test("a wrong path is not found", async (t) => {
    const socket = open(t, server, {
      path: "/elsewhere",
      transports: ["polling"],
      reconnection: false,
    });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "xhr poll error");
    assert.equal(error.description, 404);
  });
});

describe("a server on another path", () => {
  const server = useServer({ path: "/my/realtime" });

  overEachTransport(test, "the client connects", async (t, options) => {
    const socket = await connect(t, server, { ...options, path: "/my/realtime" });
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });
});

describe("a server with polling only", () => {
  const server = useServer({ transports: ["polling"] });

  test("the client stays on polling", async (t) => {
    const socket = open(t, server);
    await connected(socket);
    await ask(socket, "acknowledge");
    assert.equal(socket.io.engine.transport.name, "polling");
  });

  test("WebSocket is refused", async (t) => {
    const socket = open(t, server, { transports: ["websocket"], reconnection: false });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "websocket error");
  });
});

describe("a server with WebSocket only", () => {
  const server = useServer({ transports: ["websocket"] });

  test("a WebSocket client connects", async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });

  test("polling is refused with code 0", async (t) => {
    const socket = open(t, server, { transports: ["polling"], reconnection: false });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.description, 400);
    const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    assert.deepEqual(await response.json(), { code: 0, message: "Transport unknown" });
  });

  test("a client that tries all transports falls back to WebSocket", async (t) => {
    const socket = open(t, server, { tryAllTransports: true });
    await connected(socket);
    assert.equal(socket.io.engine.transport.name, "websocket");
  });
});

describe("a server without upgrades", () => {
  const server = useServer({ allowUpgrades: false });

  test("the client stays on polling", async (t) => {
    const socket = open(t, server);
    await connected(socket);
    await ask(socket, "acknowledge");
    assert.equal(socket.io.engine.transport.name, "polling");
  });
});

describe("a server that checks each request", () => {
  const server = useServer({ requireHeader: "valid" });
  const extraHeaders = { "x-token": "valid" };

  overEachTransport(test, "the right header connects", async (t, options) => {
    const socket = await connect(t, server, { ...options, extraHeaders });
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });

  test("polling is refused with status 403, code 4 and the reason", async (t) => {
    const socket = open(t, server, { transports: ["polling"], reconnection: false });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.description, 403);
    const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    assert.deepEqual(await response.json(), {
      code: 4,
      message: "a valid x-token header is required",
    });
  });

  test("WebSocket is refused", async (t) => {
    const socket = open(t, server, { transports: ["websocket"], reconnection: false });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "websocket error");
    assert.equal(
      error.description.message,
      `Unexpected server response: ${expected("status of a refused WebSocket handshake")}`,
    );
  });
});

describe("a server with a cookie", () => {
  const server = useServer({ cookie: true });

  test("polling sets it and a client with credentials sends it back", async (t) => {
    const socket = open(t, server, {
      transports: ["polling"],
      withCredentials: true,
      autoConnect: false,
    });
    socket.connect();
    await connected(socket);
    const { engine } = socket.io;
    assert.equal(new Map(engine._cookieJar.cookies).get("io")?.value, engine.id);
    const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    const sid = JSON.parse((await response.text()).slice(1)).sid;
    assert.equal(response.headers.get("set-cookie"), `io=${sid}; Path=/; HttpOnly; SameSite=Lax`);
  });
});
