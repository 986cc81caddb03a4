// Many messages over polling alone.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connect, open, several, useServer } from "./helpers.mjs";

const server = useServer();
const polling = { transports: ["polling"] };
const count = (length) => Array.from({ length }, (_, number) => number);

test("2,000 messages each way in one go", async (t) => {
  const socket = await connect(t, server, polling);
  const received = several(socket, "echo", 2000);
  for (const number of count(2000)) socket.emit("echo", number, Buffer.from([number % 256]));
  assert.deepEqual(
    await received,
    count(2000).map((number) => [number, Buffer.from([number % 256])]),
  );
});

test("300 messages, each after the answer to the one before", async (t) => {
  const socket = await connect(t, server, polling);
  for (const number of count(300))
    assert.deepEqual(await ask(socket, "acknowledge", number), [number]);
});

test("2,000 messages from the server in one go", async (t) => {
  const socket = await connect(t, server, polling);
  const received = several(socket, "number", 2000);
  socket.emit("burst", 2000);
  assert.deepEqual(
    (await received).map(([number]) => number),
    count(2000),
  );
});

test("twenty clients at once, each gets its own messages in order", async (t) => {
  await Promise.all(
    count(20).map(async (client) => {
      const socket = open(t, server, polling);
      const received = several(socket, "echo", 100);
      for (const number of count(100)) socket.emit("echo", client, number);
      assert.deepEqual(
        await received,
        count(100).map((number) => [client, number]),
      );
    }),
  );
});
