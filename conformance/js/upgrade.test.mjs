// The change from polling to WebSocket in the middle of traffic, and changes that fail. The
// invariant: what each side sent arrives at the other, once, in order, wherever the change falls.
import assert from "node:assert/strict";
import test from "node:test";
import {
  ask,
  bounded,
  collect,
  connect,
  connected,
  once,
  open,
  several,
  upgraded,
  useServer,
} from "./helpers.mjs";
import { startProxy } from "./proxy.mjs";

const server = useServer();
const AT_ONCE = 50;

const message = (number) =>
  number % 10 === 9 ? [number, Buffer.from(`bytes of ${number}`)] : [number];

/**
 * Keep AT_ONCE messages under way until `enough(received)`. Return all echoes and the number of
 * messages.
 */
function traffic(socket, enough) {
  const echoes = [];
  let sent = 0;
  const complete = new Promise((done) => {
    const send = () => socket.emit("echo", ...message(sent++));
    const listen = (...args) => {
      echoes.push(args);
      if (!enough(echoes.length)) send();
      else if (echoes.length === sent) {
        socket.off("echo", listen);
        done({ echoes, sent });
      }
    };
    socket.on("echo", listen);
    for (let index = 0; index < AT_ONCE; index++) send();
  });
  return bounded(complete, () => `sent ${sent} messages and got ${echoes.length} echoes`);
}

for (const releaseAt of [1, 100, 500]) {
  test(`1,000 messages each way, the upgrade begins after ${releaseAt}`, async (t) => {
    let release;
    const held = new Promise((done) => (release = done));
    const proxy = await startProxy(t, server, { onUpgrade: () => held });
    const socket = open(t, proxy);
    await connected(socket);
    assert.equal(socket.io.engine.transport.name, "polling");

    // Numbers that the server sends on its own, in bursts around the upgrade.
    const numbers = collect(socket, "number");
    let upgradedAt = Infinity;
    let received = 0;
    socket.io.engine.once("upgrading", () => socket.emit("burst", 100));
    socket.io.engine.once("upgrade", () => {
      upgradedAt = received;
      socket.emit("burst", 100);
    });

    const { echoes, sent } = await traffic(socket, (count) => {
      received = count;
      if (count === releaseAt) {
        socket.emit("burst", 100);
        release();
      }
      return count >= 1000 && count >= upgradedAt + 300;
    });
    await ask(socket, "acknowledge");

    assert.equal(socket.io.engine.transport.name, "websocket");
    assert.ok(upgradedAt >= releaseAt);
    assert.ok(sent >= 1000);
    assert.deepEqual(
      echoes,
      Array.from({ length: sent }, (_, number) => message(number)),
    );
    const burst = Array.from({ length: 100 }, (_, number) => {
      return number % 10 === 9 ? [number, Buffer.from([number])] : [number];
    });
    assert.deepEqual(numbers, [...burst, ...burst, ...burst]);
  });
}

test("1,000 messages in one go from each side, right at the connection", async (t) => {
  const socket = open(t, server, { query: { burst: "1000" } });
  const received = Promise.all([several(socket, "echo", 1000), several(socket, "number", 1000)]);
  for (let number = 0; number < 1000; number++) socket.emit("echo", ...message(number));
  const [echoes, numbers] = await received;
  assert.deepEqual(
    echoes,
    Array.from({ length: 1000 }, (_, number) => message(number)),
  );
  assert.deepEqual(
    numbers.map(([number]) => number),
    Array.from({ length: 1000 }, (_, number) => number),
  );
  await upgraded(socket);
  assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
});

test("large messages under way while the upgrade begins", async (t) => {
  let release;
  const held = new Promise((done) => (release = done));
  const proxy = await startProxy(t, server, { onUpgrade: () => held });
  const socket = open(t, proxy);
  await connected(socket);
  const large = [["x".repeat(600_000)], [Buffer.alloc(400_000, 1)], ["y".repeat(600_000)], ["end"]];
  const received = several(socket, "echo", large.length);
  for (const args of large) socket.emit("echo", ...args);
  release();
  const echoes = await received;
  assert.ok(
    echoes.every(([value], index) => Buffer.from(value).equals(Buffer.from(large[index][0]))),
  );
  await upgraded(socket);
});

test("thirty clients upgrade at once", async (t) => {
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      const socket = open(t, server);
      const { echoes, sent } = await traffic(socket, (count) => count >= 200);
      assert.deepEqual(
        echoes,
        Array.from({ length: sent }, (_, number) => message(number)),
      );
      await upgraded(socket);
      assert.deepEqual(await ask(socket, "acknowledge", 1), [1]);
    }),
  );
});

for (const [when, options] of Object.entries({
  "when WebSocket is not possible": { onUpgrade: () => "refuse" },
  "when WebSocket breaks after the probe": { cutAfterReplies: 1 },
})) {
  test(`${when}, the connection continues over polling without a loss`, async (t) => {
    const proxy = await startProxy(t, server, options);
    const socket = open(t, proxy, { reconnection: false, autoConnect: false });
    socket.connect();
    let failed = false;
    socket.io.engine.once("upgradeError", () => (failed = true));
    const { echoes, sent } = await traffic(socket, (count) => failed && count >= 300);
    assert.deepEqual(
      echoes,
      Array.from({ length: sent }, (_, number) => message(number)),
    );
    assert.equal(socket.io.engine.transport.name, "polling");
    assert.equal(socket.connected, true);
  });
}

test("a client that disconnects in the middle of an upgrade is gone", async (t) => {
  const socket = open(t, server, { autoConnect: false });
  socket.connect();
  const upgrading = once(socket.io.engine, "upgrading");
  await connected(socket);
  const { id } = socket;
  if (socket.io.engine.transport.name === "polling" && !socket.io.engine.upgrading) await upgrading;
  socket.disconnect();
  const report = await server.report({ event: "disconnect", id });
  assert.equal(report.reason, "client namespace disconnect");
});

test("a broadcast during an upgrade arrives once", async (t) => {
  let release;
  const held = new Promise((done) => (release = done));
  const proxy = await startProxy(t, server, { onUpgrade: () => held });
  const socket = open(t, proxy);
  const other = await connect(t, server, { transports: ["websocket"] });
  await connected(socket);
  const news = collect(socket, "news");
  const upgrade = once(socket.io.engine, "upgrade");
  release();
  for (let number = 0; number < 300; number++) {
    other.emit("to", [socket.id], [], "news", number);
    if (number % 10 === 0) await ask(other, "acknowledge");
  }
  await upgrade;
  for (let number = 300; number < 400; number++) other.emit("to", [socket.id], [], "news", number);
  await ask(other, "acknowledge");
  await ask(socket, "acknowledge");
  assert.deepEqual(
    news,
    Array.from({ length: 400 }, (_, number) => [number]),
  );
});
