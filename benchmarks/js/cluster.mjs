// A member of a cluster on the official server; ../servers/cluster.py says what it does.
// Usage: node cluster.mjs ADAPTER REDIS [recovery]
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { handle } from "./handlers.mjs";

// The adapters are installed there, beside the server that they are made for.
const require = createRequire(new URL("../../conformance/targets/node/", import.meta.url));
const { Server } = require("socket.io");

const BURST = 100;
const PAYLOAD = "x".repeat(100);
const [adapter, url, recovery] = process.argv.slice(2);

async function connect() {
  const client = require("redis").createClient({ url });
  await client.connect();
  return client;
}

async function makeAdapter() {
  if (adapter === "classic") {
    return require("@socket.io/redis-adapter").createAdapter(await connect(), await connect());
  }
  if (adapter === "streams") {
    return require("@socket.io/redis-streams-adapter").createAdapter(await connect());
  }
  return undefined;
}

// The clients answer no pings.
const options = { serveClient: false, pingInterval: 600_000 };
if (recovery !== undefined) options.connectionStateRecovery = {};
const made = await makeAdapter();
if (made !== undefined) options.adapter = made;
const http = createServer();
const io = new Server(http, options);
handle(io);

async function publish(count) {
  for (let number = 0; number < count; number++) {
    io.to("room").emit("fan", PAYLOAD);
    if (number % BURST === BURST - 1) await new Promise((done) => setTimeout(done, 1));
  }
  io.to("end").emit("fan", PAYLOAD);
}

http.listen(0, "127.0.0.1", () => console.log(`ready ${http.address().port}`));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(" ");
  if (command === "publish") await publish(Number(count));
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1e6);
}
process.exit(0);
