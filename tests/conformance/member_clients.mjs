// Official clients of one cluster member, spread over its workers, polling and WebSocket in turn.
// Reads commands from its input, one a line, and answers each with a line of JSON:
//   open N            until N clients are on each of two workers; the others leave    [worker, …]
//   both              until new connections have come to two workers                   null
//   call I [...]      emits with acknowledgement; at first waits until I is connected  the answer
//   emit I [...]      emits                                                            null
//   heard [I…] EVENT  waits until each of these has heard EVENT; all they have heard   [[…], …]
//   has-heard EVENT   what each client has heard of EVENT and nobody has asked for     [[…], …]
//   ended [I…]        waits until these have lost their connections                    [reason, …]
//   back              waits until all clients are connected   [{worker, id, recovered}, …]
import { createInterface } from "node:readline";
import { io } from "../../conformance/js/node_modules/socket.io-client/build/esm/index.js";

const url = process.argv[2];
const TRANSPORTS = [["polling"], ["websocket"]];
const PATIENCE = 30_000;
const clients = [];

const once = (emitter, event) => new Promise((done) => emitter.once(event, done));
const workerOf = (client) => client.socket.io.engine.id.slice(0, 2);

async function open(number) {
  const socket = io(url, {
    forceNew: true,
    transports: TRANSPORTS[number % 2],
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
  });
  const client = { socket, heard: [], ended: once(socket, "disconnect"), changed: () => {} };
  socket.onAny((event, ...args) => {
    const acknowledge = args.at(-1);
    if (typeof acknowledge === "function") acknowledge(clients.indexOf(client));
    client.heard.push([event, args[0]]);
    client.changed();
  });
  await once(socket, "connect");
  client.worker = workerOf(client);
  return client;
}

async function connected(client) {
  while (!client.socket.connected) await once(client.socket, "connect");
}

const take = (client, event) => {
  const found = client.heard.filter(([name]) => name === event);
  client.heard = client.heard.filter(([name]) => name !== event);
  // With recovery its offset is a second value.
  return found.map(([, value]) => value);
};

const commands = {
  open: async (count) => {
    const byWorker = new Map();
    const others = [];
    const isFull = (list) => list.length === count;
    while (byWorker.size < 2 || ![...byWorker.values()].every(isFull)) {
      const client = await open(clients.length + others.length);
      const list = byWorker.get(client.worker) ?? [];
      byWorker.set(client.worker, list);
      if (isFull(list)) others.push(client);
      else list.push(client);
    }
    for (const client of others) client.socket.disconnect();
    clients.push(...[...byWorker.values()].flat());
    return clients.map(({ worker }) => worker);
  },
  both: async () => {
    const workers = new Set();
    while (workers.size < 2) {
      const { socket, worker } = await open(clients.length);
      workers.add(worker);
      socket.disconnect();
    }
    return null;
  },
  call: async (index, args) => {
    await connected(clients[index]);
    return await clients[index].socket.timeout(PATIENCE).emitWithAck(...args);
  },
  emit: async (index, args) => {
    clients[index].socket.emit(...args);
    return null;
  },
  heard: async (indexes, event) =>
    await Promise.all(
      indexes.map(async (index) => {
        const client = clients[index];
        while (!client.heard.some(([name]) => name === event)) {
          await new Promise((done) => {
            client.changed = done;
          });
        }
        return take(client, event);
      }),
    ),
  "has-heard": async (event) => clients.map((client) => take(client, event)),
  ended: async (indexes) =>
    await Promise.all(
      indexes.map(async (index) => {
        const reason = await clients[index].ended;
        clients[index].ended = once(clients[index].socket, "disconnect");
        return reason;
      }),
    ),
  back: async () =>
    await Promise.all(
      clients.map(async (client) => {
        await connected(client);
        const { id, recovered } = client.socket;
        return { worker: workerOf(client), id, recovered };
      }),
    ),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = JSON.parse(line);
  console.log(JSON.stringify((await commands[command](...args)) ?? null));
}
process.exit(0);
