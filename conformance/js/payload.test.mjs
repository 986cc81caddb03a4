// Large messages: near the limit, at it and over it (maxHttpBufferSize, in bytes).
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { expected } from "./expectations.mjs";
import { ask, connect, once, overEachTransport, several, useServer } from "./helpers.mjs";

const LIMIT = 10_000;

/**
 * Return an argument for "echo" that makes the packet exactly `bytes` long: 4 (message) 2 (event)
 * ["echo","…"].
 */
function filling(bytes, character = "x") {
  const rest = bytes - Buffer.byteLength('42["echo",""]');
  return character.repeat(rest / Buffer.byteLength(character));
}

describe(`a limit of ${LIMIT} bytes`, () => {
  const server = useServer({ maxHttpBufferSize: LIMIT });

  overEachTransport(test, "a message of exactly the limit passes", async (t, options) => {
    const socket = await connect(t, server, options);
    const text = filling(LIMIT);
    socket.emit("echo", text);
    assert.deepEqual(await once(socket, "echo"), [text]);
    // 13 ASCII characters surround it, which leaves an odd number of bytes to fill.
    const bytes = filling(LIMIT - 1, "é");
    socket.emit("echo", bytes);
    assert.deepEqual(await once(socket, "echo"), [bytes]);
  });

  for (const [name, large] of Object.entries({
    "a message of one byte more": filling(LIMIT + 1),
    "a message of twice the limit": filling(2 * LIMIT),
    "a message with fewer characters but more bytes than the limit": filling(LIMIT + 1001, "é"),
    "an attachment over the limit": Buffer.alloc(LIMIT + 1),
  })) {
    overEachTransport(
      test,
      `${name} closes the connection of that client only`,
      async (t, options, transport) => {
        const socket = await connect(t, server, { ...options, reconnection: false });
        const other = await connect(t, server, options);
        const { id } = socket;
        const closed = once(socket, "disconnect");
        socket.emit("echo", large);
        const [reason] = await closed;
        if (transport === "polling") {
          const name = "reason of the client after a message over the limit, over polling";
          assert.match(reason, expected(name));
        } else {
          assert.equal(reason, "transport close");
        }
        await server.report({ event: "disconnect", id });
        assert.deepEqual(await ask(other, "acknowledge", "unharmed"), ["unharmed"]);
      },
    );
  }

  test("the client is told the limit and splits what it sends over polling", async (t) => {
    const socket = await connect(t, server, { transports: ["polling"] });
    const texts = Array.from({ length: 50 }, (_, index) => `${index} ${"y".repeat(1000)}`);
    const received = several(socket, "echo", texts.length);
    for (const text of texts) socket.emit("echo", text);
    assert.deepEqual(
      await received,
      texts.map((text) => [text]),
    );
  });

  overEachTransport(
    test,
    "the limit is one for what comes in, not for what goes out",
    async (t, options) => {
      const socket = await connect(t, server, options);
      socket.emit("large", 5 * LIMIT);
      assert.equal((await once(socket, "large"))[0].length, 5 * LIMIT);
      socket.emit("large binary", 5 * LIMIT);
      assert.equal((await once(socket, "large"))[0].length, 5 * LIMIT);
    },
  );
});

describe("the default limit of 1,000,000 bytes", () => {
  const server = useServer();

  overEachTransport(test, "900,000 characters in both directions", async (t, options) => {
    const socket = await connect(t, server, options);
    const text = filling(900_000);
    socket.emit("echo", text);
    assert.ok((await once(socket, "echo"))[0] === text);
  });

  overEachTransport(test, "a server may send 3,000,000 bytes at once", async (t, options) => {
    const socket = await connect(t, server, options);
    socket.emit("large", 3_000_000);
    assert.equal((await once(socket, "large"))[0].length, 3_000_000);
    socket.emit("large binary", 3_000_000);
    assert.ok((await once(socket, "large"))[0].equals(Buffer.alloc(3_000_000, 7)));
  });

  overEachTransport(test, "200 messages of 10,000 bytes at once", async (t, options) => {
    const socket = await connect(t, server, options);
    const texts = Array.from({ length: 200 }, (_, index) => `${index} ${"z".repeat(10_000)}`);
    const received = several(socket, "echo", texts.length);
    for (const text of texts) socket.emit("echo", text);
    const echoes = await received;
    assert.ok(echoes.every(([text], index) => text === texts[index]));
  });
});
