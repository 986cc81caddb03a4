// Each way in which a connection ends, with the reason that both sides see.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { Manager } from "socket.io-client";
import {
  ask,
  collect,
  connect,
  once,
  open,
  overEachTransport,
  startServer,
  upgraded,
  useServer,
} from "./helpers.mjs";
import { startProxy } from "./proxy.mjs";

/** End a connection by `act`. Return the reasons of the client and of the server. */
async function reasons(server, socket, act) {
  const { id } = socket;
  const [[client]] = await Promise.all([once(socket, "disconnect"), act()]);
  const report = await server.report({ event: "disconnect", id });
  const before = await server.report({ event: "disconnecting", id });
  assert.equal(before.reason, report.reason);
  return [client, report.reason];
}

describe("reasons of a disconnection", () => {
  const server = useServer();

  overEachTransport(test, "the client disconnects", async (t, options) => {
    const socket = await connect(t, server, options);
    assert.deepEqual(await reasons(server, socket, () => socket.disconnect()), [
      "io client disconnect",
      "client namespace disconnect",
    ]);
    assert.equal(socket.active, false);
  });

  overEachTransport(test, "the server disconnects the socket", async (t, options) => {
    const socket = await connect(t, server, options);
    const { id } = socket;
    assert.deepEqual(
      await reasons(server, socket, () => server.command("disconnect", { id, close: false })),
      ["io server disconnect", "server namespace disconnect"],
    );
    assert.equal(socket.active, false, "the client does not come back by itself");
  });

  overEachTransport(
    test,
    "the server disconnects the socket and closes the connection",
    async (t, options) => {
      const socket = await connect(t, server, options);
      const { id } = socket;
      assert.deepEqual(
        await reasons(server, socket, () => server.command("disconnect", { id, close: true })),
        ["io server disconnect", "server namespace disconnect"],
      );
    },
  );

  overEachTransport(test, "the connect handler closes: the client stays away", async (t, options) => {
    const socket = open(t, server, { ...options, namespace: "/dismissed" });
    const connects = collect(socket, "connect");
    const [reason] = await once(socket, "disconnect");
    assert.equal(reason, "io server disconnect");
    assert.equal(socket.active, false);
    assert.equal(connects.length, 1);
  });

  overEachTransport(test, "a handler disconnects its own socket", async (t, options) => {
    for (const close of [false, true]) {
      const socket = await connect(t, server, options);
      assert.deepEqual(await reasons(server, socket, () => socket.emit("disconnect me", close)), [
        "io server disconnect",
        "server namespace disconnect",
      ]);
    }
  });

  overEachTransport(test, "the client closes the transport", async (t, options) => {
    const socket = await connect(t, server, { ...options, reconnection: false });
    assert.deepEqual(await reasons(server, socket, () => socket.io.engine.close()), [
      "forced close",
      "transport close",
    ]);
  });

  overEachTransport(test, "the network connection breaks", async (t, options, transport) => {
    const proxy = await startProxy(t, server);
    const socket = await connect(t, proxy, { ...options, reconnection: false });
    // A poll waits at the server; between two polls nobody would notice.
    await ask(socket, "acknowledge");
    if (transport === "polling") await proxy.pollRead(socket);
    const reason = transport === "polling" ? "transport error" : "transport close";
    assert.deepEqual(await reasons(server, socket, proxy.cut), [reason, reason]);
  });

  overEachTransport(test, "a packet that breaks the protocol", async (t, options) => {
    const socket = await connect(t, server, { ...options, reconnection: false });
    const invalid = () => socket.io.engine.write('2["connect"]');
    assert.deepEqual(await reasons(server, socket, invalid), ["transport close", "forced close"]);
  });

  test("all namespaces of a broken connection end with the same reason", async (t) => {
    const main = await connect(t, server, { transports: ["websocket"], reconnection: false });
    const chat = await connect(t, server, { beside: main, namespace: "/chat" });
    const ids = { "/": main.id, "/chat": chat.id };
    main.io.engine.close();
    for (const [namespace, id] of Object.entries(ids)) {
      const report = await server.report({ event: "disconnect", namespace, id });
      assert.equal(report.reason, "transport close");
    }
  });

  overEachTransport(test, "what was sent before a disconnection arrives", async (t, options) => {
    const socket = await connect(t, server, options);
    const echoes = collect(socket, "echo");
    for (let number = 0; number < 100; number++) socket.emit("echo", number);
    socket.emit("disconnect me", true);
    const [reason] = await once(socket, "disconnect");
    assert.equal(reason, "io server disconnect");
    assert.deepEqual(
      echoes,
      Array.from({ length: 100 }, (_, number) => [number]),
    );
  });
});

describe("a short connectTimeout", () => {
  const server = useServer({ connectTimeout: 1500 });

  overEachTransport(
    test,
    "a connection that joins no namespace is closed in time, others stay",
    async (t, options, transport) => {
      // On a busy machine the first attempt may be too late itself; the client then tries again.
      const joined = open(t, server, options);
      await once(joined, "connect");
      if (transport !== "polling") await upgraded(joined);
      const manager = new Manager(server.url, {
        ...options,
        autoConnect: false,
        reconnection: false,
      });
      t.after(() => manager.engine.close());
      manager.open();
      const [reason] = await once(manager, "close");
      assert.equal(reason, "transport close");
      assert.deepEqual(await ask(joined, "acknowledge", "still here"), ["still here"]);
    },
  );
});

describe("the server goes away", () => {
  overEachTransport(test, "in an orderly way", async (t, options, transport) => {
    const server = await startServer(t);
    const socket = await connect(t, server, { ...options, reconnection: false });
    const [client, server_] = await reasons(server, socket, () => server.command("close"));
    // Between two polls the client meets a port that is closed, instead of a poll that ends.
    if (transport === "polling") assert.match(client, /^transport (close|error)$/);
    else assert.equal(client, "transport close");
    assert.equal(server_, "server shutting down");
  });

  overEachTransport(test, "without a goodbye", async (t, options, transport) => {
    const server = await startServer(t);
    const socket = await connect(t, server, { ...options, reconnection: false });
    const [[reason]] = await Promise.all([once(socket, "disconnect"), server.kill()]);
    assert.equal(reason, transport === "polling" ? "transport error" : "transport close");
  });
});
