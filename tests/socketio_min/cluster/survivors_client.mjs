// Official clients under load: each joins its rooms and sends numbers to all. With each line of the
// input they wait until everybody is back in its rooms and hears everybody, and print what they saw.
import { createInterface } from "node:readline";
import { io } from "../../../conformance/js/node_modules/socket.io-client/build/esm/index.js";

const kinds = [["polling"], ["websocket"], ["polling", "websocket"]];
const clients = [];
let twice = 0;
let disordered = 0;

function hear(client, [sender, value]) {
  if (sender === "probe") {
    client.probes.add(value);
    return;
  }
  const last = client.last.get(sender) ?? -1;
  // What has come back to the member on Node.js may get events there again: its reading of the
  // stream and what it restores are not one line.
  const restoredByNode = client.socket.recovered && client.socket.io.engine.id.startsWith("AA");
  if (value === last && !restoredByNode) twice++;
  if (value < last && !restoredByNode) disordered++;
  client.last.set(sender, Math.max(value, last));
}

for (let number = 0; number < 9; number++) {
  const socket = io(process.argv[2], { forceNew: true, transports: kinds[number % kinds.length],
    reconnectionDelay: 20, reconnectionDelayMax: 200 });
  const client = { number, socket, sent: 0, last: new Map(), probes: new Set() };
  socket.on("connect", () => {
    if (!socket.recovered) socket.emit("join", ["all", `room ${number}`], () => {});
  });
  socket.on("fan", (payload) => hear(client, payload));
  clients.push(client);
}
setInterval(() => {
  for (const { socket, number, ...client } of clients) {
    if (socket.connected) socket.emit("fan", ["all"], [], [number, clients[number].sent++]);
  }
}, 100);

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function inRooms({ socket, number }) {
  try {
    const { rooms } = await socket.timeout(1_000).emitWithAck("whoami");
    return rooms.includes("all") && rooms.includes(`room ${number}`);
  } catch {
    return false;
  }
}

async function heard(round) {
  const probes = clients.map(({ number }) => `${round} ${number}`);
  clients.forEach(({ socket }, number) => {
    if (socket.connected) socket.emit("fan", ["all"], [], ["probe", probes[number]]);
  });
  for (let turn = 0; turn < 20; turn++) {
    if (clients.every((client) => probes.every((probe) => client.probes.has(probe)))) return true;
    await pause(50);
  }
  return false;
}

let round = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  do {
    while (!(await Promise.all(clients.map(inRooms))).every(Boolean)) await pause(20);
  } while (!(await heard(round++)));
  const nodes = clients.map(({ socket }) => socket.io.engine.id.slice(0, 2));
  console.log(JSON.stringify({ nodes, twice, disordered }));
}
process.exit(0);
