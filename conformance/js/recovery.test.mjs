// Connection state recovery: the client comes back after a cut as if it had never been away.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { expected } from "./expectations.mjs";
import {
  ask,
  bounded,
  collect,
  connect,
  once,
  overEachTransport,
  settled,
  startServer,
  TRANSPORTS,
  upgraded,
  useServer,
} from "./helpers.mjs";
import { startProxy } from "./proxy.mjs";

/** Wait until the connection is one whose end the server will notice. */
async function noticeable(proxy, socket) {
  if (socket.io.opts.transports?.length !== 1) await upgraded(socket);
  await settled(socket);
  if (socket.io.engine.transport.name === "polling") await proxy.pollRead(socket);
}

/** Cut the client off, and keep it away until `meanwhile` is done. */
async function away(server, proxy, socket, meanwhile) {
  const { id } = socket;
  await noticeable(proxy, socket);
  const gone = once(socket, "disconnect");
  proxy.refuse = true;
  proxy.cut();
  await gone;
  await server.report({ event: "disconnect", id });
  await meanwhile();
  const back = once(socket, "connect");
  proxy.refuse = false;
  await back;
}

describe("a client that was cut off", () => {
  const server = useServer({ connectionStateRecovery: {} });

  overEachTransport(test, "has its id and rooms, and all that it missed", async (t, options) => {
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy, options);
    const events = collect(socket, "news");
    await ask(socket, "join", ["a", "b"]);
    await server.command("emit", { event: "news", args: [0] });
    const { id } = socket;
    let atConnect;
    socket.once("connect", () => (atConnect = events.length));
    await away(server, proxy, socket, async () => {
      await server.command("emit", { event: "news", args: [1] });
      await server.command("emit", { event: "news", args: [2], rooms: ["a"], base64: "AQI=" });
      await server.command("emit", { event: "news", args: ["no"], rooms: ["c"] });
      await server.command("emit", { event: "news", args: ["no"], except: ["b"] });
      await server.command("emit", { event: "news", args: ["no"], flags: ["volatile"] });
      await server.command("emit", { event: "news", args: [3], rooms: [id] });
    });
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    await settled(socket);
    assert.deepEqual(
      events.map(([number]) => number),
      [0, 1, 2, 3],
    );
    assert.deepEqual(events[2][1], Buffer.from([1, 2]));
    assert.equal(atConnect, 4, "what was missed comes before the connect event");
    assert.deepEqual(await ask(socket, "rooms"), [[id, "a", "b"].sort()]);
  });

  overEachTransport(test, "again and again, nothing is lost or repeated", async (t, options) => {
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy, options);
    const numbers = collect(socket, "number");
    const { id } = socket;
    await ask(socket, "burst", 20);
    for (let round = 1; round < 4; round++) {
      await away(server, proxy, socket, async () => {
        for (let number = 0; number < 20; number++) {
          await server.command("emit", { event: "number", args: [round * 20 + number], rooms: [id] });
        }
      });
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      server.reports.length = 0;
    }
    await settled(socket);
    assert.deepEqual(
      numbers.map(([number]) => number),
      Array.from({ length: 80 }, (_, number) => number),
    );
  });

  overEachTransport(test, "before any event", async (t, options) => {
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy, options);
    const { id } = socket;
    await away(server, proxy, socket, () => server.command("emit", { event: "news", args: [1] }));
    const recovers = expected("a client that had no event recovers");
    assert.equal(socket.recovered, recovers);
    assert.equal(socket.id === id, recovers);
  });

  test("in every namespace", async (t) => {
    const proxy = await startProxy(t, server);
    const main = await connect(t, proxy);
    const chat = await connect(t, proxy, { beside: main, namespace: "/chat" });
    for (const socket of [main, chat]) socket.emit("echo", "for an offset");
    await settled(main, chat);
    const ids = [main.id, chat.id];
    const back = once(chat, "connect");
    await away(server, proxy, main, async () => {});
    await back;
    assert.deepEqual([main.id, chat.id], ids);
    assert.deepEqual([main.recovered, chat.recovered], [true, true]);
  });

  test("with a text at the end of a volatile event", async (t) => {
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy);
    socket.emit("echo", "for an offset");
    await settled(socket);
    const text = once(socket, "news");
    await server.command("emit", { event: "news", args: [1, "text"], flags: ["volatile"] });
    await text;
    await away(server, proxy, socket, async () => {});
    assert.equal(socket.recovered, expected("a text at the end of a volatile event is no offset"));
  });

  test("on purpose: it comes back as a new socket", async (t) => {
    const socket = await connect(t, server);
    socket.emit("echo", "for an offset");
    await settled(socket);
    const { id } = socket;
    socket.disconnect().connect();
    await once(socket, "connect");
    assert.notEqual(socket.id, id);
    assert.equal(socket.recovered, false);
  });
});

// Over polling alone the second GET tells.
for (const transport of ["websocket", "polling upgraded to websocket"]) {
  test(`a client that is back before it was missed, over ${transport}`, async (t) => {
    const takesOver = expected("a client that is back before its loss was noticed recovers");
    // The server hears nothing of the cut, and would notice it after minutes.
    const server = await startServer(t, {
      connectionStateRecovery: {},
      pingInterval: 600_000,
      pingTimeout: 600_000,
    });
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy, TRANSPORTS[transport]);
    socket.emit("echo", "for an offset");
    await settled(socket);
    const { id } = socket;
    const news = collect(socket, "news");
    await noticeable(proxy, socket);
    const gone = once(socket, "disconnect");
    const back = once(socket, "connect");
    proxy.cutClients();
    await server.command("emit", { event: "news", args: [1], rooms: [id] });
    await gone;
    await back;
    assert.equal(socket.recovered, takesOver);
    if (takesOver) {
      await server.report({ event: "disconnect", id, reason: "transport close" });
      await settled(socket);
      assert.equal(socket.id, id);
      assert.deepEqual(
        news.map(([number]) => number),
        [1],
      );
    }
  });
}

test("a session that has expired is a new socket", async (t) => {
  const server = await startServer(t, {
    connectionStateRecovery: { maxDisconnectionDuration: 1 },
  });
  const proxy = await startProxy(t, server);
  const socket = await connect(t, proxy);
  socket.emit("echo", "for an offset");
  await settled(socket);
  const { id } = socket;
  await away(server, proxy, socket, () => bounded(new Promise((done) => setTimeout(done, 20)), () => ""));
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, id);
});

for (const skipMiddlewares of [true, false]) {
  test(`middlewares run for who comes back: ${!skipMiddlewares}`, async (t) => {
    const server = await startServer(t, {
      connectionStateRecovery: { skipMiddlewares },
      });
    const proxy = await startProxy(t, server);
    const auth = { token: "secret" };
    const socket = await connect(t, proxy, { namespace: "/admin", auth });
    socket.emit("echo", "for an offset");
    await settled(socket);
    const { id } = socket;
    auth.token = "wrong";
    const back = away(server, proxy, socket, async () => {});
    if (skipMiddlewares) {
      await back;
      assert.equal(socket.id, id);
    } else {
      // The proxy's refusals come first.
      back.catch(() => {});
      let [error] = await once(socket, "connect_error");
      while (error.message !== "not authorized") [error] = await once(socket, "connect_error");
      assert.equal(socket.connected, false);
      auth.token = "secret";
      socket.connect();
      await back;
      assert.equal(socket.id !== id, expected("a refusal ends the state that was kept"));
    }
  });
}
