// Listeners for every event, on both sides.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connect, once, overEachTransport, settled, useServer } from "./helpers.mjs";

const server = useServer();

overEachTransport(
  test,
  "onAny of the client sees every event before its own listener",
  async (t, options) => {
    const socket = await connect(t, server, options);
    const seen = [];
    socket.onAny((event, ...args) => seen.push(["any", event, ...args]));
    socket.prependAny((event) => seen.push(["first", event]));
    socket.on("echo", (...args) => seen.push(["own", ...args]));
    socket.emit("echo", 1, Buffer.from("b"));
    await settled(socket);
    assert.deepEqual(seen, [
      ["first", "echo"],
      ["any", "echo", 1, Buffer.from("b")],
      ["own", 1, Buffer.from("b")],
    ]);
  },
);

test("onAnyOutgoing of the client sees what it sends; offAny ends it", async (t) => {
  const socket = await connect(t, server);
  const seen = [];
  const listener = (event, ...args) => seen.push([event, ...args]);
  socket.onAnyOutgoing(listener);
  socket.emit("echo", 1);
  await once(socket, "echo");
  socket.offAnyOutgoing(listener);
  socket.onAny(listener);
  socket.offAny(listener);
  socket.emit("echo", 2);
  await once(socket, "echo");
  assert.deepEqual(seen, [["echo", 1]]);
});

test("the catch-all listeners of the server see what comes and what goes", async (t) => {
  const socket = await connect(t, server, { namespace: "/watched" });
  socket.emit("echo", 1, 2);
  await once(socket, "echo");
  socket.emit("nobody listens", 1);
  await ask(socket, "acknowledge", 1);
  const news = once(socket, "news");
  await server.command("emit", { namespace: "/watched", event: "news", args: [1, 2, 3] });
  await news;
  const [seen] = await ask(socket, "seen");
  assert.deepEqual(seen, [
    ["in", "echo", 2],
    ["out", "echo", 2],
    ["in", "nobody listens", 1],
    ["in", "acknowledge", 1],
    ["out", "news", 3],
    ["in", "seen", 0],
  ]);
});
