// Official clients, over polling alone, against the workers of one port. Reads commands from its
// input, one a line, and answers each with a line:
//   clients N ROOM   N more clients that join a room      {"pids": {pid: clients}}
//   echo N           N rounds of echoes of all clients    {"echoes": …, "errors": […]}
//   say ROOM WORDS   the first client says, all hear       {"heard": clients}
//   count ROOM       what the first client's worker counts {"count": …}
//   back             waits until all clients are connected {"pids": …}
//   begin / end      new clients, one after the other      {"served": …, "refused": […]}
import { createInterface } from "node:readline";
import { io } from "../../conformance/js/node_modules/socket.io-client/build/esm/index.js";

const url = `http://127.0.0.1:${process.argv[2]}`;
const clients = [];
const PATIENCE = 30_000;

const once = (socket, event) => new Promise((done) => socket.once(event, done));
const open = () =>
  io(url, { forceNew: true, transports: ["polling"], reconnectionDelay: 20, reconnectionDelayMax: 100 });
// Asks until there is an answer: the connection may be lost meanwhile.
async function pidOf(socket) {
  for (;;) {
    if (!socket.connected) await once(socket, "connect");
    try {
      return await socket.timeout(PATIENCE).emitWithAck("pid");
    } catch (error) {
      if (socket.connected) throw error;
    }
  }
}
const pids = async () => {
  const found = {};
  for (const pid of await Promise.all(clients.map(pidOf))) found[pid] = (found[pid] ?? 0) + 1;
  return { pids: found };
};

let probing = false;
let probe = Promise.resolve({});
async function probeAll() {
  const result = { served: 0, refused: [] };
  while (probing) {
    const socket = open();
    socket.on("connect_error", (error) => result.refused.push(String(error.description ?? error)));
    await once(socket, "connect");
    socket.disconnect();
    result.served++;
  }
  return result;
}

const commands = {
  clients: async (count, room) => {
    await Promise.all(
      Array.from({ length: Number(count) }, async () => {
        const socket = open();
        clients.push(socket);
        socket.on("connect", () => socket.emit("join", room));
        await once(socket, "connect");
      }),
    );
    return await pids();
  },
  echo: async (rounds) => {
    const errors = [];
    let echoes = 0;
    for (let round = 0; round < Number(rounds); round++) {
      await Promise.all(
        clients.map(async (socket, number) => {
          const value = `${round} ${number}`;
          const answer = await socket.timeout(PATIENCE).emitWithAck("echo", value);
          if (answer === value) echoes++;
          else errors.push(answer);
        }),
      );
    }
    return { echoes, errors };
  },
  say: async (room, words) => {
    const heard = clients.map((socket) => once(socket, "said"));
    clients[0].emit("say", room, words);
    return { heard: (await Promise.all(heard)).filter((said) => said === words).length };
  },
  count: async (room) => ({ count: await clients[0].timeout(PATIENCE).emitWithAck("count", room) }),
  back: pids,
  begin: async () => {
    probing = true;
    probe = probeAll();
    return {};
  },
  end: async () => {
    probing = false;
    return await probe;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(" ");
  console.log(JSON.stringify(await commands[command](...args)));
}
process.exit(0);
