// The client's own state: ids, coming back, what waits, what is dropped, listeners, time limits.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { ask, collect, connect, connected, once, open, settled, useServer } from "./helpers.mjs";

const server = useServer();

describe("the id", () => {
  for (const namespace of ["/", "/chat"]) {
    test(`is the server's, in ${namespace}`, async (t) => {
      const socket = await connect(t, server, { namespace });
      const [rooms] = await ask(socket, "rooms");
      assert.deepEqual(rooms, [socket.id]);
    });
  }

  test("is gone when disconnected, and another one after coming back", async (t) => {
    const socket = await connect(t, server);
    const { id } = socket;
    const during = [];
    socket.io.on("reconnect_attempt", () => during.push(socket.id));
    socket.io.engine.close();
    assert.equal(socket.id, undefined);
    await once(socket.io, "reconnect");
    await connected(socket);
    assert.deepEqual(during, [undefined]);
    assert.notEqual(socket.id, id);
  });
});

describe("coming back", () => {
  test("in the same breath is one disconnection", async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    const reasons = collect(socket, "disconnect");
    socket.disconnect().connect();
    await connected(socket);
    await settled(socket);
    assert.deepEqual(
      reasons.map(([reason]) => reason),
      ["io client disconnect"],
    );
  });

  test("on demand, and by itself after that", async (t) => {
    const socket = await connect(t, server);
    socket.disconnect();
    socket.connect();
    await connected(socket);
    socket.io.engine.close();
    await once(socket.io, "reconnect");
  });

  test("does not happen once the client has disconnected", async (t) => {
    const socket = await connect(t, server, { reconnectionDelay: 1 });
    const attempts = collect(socket.io, "reconnect_attempt");
    socket.io.engine.close();
    socket.disconnect();
    // Another client comes back meanwhile, which takes longer.
    const other = await connect(t, server);
    other.io.engine.close();
    await once(other.io, "reconnect");
    assert.deepEqual(attempts, []);
    assert.equal(socket.active, false);
  });

  test("of one namespace goes on when another one gives up", async (t) => {
    const socket = await connect(t, server, { reconnectionDelay: 1 });
    const chat = open(t, server, { beside: socket, namespace: "/chat" });
    await connected(chat);
    socket.io.once("reconnect_attempt", () => socket.disconnect());
    socket.io.engine.close();
    await once(chat, "connect");
    await settled(chat);
    assert.equal(socket.connected, false);
  });

  test("is not tried after a refusal", async (t) => {
    const socket = open(t, server, { namespace: "/refused", reconnectionDelay: 1 });
    const errors = collect(socket, "connect_error");
    await once(socket, "connect_error");
    socket.io.engine.close();
    const other = await connect(t, server);
    other.io.engine.close();
    await once(other.io, "reconnect");
    assert.equal(errors.length, 1);
    assert.ok(errors[0][0] instanceof Error);
    assert.equal(errors[0][0].message, "nobody may enter");
    assert.equal(socket.active, false);
  });

  test("disconnecting while it opens is no error", async (t) => {
    const socket = open(t, server);
    const errors = [...["error", "reconnect_attempt"].map((event) => collect(socket.io, event))];
    const refusals = collect(socket, "connect_error");
    socket.disconnect();
    await settled(await connect(t, server));
    assert.deepEqual([...errors, refusals], [[], [], []]);
  });
});

describe("what is sent", () => {
  test("before there is a connection arrives first", async (t) => {
    const socket = open(t, server, { autoConnect: false });
    const order = [];
    socket.emit("acknowledge", "first", (value) => order.push(value));
    const second = new Promise((done) => {
      socket.once("connect", () => {
        socket.emit("acknowledge", "second", (value) => done(order.push(value)));
      });
    });
    socket.connect();
    await second;
    assert.deepEqual(order, ["first", "second"]);
  });

  test("under a reserved name is refused", (t) => {
    const socket = open(t, server, { autoConnect: false });
    for (const event of ["connect", "connect_error", "disconnect", "disconnecting"]) {
      assert.throws(() => socket.emit(event, "x"), new RegExp(`"${event}" is a reserved event name`));
    }
  });

  test("may ask not to be compressed", async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    for (const compress of [true, false]) {
      const created = once(socket.io.engine, "packetCreate");
      socket.compress(compress).emit("acknowledge");
      assert.equal((await created)[0].options.compress, compress);
    }
    await settled(socket);
  });
});

describe("a volatile event", () => {
  test("is dropped without a connection", async (t) => {
    const socket = open(t, server, { autoConnect: false });
    const answers = [];
    socket.volatile.emit("acknowledge", "volatile", (value) => answers.push(value));
    socket.connect();
    await connected(socket);
    await settled(socket);
    assert.deepEqual(answers, []);
  });

  test("is dropped while something else is on its way out", async (t) => {
    const socket = await connect(t, server, { transports: ["polling"] });
    const answers = [];
    socket.emit("acknowledge", "plain", (value) => answers.push(value));
    socket.volatile.emit("acknowledge", "volatile", (value) => answers.push(value));
    await settled(socket);
    assert.deepEqual(answers, ["plain"]);
  });

  for (const transports of [["polling"], ["websocket"]]) {
    test(`is sent when nothing is in its way, over ${transports}`, async (t) => {
      const socket = await connect(t, server, { transports });
      await settled(socket);
      while (!socket.io.engine.transport.writable) await once(socket.io.engine, "drain");
      const [value] = await new Promise((done) => {
        socket.volatile.emit("acknowledge", 7, (...values) => done(values));
      });
      assert.equal(value, 7);
    });
  }
});

describe("listeners of everything", () => {
  for (const [what, on, prepend, off, all] of [
    ["that comes in", "onAny", "prependAny", "offAny", "listenersAny"],
    ["that goes out", "onAnyOutgoing", "prependAnyOutgoing", "offAnyOutgoing", "listenersAnyOutgoing"],
  ]) {
    test(`${what} are called in their order, with bytes, until they are removed`, async (t) => {
      const socket = await connect(t, server);
      const seen = [];
      const last = (event, ...args) => event === "echo" && seen.push(["last", ...args]);
      const gone = () => seen.push(["gone"]);
      socket[on](last);
      socket[on](gone);
      socket[prepend]((event) => event === "echo" && seen.push(["second"]));
      socket[prepend]((event) => event === "echo" && seen.push(["first"]));
      socket[off](gone);
      assert.equal(socket[all]().length, 3);
      const echo = once(socket, "echo");
      socket.emit("echo", Buffer.from([1, 2, 3]));
      await echo;
      assert.deepEqual(seen, [["first"], ["second"], ["last", Buffer.from([1, 2, 3])]]);
      socket[off]();
      assert.deepEqual(socket[all](), []);
      const again = once(socket, "echo");
      socket.emit("echo", 1);
      await again;
      assert.equal(seen.length, 3);
    });
  }
});

describe("a time limit", () => {
  test("ends without a connection, and the event is not sent any more", async (t) => {
    const socket = open(t, server, { autoConnect: false });
    await assert.rejects(socket.timeout(10).emitWithAck("acknowledge"), /timed out/);
    assert.deepEqual(socket.sendBuffer, []);
  });

  test("ends when nobody answers; an answer that races with it counts once", async (t) => {
    const socket = await connect(t, server);
    await assert.rejects(socket.timeout(10).emitWithAck("unknown"), /timed out/);
    const calls = [];
    socket.timeout(0).emit("acknowledge", 42, (...args) => calls.push(args));
    await settled(socket);
    assert.equal(calls.length, 1);
  });

  test("passes the answer on when there is one", async (t) => {
    const socket = await connect(t, server);
    const [error, value] = await new Promise((done) => {
      socket.timeout(10_000).emit("acknowledge", 42, (...args) => done(args));
    });
    assert.deepEqual([error, value], [null, 42]);
    assert.equal(await socket.timeout(10_000).emitWithAck("acknowledge", 43), 43);
  });

  test("of the client's options holds for each event", async (t) => {
    const socket = await connect(t, server, { ackTimeout: 10 });
    await assert.rejects(socket.emitWithAck("unknown"), /timed out/);
    assert.equal(await socket.timeout(10_000).emitWithAck("acknowledge", 44), 44);
  });
});
