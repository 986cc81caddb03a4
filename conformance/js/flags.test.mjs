// The one-shot flags of an emit: volatile, compress, local.
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
  settled,
  useServer,
} from "./helpers.mjs";

describe("volatile", () => {
  const server = useServer();

  overEachTransport(test, "a client that listens gets volatile events", async (t, options) => {
    const socket = await connect(t, server, options);
    await ask(socket, "acknowledge");
    // Over polling there is a moment without a pending request, in which such an event may be lost:
    // ask again then.
    const received = once(socket, "echo volatile");
    const again = setInterval(() => socket.emit("echo volatile", "now"), 20);
    t.after(() => clearInterval(again));
    assert.deepEqual(await received, ["now"]);
  });

  test("three volatile events in one turn: the first arrives, none twice, none late", async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    const volatile = collect(socket, "echo volatile");
    const reliable = collect(socket, "echo");
    for (const number of [0, 1, 2]) socket.emit("echo volatile", number);
    for (const number of [0, 1, 2]) socket.emit("echo", number);
    await settled(socket);
    assert.deepEqual(volatile, [[0], [1], [2]].slice(0, volatile.length));
    assert.ok(volatile.length >= 1);
    assert.deepEqual(reliable, [[0], [1], [2]]);
  });

  test("a client that cannot take it right now never gets it, and gets everything else", async () => {
    // Plain requests, since the official client always has a poll waiting.
    const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const session = `${url}&sid=${sid}`;
    await fetch(session, { method: "POST", body: "40" });
    const connect = await (await fetch(session)).text();
    const { sid: id } = JSON.parse(connect.slice(2));
    await server.command("emit to socket", { id, event: "news", args: [1], flags: ["volatile"] });
    await server.command("emit", { rooms: [id], event: "news", args: [2], flags: ["volatile"] });
    await server.command("emit to socket", { id, event: "news", args: [3] });
    assert.equal(await (await fetch(session)).text(), '42["news",3]');
    await fetch(session, { method: "POST", body: "41" });
  });

  test("volatile events of a client that is offline are dropped, the others are kept", async (t) => {
    const socket = open(t, server, { autoConnect: false });
    const echoes = collect(socket, "echo");
    socket.volatile.emit("echo", "volatile");
    socket.emit("echo", "kept");
    socket.connect();
    await connected(socket);
    await settled(socket);
    assert.deepEqual(echoes, [["kept"]]);
  });

  test("a volatile broadcast", async (t) => {
    const socket = await connect(t, server, { transports: ["websocket"] });
    await settled(socket);
    const [received] = await Promise.all([
      once(socket, "news"),
      server.command("emit", { event: "news", args: ["now"], flags: ["volatile"] }),
    ]);
    assert.deepEqual(received, ["now"]);
  });
});

describe("compress", () => {
  const plain = useServer();
  const deflating = useServer({
    perMessageDeflate: { threshold: 1024 },
    httpCompression: { threshold: 1024 },
  });
  const text = "compress me, ".repeat(1000);

  for (const [name, server] of [
    ["a server without perMessageDeflate", plain],
    ["a server with perMessageDeflate", deflating],
  ]) {
    overEachTransport(
      test,
      `${name}: the flag does not change what arrives`,
      async (t, options) => {
        const socket = await connect(t, server, options);
        socket.emit("echo", text);
        assert.deepEqual(await once(socket, "echo"), [text]);
        socket.compress(false).emit("echo", text);
        assert.deepEqual(await once(socket, "echo"), [text]);
        socket.emit("echo uncompressed", text, Buffer.from(text));
        assert.deepEqual(await once(socket, "echo"), [text, Buffer.from(text)]);
        await server.command("emit", {
          rooms: [socket.id],
          event: "news",
          args: [text],
          flags: ["uncompressed"],
        });
        assert.deepEqual(await ask(socket, "acknowledge", text), [text]);
      },
    );
  }

  test("perMessageDeflate is off by default", async (t) => {
    const socket = await connect(t, plain, {
      transports: ["websocket"],
      perMessageDeflate: { threshold: 0 },
    });
    assert.equal(socket.io.engine.transport.ws.extensions, "");
  });

  test("perMessageDeflate is negotiated when the server has it on", async (t) => {
    const socket = await connect(t, deflating, {
      transports: ["websocket"],
      perMessageDeflate: { threshold: 0 },
    });
    assert.match(socket.io.engine.transport.ws.extensions, /^permessage-deflate/);
    socket.emit("echo", text, Buffer.from(text));
    assert.deepEqual(await once(socket, "echo"), [text, Buffer.from(text)]);
    assert.deepEqual(await ask(socket, "acknowledge", "short"), ["short"]);
  });

  test("a long answer to a poll is compressed for a client that can read it", async () => {
    const url = `${deflating.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const session = `${url}&sid=${sid}`;
    await fetch(session, { method: "POST", body: "40" });
    const { sid: id } = JSON.parse((await (await fetch(session)).text()).slice(2));
    for (const [flags, encoding] of [
      [[], "gzip"],
      [["uncompressed"], null],
    ]) {
      await deflating.command("emit", { rooms: [id], event: "news", args: [text], flags });
      const response = await fetch(session, { headers: { "accept-encoding": "gzip" } });
      assert.equal(response.headers.get("content-encoding"), encoding);
      assert.equal(await response.text(), `42["news","${text}"]`);
    }
    await fetch(session, { method: "POST", body: "41" });
  });
});

describe("local", () => {
  const server = useServer();

  test("reaches the clients of this server", async (t) => {
    const socket = await connect(t, server);
    const [received] = await Promise.all([
      once(socket, "news"),
      server.command("emit", { event: "news", args: [1], flags: ["local"] }),
    ]);
    assert.deepEqual(received, [1]);
  });
});
