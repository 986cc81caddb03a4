// A cluster member on the official server; cluster_member.py is the same on this project's.
// Usage: node member.mjs --port P [--adapter memory|classic|sharded|streams] [--redis URL]
// [--mode dynamic|static|dynamic-private] [--recovery SECONDS] [--cluster redis|ioredis]
// [--node TWO_CHARACTERS] [--prefix TEXT] [--streams N] [--sharded-pubsub]; prints `ready http://HOST:PORT`.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter as createClassic, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreams } from "@socket.io/redis-streams-adapter";
import { Cluster } from "ioredis";
import { createClient, createCluster } from "redis";
import { Server } from "socket.io";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "3000" },
    adapter: { type: "string", default: "memory" },
    redis: { type: "string", default: "redis://127.0.0.1:6379" },
    mode: { type: "string", default: "dynamic" },
    recovery: { type: "string" },
    cluster: { type: "string" },
    node: { type: "string" },
    prefix: { type: "string", default: "socket.io" },
    streams: { type: "string", default: "1" },
    "sharded-pubsub": { type: "boolean", default: false },
  },
});

async function connect() {
  if (values.cluster === "ioredis") {
    const cluster = new Cluster([values.redis]);
    await new Promise((done) => cluster.once("ready", done));
    // It would send each message by a node of chance, and no order would hold.
    const [node] = cluster.nodes("master");
    cluster.publish = (...message) => node.publish(...message);
    return cluster;
  }
  const client =
    values.cluster === "redis"
      ? createCluster({ rootNodes: [{ url: values.redis }] })
      : createClient({ url: values.redis });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function makeAdapter() {
  switch (values.adapter) {
    case "classic":
      return createClassic(await connect(), await connect());
    case "sharded":
      return createShardedAdapter(await connect(), await connect(), {
        subscriptionMode: values.mode,
        channelPrefix: values.prefix,
      });
    case "streams":
      return createStreams(await connect(), {
        streamCount: Number(values.streams),
        useShardedPubSub: values["sharded-pubsub"],
      });
    default:
      return undefined;
  }
}

const options = { cors: { origin: "*" }, serveClient: false };
if (values.recovery !== undefined) {
  options.connectionStateRecovery = { maxDisconnectionDuration: Number(values.recovery) * 1000 };
}
const http = createServer((request, response) => response.writeHead(404).end());
const io = new Server(http, options);
if (values.node !== undefined) {
  io.engine.generateId = () => values.node + randomBytes(14).toString("base64url").slice(0, 18);
}
const adapter = await makeAdapter();
if (adapter !== undefined) {
  io.adapter(adapter);
}

function registerOwn(socket) {
  socket.on("join", (rooms, acknowledge) => {
    socket.join(rooms);
    acknowledge();
  });
  socket.on("leave", (room, acknowledge) => {
    socket.leave(room);
    acknowledge();
  });
  socket.on("data", (object, acknowledge) => {
    Object.assign(socket.data, object);
    acknowledge();
  });
  socket.on("whoami", (acknowledge) => {
    const { id, recovered, rooms, data } = socket;
    acknowledge({ id, recovered, rooms: [...rooms].sort(), data });
  });
  socket.on("drop", () => socket.conn.close());
  socket.on("bye", () => socket.disconnect());
  socket.on("crash", () => process.kill(process.pid, "SIGKILL"));
}

function registerCluster(socket, namespace) {
  const select = (rooms) => (rooms.length > 0 ? namespace.in(rooms) : namespace.except([]));

  socket.on("fan", (rooms, except, payload) => {
    select(rooms).except(except).emit("fan", payload);
  });
  socket.on("others", (room, payload) => socket.to(room).emit("fan", payload));
  socket.on("fan-local", (payload) => namespace.local.emit("fan", payload));
  socket.on("fetch", async (room, acknowledge) => {
    const sockets = await select(room).fetchSockets();
    acknowledge(
      sockets.map(({ id, rooms, data, handshake }) => ({
        id,
        rooms: [...rooms].sort(),
        data,
        query: handshake.query,
      })),
    );
  });
  socket.on("rooms-join", (filter, room) => select(filter).socketsJoin(room));
  socket.on("rooms-leave", (filter, room) => select(filter).socketsLeave(room));
  socket.on("kick", (filter, close) => select(filter).disconnectSockets(close));
  socket.on("ask", (room, payload, milliseconds, acknowledge) => {
    select(room)
      .timeout(milliseconds)
      .emit("ask", payload, (error, responses) => {
        acknowledge(error ? { error: "timeout", responses } : { ok: responses });
      });
  });
  socket.on("sse", (payload) => namespace.serverSideEmit("hello", payload));
  socket.on("sse-ack", (payload, acknowledge) => {
    namespace.serverSideEmit("hello", payload, (error, responses) => {
      acknowledge(error ? { error: "timeout", responses } : { ok: responses });
    });
  });
}

for (const name of ["/", "/side"]) {
  const namespace = io.of(name);
  namespace.on("connection", (socket) => {
    registerOwn(socket);
    registerCluster(socket, namespace);
  });
  namespace.on("hello", (payload, acknowledge) => {
    namespace.local.emit("heard", payload);
    acknowledge?.({ from: `node ${process.pid}`, payload });
  });
}

// The adapters do not wait until Redis has taken their subscriptions: what the first client of
// another member sent would not arrive.
for (const name of ["/", "/side"]) {
  while ((await io.of(name).adapter.serverCount()) < 1) await new Promise((done) => setTimeout(done, 2));
}
http.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${http.address().port}`);
});

process.once("SIGTERM", () => process.exit());
