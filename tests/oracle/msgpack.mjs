// The official MessagePack parser behind a pipe: one JSON request a line in, one answer a line out.
//
//   {"encode": "an expression of JavaScript"}  -> {"hex": the packet}
//   {"decode": hex}                            -> {"packet": as util.inspect shows it} or {"refused"}
//   {"echo": hex}                              -> {"hex": the packet, read and written again}
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import vm from "node:vm";
import parser from "socket.io-msgpack-parser";

const encode = (packet) => new parser.Encoder().encode(packet)[0].toString("hex");

function decode(hex) {
  const decoder = new parser.Decoder();
  let packet;
  decoder.on("decoded", (decoded) => {
    packet = decoded;
  });
  decoder.add(Buffer.from(hex, "hex"));
  return packet;
}

function answer(request) {
  if ("encode" in request) return { hex: encode(vm.runInThisContext(`(${request.encode})`)) };
  try {
    const packet = decode(request.decode ?? request.echo);
    if ("echo" in request) return { hex: encode(packet) };
    return { packet: inspect(packet, { depth: null, breakLength: Infinity, compact: 100 }) };
  } catch (error) {
    return { refused: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
