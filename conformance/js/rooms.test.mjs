// Rooms and broadcasts: who hears what, exactly once.
import assert from "node:assert/strict";
import test from "node:test";
import {
  ask,
  collect,
  connect,
  once,
  overEachTransport,
  settled,
  startServer,
  useServer,
} from "./helpers.mjs";

const server = useServer();
let counter = 0;

/** Return three clients that listen to "news", and room names that no other test uses. */
async function listeners(t, options = { transports: ["websocket"] }) {
  const clients = await Promise.all(["a", "b", "c"].map(() => connect(t, server, options)));
  const heard = clients.map((client) => collect(client, "news"));
  const room = (name) => `${name} ${counter}`;
  counter += 1;
  return { clients, heard, room };
}

overEachTransport(test, "only members of a room hear it", async (t, options) => {
  const { clients, heard, room } = await listeners(t, options);
  const [a, b, c] = clients;
  await ask(a, "join", room("x"));
  await ask(b, "join", room("x"));
  await server.command("emit", { rooms: [room("x")], event: "news", args: [1, { two: [2] }] });
  await settled(a, b, c);
  assert.deepEqual(heard, [[[1, { two: [2] }]], [[1, { two: [2] }]], []]);
});

test("who leaves a room no longer hears it", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const [a, b, c] = clients;
  for (const client of clients) await ask(client, "join", room("x"));
  await ask(b, "leave", room("x"));
  await ask(b, "leave", "a room that b never joined");
  await server.command("emit", { rooms: [room("x")], event: "news", args: [1] });
  await settled(a, b, c);
  assert.deepEqual(heard, [[[1]], [], [[1]]]);
});

test("joining twice is joining once", async (t) => {
  const { clients, heard, room } = await listeners(t);
  await ask(clients[0], "join", room("x"));
  await ask(clients[0], "join", room("x"));
  await server.command("emit", { rooms: [room("x")], event: "news", args: [1] });
  await settled(...clients);
  assert.deepEqual(heard, [[[1]], [], []]);
});

test("a union of rooms: each member hears it once", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const [a, b, c] = clients;
  await ask(a, "join", [room("x"), room("y"), room("z")]);
  await ask(b, "join", [room("y")]);
  await server.command("emit", {
    rooms: [room("x"), room("y"), room("z")],
    event: "news",
    args: [1],
  });
  await settled(a, b, c);
  assert.deepEqual(heard, [[[1]], [[1]], []]);
});

test("except leaves out the members of a room", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const [a, b, c] = clients;
  for (const client of clients) await ask(client, "join", room("x"));
  await ask(b, "join", room("y"));
  await server.command("emit", {
    rooms: [room("x")],
    except: [room("y")],
    event: "news",
    args: [1],
  });
  await settled(a, b, c);
  assert.deepEqual(heard, [[[1]], [], [[1]]]);
});

test("except without rooms: everybody else", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const [a, b, c] = clients;
  await ask(b, "join", room("y"));
  await server.command("emit", { except: [room("y"), c.id], event: "news", args: [1] });
  await settled(a, b, c);
  assert.deepEqual(heard, [[[1]], [], []]);
});

overEachTransport(test, "a broadcast of a client reaches everybody else", async (t, options) => {
  const { clients, heard } = await listeners(t, options);
  await ask(clients[0], "broadcast", "news", "from a");
  await settled(...clients);
  assert.deepEqual(heard, [[], [["from a"]], [["from a"]]]);
});

test("a client's message to a room leaves out itself and the excepted", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const [a, b, c] = clients;
  for (const client of clients) await ask(client, "join", room("x"));
  await ask(c, "join", room("y"));
  await ask(a, "to", [room("x")], [], "news", "to x");
  await ask(a, "to", [room("x")], [room("y")], "news", "to x except y");
  await settled(a, b, c);
  assert.deepEqual(heard, [[], [["to x"], ["to x except y"]], [["to x"]]]);
});

test("everybody hears what the server says to all", async (t) => {
  const { clients, heard } = await listeners(t);
  await server.command("emit", { event: "news", args: ["all"] });
  await settled(...clients);
  assert.deepEqual(heard, [[["all"]], [["all"]], [["all"]]]);
});

test("a message to an empty room is no error", async (t) => {
  const { clients, heard } = await listeners(t);
  await server.command("emit", { rooms: ["nobody is here"], event: "news" });
  await settled(...clients);
  assert.deepEqual(heard, [[], [], []]);
});

test("each client has a room of its own id: a private message", async (t) => {
  const { clients, heard } = await listeners(t);
  const [a, b] = clients;
  assert.deepEqual(await ask(a, "rooms"), [[a.id]]);
  await ask(a, "to", [b.id], [], "news", "for b");
  await settled(...clients);
  assert.deepEqual(heard, [[], [["for b"]], []]);
});

test("rooms of the same name in two namespaces are two rooms", async (t) => {
  const { clients, heard, room } = await listeners(t);
  const chat = await connect(t, server, { namespace: "/chat" });
  const inChat = collect(chat, "news");
  await ask(chat, "join", room("x"));
  await ask(clients[0], "join", room("x"));
  await server.command("emit", {
    namespace: "/chat",
    rooms: [room("x")],
    event: "news",
    args: [1],
  });
  await settled(chat, ...clients);
  assert.deepEqual(inChat, [[1]]);
  assert.deepEqual(heard, [[], [], []]);
});

test("who disconnects leaves the rooms; they are still known while disconnecting", async (t) => {
  const { clients, room } = await listeners(t);
  const [a] = clients;
  const { id } = a;
  await ask(a, "join", [room("x"), room("y")]);
  a.disconnect();
  const report = await server.report({ event: "disconnecting", id });
  assert.deepEqual(report.rooms, [id, room("x"), room("y")].sort());
  await server.report({ event: "disconnect", id });
  assert.deepEqual(await server.command("fetch", { rooms: [room("x")] }), []);
});

test("a name of a room is any text", async (t) => {
  const { clients, heard } = await listeners(t);
  const [a] = clients;
  const names = ["__proto__", "constructor", "é😀\u2028", " ", "room,with[signs]{}", "/chat"];
  await ask(a, "join", names);
  for (const name of names)
    await server.command("emit", { rooms: [name], event: "news", args: [name] });
  await settled(...clients);
  assert.deepEqual(heard, [names.map((name) => [name]), [], []]);
  assert.deepEqual(await ask(a, "rooms"), [[a.id, ...names].sort()]);
});

test("the server moves clients between rooms", async (t) => {
  const { clients, room } = await listeners(t);
  const [a, b, c] = clients;
  await ask(a, "join", room("x"));
  await ask(b, "join", room("x"));
  await server.command("join", { rooms: [room("x")], join: [room("y"), room("z")] });
  await server.command("leave", { rooms: [a.id], leave: [room("x")] });
  assert.deepEqual(await ask(a, "rooms"), [[a.id, room("y"), room("z")].sort()]);
  assert.deepEqual(await ask(b, "rooms"), [[b.id, room("x"), room("y"), room("z")].sort()]);
  assert.deepEqual(await ask(c, "rooms"), [[c.id]]);
});

test("the server lists the clients of rooms", async (t) => {
  const { clients, room } = await listeners(t);
  const [a, b] = clients;
  await ask(a, "join", [room("x"), room("y")]);
  await ask(b, "join", room("x"));
  const found = async (fields) =>
    (await server.command("fetch", fields)).map((socket) => socket.id).sort();
  assert.deepEqual(await found({ rooms: [room("x")] }), [a.id, b.id].sort());
  assert.deepEqual(await found({ rooms: [room("x")], except: [room("y")] }), [b.id]);
  assert.deepEqual(await found({ rooms: [room("nobody")] }), []);
  assert.deepEqual(await server.command("fetch", { rooms: [a.id] }), [
    { id: a.id, rooms: [a.id, room("x"), room("y")].sort() },
  ]);
});

test("the server disconnects the clients of a room", async (t) => {
  const { clients, room } = await listeners(t);
  const [a, b, c] = clients;
  await ask(a, "join", room("x"));
  await ask(b, "join", room("x"));
  const [[reasonA], [reasonB]] = await Promise.all([
    once(a, "disconnect"),
    once(b, "disconnect"),
    server.command("disconnect sockets", { rooms: [room("x")], close: true }),
  ]);
  assert.equal(reasonA, "io server disconnect");
  assert.equal(reasonB, "io server disconnect");
  assert.deepEqual(await ask(c, "acknowledge", 1), [1]);
});

test("broadcasts of several clients keep the order of each sender", async (t) => {
  const own = await startServer(t);
  const senders = await Promise.all([1, 2, 3].map(() => connect(t, own)));
  const reader = await connect(t, own, { transports: ["polling"] });
  const heard = collect(reader, "news");
  for (let number = 0; number < 100; number++) {
    for (const [index, sender] of senders.entries())
      sender.emit("broadcast", "news", index, number);
  }
  await settled(...senders, reader);
  for (const index of senders.keys()) {
    const numbers = heard.filter(([from]) => from === index).map(([, number]) => number);
    assert.deepEqual(
      numbers,
      Array.from({ length: 100 }, (_, number) => number),
    );
  }
});
