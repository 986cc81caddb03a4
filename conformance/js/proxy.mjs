// A link between client and server that a test controls: it can hold back, refuse or cut WebSocket
// connections and break everything at once. It forwards bytes as they come.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { request } from "node:http";
import { connect as connectTcp, createServer } from "node:net";

/**
 * Start a proxy in front of `server`; the result has a `url` like a server.
 * `onUpgrade()` may return a promise that holds the WebSocket connection back, or "refuse".
 * `cutAfterReplies`: the WebSocket connection breaks when the server sends its n-th piece of data
 * after the handshake.
 * `files`: answers for some paths, `{ "/page": ["text/html", "…"] }`: a page with this origin.
 */
export async function proxyTo(
  server,
  { onUpgrade = () => {}, cutAfterReplies = Infinity, files = {} } = {},
) {
  const sockets = new Set();
  const clients = new Set();
  const waiting = new EventEmitter();
  const track = (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    return socket;
  };
  const listener = createServer((client) => {
    if (proxy.refuse) return void client.destroy();
    clients.add(client);
    client.on("close", () => clients.delete(client));
    track(client).once("data", async (head) => {
      const file = files[head.toString("latin1").split(" ")[1]];
      if (file) return void client.end(httpAnswer(...file));
      const isUpgrade = /^upgrade: websocket/im.test(head.toString("latin1"));
      client.pause();
      if (isUpgrade && (await onUpgrade()) === "refuse") return void client.destroy();
      const upstream = track(connectTcp(server.port, "127.0.0.1"));
      upstream.write(head, () => {
        if (head.toString("latin1").startsWith("GET ")) waiting.emit("request");
      });
      client.on("data", (data) => upstream.write(data)).resume();
      client.on("end", () => !proxy.silent && upstream.end());
      let pieces = 0;
      upstream.on("data", (data) => {
        if (isUpgrade && pieces++ === cutAfterReplies) client.destroy();
        else client.write(data);
      });
      upstream.on("end", () => client.end());
      client.on("close", () => !proxy.silent && upstream.destroy());
      upstream.on("close", () => client.destroySoon());
    });
  });
  await new Promise((done) => listener.listen(0, "127.0.0.1", done));
  const proxy = {
    url: `http://127.0.0.1:${listener.address().port}`,
    /** Wait until a poll has been sent on to the server. */
    polled: () => once(waiting, "request"),
    /**
     * Wait until the server has also read that poll, and will notice its end: it has answered a
     * request that came later. That request has a connection of its own, because one that is open
     * already is read before one that has yet to be accepted. Its pong means nothing.
     */
    async pollRead(socket) {
      await proxy.polled();
      const url = new URL("/socket.io/?EIO=4&transport=polling", server.url);
      url.searchParams.set("sid", socket.io.engine.id);
      const post = request(url, { method: "POST", agent: false }).end("3");
      const [answer] = await once(post, "response");
      answer.resume();
      assert.equal(answer.statusCode, 200);
    },
    /** Whether every new connection ends at once. */
    refuse: false,
    /** Break every connection, as an unplugged cable with a reset at its end. */
    cut: () => sockets.forEach((socket) => socket.destroy()),
    /** Break the clients' ends of all connections; the server hears nothing of that. */
    cutClients: () => {
      proxy.silent = true;
      clients.forEach((client) => client.destroy());
    },
    close: () => (listener.close(), proxy.cut()),
  };
  return proxy;
}

/** Start a proxy for one test only. */
export async function startProxy(t, server, options) {
  const proxy = await proxyTo(server, options);
  t.after(proxy.close);
  return proxy;
}

function httpAnswer(type, content) {
  const lines = [
    "HTTP/1.1 200 OK",
    `Content-Type: ${type}; charset=utf-8`,
    "Connection: close",
    "Cache-Control: no-store",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${content}`;
}
