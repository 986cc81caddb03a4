// Connects official clients over each transport; with each line of its input it asks all of them for
// their node, twice, and prints the answers.
import { createInterface } from "node:readline";
import { io } from "../../conformance/js/node_modules/socket.io-client/build/esm/index.js";

const kinds = [["polling"], ["websocket"], ["polling", "websocket"]];
const clients = [];
for (let number = 0; number < 12; number++) {
  const transports = kinds[number % kinds.length];
  clients.push(io(process.argv[2], { forceNew: true, transports, reconnectionDelay: 20,
    reconnectionDelayMax: 200 }));
}
async function ask(socket) {
  for (;;) {
    if (!socket.connected) await new Promise((done) => socket.once("connect", done));
    try {
      return await socket.timeout(30_000).emitWithAck("node");
    } catch (error) {
      if (socket.connected) throw error;
    }
  }
}
async function upgraded({ io: { engine, opts } }) {
  if (opts.transports.length < 2 || engine.transport.name === "websocket") return;
  await new Promise((done) => engine.once("upgrade", done));
}
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
while (!(await lines.next()).done) {
  const first = await Promise.all(clients.map(ask));
  await Promise.all(clients.map(upgraded));
  const second = await Promise.all(clients.map(ask));
  const transports = clients.map(({ io: { engine } }) => engine.transport.name);
  console.log(JSON.stringify({ first, second, transports }));
}
process.exit(0);
