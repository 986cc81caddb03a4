// The official parser behind a pipe: one JSON request a line in, one JSON answer a line out.
//
//   {"encode": {"type", "nsp", "id"?, "data"?}}   -> {"messages": [text, {"base64"}, ...]}
//   {"decode": [text, {"base64"}, ...]}           -> {"packet": {...}}, {"incomplete": true} or {"refused": reason}
//
// Binary values travel as {"$base64": "..."}, a key that no generated value has.
import { createInterface } from "node:readline";
import { Decoder, Encoder } from "socket.io-parser";

const BINARY = "$base64";

function pack(value) {
  if (Buffer.isBuffer(value)) return { [BINARY]: value.toString("base64") };
  if (Array.isArray(value)) return value.map(pack);
  if (value === null || typeof value !== "object") return value;
  const copy = Object.create(null);
  for (const key of Object.keys(value)) copy[key] = pack(value[key]);
  return copy;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value === null || typeof value !== "object") return value;
  if (typeof value[BINARY] === "string") return Buffer.from(value[BINARY], "base64");
  const copy = {};
  // Assigning to __proto__ would set the prototype instead of a key.
  for (const key of Object.keys(value)) {
    Object.defineProperty(copy, key, {
      value: unpack(value[key]),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

function decode(messages) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (decoded) => {
    packet = decoded;
  });
  try {
    for (const message of messages) decoder.add(unpack(message));
  } catch (error) {
    return { refused: error.message };
  }
  return packet === undefined ? { incomplete: true } : { packet: pack(packet) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const answer =
    "encode" in request
      ? { messages: new Encoder().encode(unpack(request.encode)).map(pack) }
      : decode(request.decode);
  process.stdout.write(JSON.stringify(answer) + "\n");
}
