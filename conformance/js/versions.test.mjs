// The core cases with earlier clients, which speak the same protocol (3.x and 4.x), and the refusal
// of 2.x.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { io as client31 } from "socket.io-client-3.1";
import { io as client40 } from "socket.io-client-4.0";
import { io as client44 } from "socket.io-client-4.4";
import { io as client46 } from "socket.io-client-4.6";
import client25 from "socket.io-client-2.5";
import {
  ask,
  collect,
  connect,
  once,
  open,
  overEachTransport,
  settled,
  several,
  useServer,
} from "./helpers.mjs";
import { startProxy } from "./proxy.mjs";

for (const [version, client] of Object.entries({
  3.1: client31,
  "4.0": client40,
  4.4: client44,
  4.6: client46,
})) {
  describe(`client ${version}`, () => {
    const server = useServer({ pingInterval: 100, pingTimeout: 5000 });

    overEachTransport(test, "events, bytes and acknowledgements", async (t, options) => {
      const socket = await connect(t, server, { client, ...options });
      const args = [1, "zwei", { drei: [Buffer.from([3]), "é😀\u2028"] }, Buffer.alloc(0), null];
      socket.emit("echo", ...args);
      assert.deepEqual(await once(socket, "echo"), args);
      assert.deepEqual(await ask(socket, "acknowledge"), []);
      assert.deepEqual(await ask(socket, "acknowledge", ...args), args);
      socket.on("question", (number, answer) => answer(number * 2, Buffer.from("b")));
      assert.deepEqual(await ask(socket, "call", "question", [21], 10_000), [
        { answer: [42, Buffer.from("b")] },
      ]);
    });

    overEachTransport(test, "200 messages each way in order", async (t, options) => {
      const socket = open(t, server, { client, ...options });
      const received = several(socket, "echo", 200);
      for (let number = 0; number < 200; number++)
        socket.emit("echo", number, Buffer.from([number]));
      assert.deepEqual(
        await received,
        Array.from({ length: 200 }, (_, number) => [number, Buffer.from([number])]),
      );
    });

    overEachTransport(test, "namespaces, auth and refusals", async (t, options) => {
      const main = await connect(t, server, { client, ...options, auth: { a: 1 } });
      assert.deepEqual((await ask(main, "handshake"))[0].auth, { a: 1 });
      const refused = open(t, server, {
        beside: main,
        namespace: "/admin",
        auth: { token: "wrong" },
      });
      const [error] = await once(refused, "connect_error");
      assert.equal(error.message, "not authorized");
      assert.deepEqual(error.data, { code: "E1", retry: [1, 2] });
      const [unknown] = await once(
        open(t, server, { beside: main, namespace: "/nowhere" }),
        "connect_error",
      );
      assert.equal(unknown.message, "Invalid namespace");
      const chat = await connect(t, server, { beside: main, namespace: "/chat" });
      assert.deepEqual(await ask(chat, "acknowledge", 1), [1]);
      assert.deepEqual(await ask(main, "acknowledge", 1), [1]);
    });

    overEachTransport(test, "rooms and broadcasts", async (t, options, transport) => {
      const [a, b, c] = await Promise.all(
        [1, 2, 3].map(() => connect(t, server, { client, ...options })),
      );
      const heard = [a, b, c].map((socket) => collect(socket, "news"));
      const room = `${version} ${transport}`;
      await ask(a, "join", room);
      await ask(b, "join", room);
      await ask(a, "to", [room], [], "news", Buffer.from("to the room"));
      await ask(c, "broadcast", "news", "to all others");
      await settled(a, b, c);
      assert.deepEqual(heard, [
        [["to all others"]],
        [[Buffer.from("to the room")], ["to all others"]],
        [],
      ]);
    });

    overEachTransport(
      test,
      "pings, a broken connection, both ways to disconnect",
      async (t, options) => {
        const proxy = await startProxy(t, server);
        const socket = await connect(t, proxy, { client, ...options, upgrade: false });
        // All versions emit it for each ping that came.
        await several(socket.io.engine, "pong", 3);
        await ask(socket, "acknowledge");
        if (socket.io.engine.transport.name === "polling") await proxy.polled();
        const [gone, back] = [once(socket, "disconnect"), once(socket, "connect")];
        proxy.cut();
        await gone;
        await back;
        const { id } = socket;
        const [[reason]] = await Promise.all([
          once(socket, "disconnect"),
          server.command("disconnect", { id, close: false }),
        ]);
        assert.equal(reason, "io server disconnect");
        socket.connect();
        await once(socket, "connect");
        const { id: last } = socket;
        socket.disconnect();
        assert.equal(
          (await server.report({ event: "disconnect", id: last })).reason,
          "client namespace disconnect",
        );
      },
    );
  });
}

describe("client 2.5", () => {
  const server = useServer();

  for (const transport of ["polling", "websocket"]) {
    test(`is refused over ${transport}, and the server serves the others`, async (t) => {
      const socket = open(t, server, {
        client: client25,
        transports: [transport],
        reconnection: false,
      });
      const error = await once(socket, "connect_error");
      assert.ok(error[0] instanceof Error);
      assert.equal(socket.connected, false);
      const other = await connect(t, server);
      assert.deepEqual(await ask(other, "acknowledge", 1), [1]);
    });
  }

  test("gets status 400 with code 5", async () => {
    const response = await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`);
    assert.equal(response.status, 400);
    assert.deepEqual(await response.json(), { code: 5, message: "Unsupported protocol version" });
  });
});
