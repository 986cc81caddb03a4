// Coming back: after a restart of the server on the same port, and when not to.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import {
  ask,
  collect,
  connect,
  connected,
  once,
  open,
  overEachTransport,
  startServer,
  useServer,
} from "./helpers.mjs";
import { startProxy } from "./proxy.mjs";

describe("the server restarts", () => {
  for (const [how, end] of Object.entries({
    "in an orderly way": (server) => server.command("close"),
    "after a crash": (server) => server.kill(),
  })) {
    overEachTransport(test, `${how}: the client comes back as a new socket`, async (t, options) => {
      const server = await startServer(t);
      const socket = await connect(t, server, options);
      const { id } = socket;
      const gone = once(socket, "disconnect");
      await end(server);
      await gone;
      const back = once(socket, "connect");
      const reconnected = once(socket.io, "reconnect");
      await server.start();
      await back;
      assert.ok((await reconnected)[0] >= 1);
      assert.notEqual(socket.id, id);
      assert.equal(socket.recovered ?? false, false);
      assert.deepEqual(await ask(socket, "acknowledge", "back"), ["back"]);
    });
  }

  overEachTransport(test, "all namespaces come back, with fresh auth", async (t, options) => {
    const server = await startServer(t);
    const main = await connect(t, server, options);
    let calls = 0;
    const chat = await connect(t, server, {
      beside: main,
      namespace: "/chat",
      auth: (send) => send({ call: ++calls }),
    });
    await ask(chat, "join", "room");
    const gone = Promise.all([once(main, "disconnect"), once(chat, "disconnect")]);
    await server.kill();
    await gone;
    const back = Promise.all([once(main, "connect"), once(chat, "connect")]);
    await server.start();
    await back;
    assert.deepEqual((await ask(chat, "handshake"))[0].auth, { call: 2 });
    assert.deepEqual(await ask(chat, "rooms"), [[chat.id]], "rooms belong to the old socket");
    assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
  });

  overEachTransport(test, "events sent meanwhile arrive once, in order", async (t, options) => {
    const server = await startServer(t);
    const socket = await connect(t, server, options);
    const echoes = collect(socket, "echo");
    const gone = once(socket, "disconnect");
    await server.kill();
    await gone;
    for (let number = 0; number < 50; number++) socket.emit("echo", number, Buffer.from([number]));
    const back = once(socket, "connect");
    await server.start();
    await back;
    await ask(socket, "acknowledge");
    assert.deepEqual(
      echoes,
      Array.from({ length: 50 }, (_, number) => [number, Buffer.from([number])]),
    );
  });

  test("an acknowledgement that was under way ends with an error", async (t) => {
    const server = await startServer(t);
    const socket = await connect(t, server);
    const answer = assert.rejects(
      socket.timeout(10_000).emitWithAck("nobody listens"),
      /socket has been disconnected/,
    );
    await ask(socket, "acknowledge");
    await server.kill();
    await answer;
  });
});

describe("the connection breaks", () => {
  const server = useServer();

  overEachTransport(
    test,
    "again and again: the client comes back each time",
    async (t, options) => {
      const proxy = await startProxy(t, server);
      const socket = await connect(t, proxy, { ...options, upgrade: false });
      for (let round = 0; round < 3; round++) {
        const { id } = socket;
        await ask(socket, "acknowledge");
        if (socket.io.engine.transport.name === "polling") await proxy.pollRead(socket);
        const gone = once(socket, "disconnect");
        const back = once(socket, "connect");
        proxy.cut();
        await gone;
        await server.report({ event: "disconnect", id });
        await back;
        assert.deepEqual(await ask(socket, "acknowledge", round), [round]);
      }
    },
  );

  test("a client that the server put out comes back when told to", async (t) => {
    const socket = await connect(t, server);
    const { id } = socket;
    const gone = once(socket, "disconnect");
    await server.command("disconnect", { id, close: true });
    await gone;
    assert.equal(socket.active, false);
    socket.connect();
    await connected(socket);
    assert.notEqual(socket.id, id);
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });

  test("a client that left comes back when told to", async (t) => {
    const socket = await connect(t, server);
    socket.disconnect();
    socket.connect();
    await connected(socket);
    assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
  });
});

describe("there is no server", () => {
  test("the client reports each attempt and gives up after the last", async (t) => {
    const server = await startServer(t);
    await server.kill();
    const socket = open(t, server, { reconnectionAttempts: 2, autoConnect: false });
    const attempts = collect(socket.io, "reconnect_attempt");
    const failed = once(socket.io, "reconnect_failed");
    socket.connect();
    await failed;
    assert.deepEqual(attempts, [[1], [2]]);
    assert.equal(socket.connected, false);
  });
});
