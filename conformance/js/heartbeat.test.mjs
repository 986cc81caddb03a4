// Pings: they keep a connection alive, and a side that falls silent is given up.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import {
  ask,
  connect,
  once,
  overEachTransport,
  several,
  startServer,
  useServer,
} from "./helpers.mjs";

describe("the server pings", () => {
  const server = useServer({ pingInterval: 50, pingTimeout: 5000 });

  overEachTransport(test, "the connection outlives many pings", async (t, options) => {
    const socket = await connect(t, server, { ...options, reconnection: false });
    await several(socket.io, "ping", 8);
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });
});

describe("a client that falls silent", () => {
  const server = useServer({ pingInterval: 300, pingTimeout: 1000 });

  overEachTransport(test, "is closed by the server: ping timeout", async (t, options) => {
    const socket = await connect(t, server, { ...options, reconnection: false });
    const { id } = socket;
    const { engine } = socket.io;
    const send = engine._sendPacket;
    engine._sendPacket = (type, ...rest) => type === "pong" || send.call(engine, type, ...rest);
    // The server ends it, also when this process is slower: the client itself has more patience.
    engine._pingTimeout = 60_000;
    engine._resetPingTimeout();
    const [[reason], report] = await Promise.all([
      once(socket, "disconnect"),
      server.report({ event: "disconnect", id }),
    ]);
    assert.equal(reason, "transport close");
    assert.equal(report.reason, "ping timeout");
  });
});

describe("a server that falls silent", () => {
  overEachTransport(
    test,
    "is given up by the client: ping timeout; after that both are well",
    async (t, options) => {
      const server = await startServer(t, { pingInterval: 300, pingTimeout: 2000 });
      const socket = await connect(t, server, options);
      const { id } = socket;
      const closed = once(socket, "disconnect");
      server.suspend();
      t.after(() => server.resume());
      const [reason] = await closed;
      assert.equal(reason, "ping timeout");
      const connectedAgain = once(socket, "connect");
      server.resume();
      await connectedAgain;
      assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
      await server.report({ event: "disconnect", id });
    },
  );
});
