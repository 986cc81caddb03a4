// One script of an official client against a cluster member, and what the client sees of it.
// Usage: node transcript_client.mjs URL OTHER_URL TRANSPORTS; prints the transcript as JSON, line by
// line. "main" is the client whose transcript it is; "other" is on OTHER_URL and makes things happen.
import { io } from "../../../conformance/js/node_modules/socket.io-client/build/esm/index.js";

const [url, otherUrl, transports] = process.argv.slice(2);
const options = { forceNew: true, transports: transports.split(","), reconnectionDelay: 10 };
const VALUES = [
  null, true, -1, 2 ** 53 - 1, 1.5, "", "ä€😀\u0000", [], {}, [[1], { a: { b: [] } }],
  Buffer.from(""), Buffer.from([0, 255]), { file: Buffer.from("abc"), more: [Buffer.from("d")] },
];
const TYPES = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];
const transcript = [];
const names = new Map();
let changed = () => {};

function note(...line) {
  transcript.push(line);
  changed();
}

/** What is of chance has a name instead; binary values are hexadecimal. */
function plain(value) {
  if (typeof value === "string") return names.get(value) ?? value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return `<binary ${Buffer.from(value).toString("hex")}>`;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    // Of a poll's query: against caches.
    const entries = Object.entries(value).filter(([key]) => key !== "t");
    // The rooms are in the order of names that are of chance.
    const sorted = (key, item) => (key === "rooms" ? plain(item).sort() : plain(item));
    return Object.fromEntries(entries.map(([key, item]) => [key, sorted(key, item)]));
  }
  return value;
}

/** An event of the member has one value; the second one is an offset. */
const withoutOffset = (data) => (data.length > 2 ? [...data.slice(0, 2), "<offset>"] : data);

function watch(manager) {
  manager.decoder.on("decoded", ({ type, nsp, id, data }) => {
    if (type === 0) {
      for (const field of ["sid", "pid"]) {
        if (data[field] !== undefined && !names.has(data[field])) {
          names.set(data[field], `<${field} ${names.size}>`);
        }
      }
    }
    const event = type === 2 || type === 5;
    // A member numbers what it asks all of its clients.
    const shownId = event && id !== undefined ? "<id>" : (id ?? null);
    note("packet", TYPES[type], nsp, shownId, plain(event ? withoutOffset(data) : data) ?? null);
  });
}

function listen(name, socket) {
  socket.on("connect", () => note(name, "connect", socket.recovered));
  socket.on("disconnect", (reason) => note(name, "disconnect", reason));
  socket.on("connect_error", (error) => note(name, "connect_error", error.message));
  socket.on("ask", (payload, acknowledge) => acknowledge(`answer of ${name}`, payload));
}

async function until(condition, what) {
  const timer = setTimeout(() => {
    console.error(`${what}: it never came true`, JSON.stringify(transcript, null, 1));
    process.exit(1);
  }, 30_000);
  while (!condition()) await new Promise((done) => (changed = done));
  clearTimeout(timer);
}

const has = (...line) => transcript.some((one) => JSON.stringify(one) === JSON.stringify(line));

const main = io(url, { ...options, autoConnect: false });
const other = io(otherUrl, options);
other.on("connect", () => changed());
other.on("ask", () => {});
await until(() => other.connected, "the other client connects");
names.set(other.id, "<other>");

main.io.on("open", () => {
  const { upgrades, pingInterval, pingTimeout, maxPayload } = handshake;
  note("handshake", { upgrades, pingInterval, pingTimeout, maxPayload });
});
watch(main.io);
let handshake = {};
listen("main", main);
main.io.on("reconnect_attempt", () => changed());
main.connect();
main.io.engine.on("handshake", (data) => (handshake = data));
await until(() => main.connected, "main connects");
const side = main.io.socket("/side");
listen("side", side);
side.connect();
await until(() => side.connected, "side connects");

let fence = 0;
/** Waits until everything that `sender` has made happen has been seen. */
async function settle(sender = other) {
  const text = `fence ${fence++}`;
  let seen = false;
  main.once("fan", function hear(payload) {
    if (payload === text) seen = true;
    else main.once("fan", hear);
    changed();
  });
  sender.emit("fan", [main.id], [], text);
  await until(() => seen, text);
}

const call = async (socket, ...event) => {
  note("answer", event[0], plain(await socket.timeout(20_000).emitWithAck(...event)) ?? null);
};

await call(main, "join", ["red", "blue"]);
await call(main, "data", { name: "Ada", deep: { list: [1, null, "ä"] } });
await call(main, "whoami");
await call(side, "whoami");
await call(main, "leave", "blue");
await call(main, "whoami");
for (const value of VALUES) other.emit("fan", ["red"], [], value);
await settle();
for (const value of VALUES) main.emit("fan", [main.id], [], value);
await settle(main);
for (const [rooms, except] of [[["blue"], []], [["red", "blue"], []], [[], ["red"]], [[], []]]) {
  other.emit("fan", rooms, except, [rooms, except]);
}
other.emit("others", "red", "others");
await settle();
main.emit("others", "red", "not for itself");
// Not a text: on Node.js the client would take it for an offset, and not come back below.
main.emit("fan-local", 7);
await settle(main);
await call(other, "ask", "red", { x: [Buffer.from("1")] }, 10_000);
await call(main, "ask", "red", 1, 10_000);
await call(main, "ask", "nobody", 1, 10_000);
await call(main, "ask", "", 1, 300);
await call(main, "fetch", "red");
main.emit("rooms-join", "red", "green");
await settle(main);
await call(main, "whoami");
main.emit("unknown event", 1);
await main.timeout(50).emitWithAck("another unknown event").catch((error) => note("error", error.message));

const nowhere = main.io.socket("/nowhere");
listen("nowhere", nowhere);
nowhere.connect();
await until(() => has("nowhere", "connect_error", "Invalid namespace"), "an unknown namespace");
nowhere.disconnect();

// It loses its connection, misses some, and comes back as what it was.
side.disconnect();
await other.timeout(20_000).emitWithAck("join", ["red"]);
main.io.reconnection(false);
main.emit("drop");
await until(() => has("main", "disconnect", "transport close"), "the loss");
const missed = ["one", Buffer.from("two"), { three: [] }];
let isTold = false;
other.on("fan", (payload) => {
  isTold ||= payload?.three !== undefined;
  changed();
});
for (const value of missed) other.emit("fan", ["red"], [], value);
other.emit("fan", ["blue"], [], "not for it");
await until(() => isTold, "what is missed is told");
main.connect();
await until(() => main.connected, "main comes back");
await settle();
await call(main, "whoami");

// An official member in memory gives the same session a second time, also to who was put out: the
// one difference, which docs/recovery.md tells. So the client does not ask for it.
const forget = () => (main._pid = undefined);
main.emit("bye");
await until(() => has("main", "disconnect", "io server disconnect"), "bye");
forget();
main.connect();
await until(() => main.connected, "main connects anew");
names.set(main.id, "<new main>");
await call(main, "whoami");
other.emit("kick", main.id, true);
const losses = () => transcript.filter(([name, what]) => name === "main" && what === "disconnect");
await until(() => losses().length === 3, "the kick");
forget();
main.connect();
await until(() => main.connected, "main connects once more");
main.disconnect();
for (const line of transcript) console.log(JSON.stringify(line));
process.exit(0);
