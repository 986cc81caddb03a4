// Records every packet of the official client's connection for the drawer, in both directions. The
// probe of an upgrade passes before the client reports packets, so it is a line of its own.

import { takeApart } from "./packets.js";
import { state, update } from "./state.js";

export const MOST_PACKETS = 500;

const recorded = new WeakSet();
let number = 0;

/** Record what passes through a manager's connections, this one and those after it. */
export function record(manager) {
  const attach = () => {
    const engine = manager.engine;
    if (!engine || recorded.has(engine)) return;
    recorded.add(engine);
    engine.on("packet", ({ type, data }) => pass("in", type, data));
    engine.on("packetCreate", ({ type, data }) => pass("out", type, data));
    engine.on("upgrade", (transport) => {
      update({ transport: transport.name });
      note(`upgraded to ${transport.name}`);
    });
    engine.on("close", (reason) => note(`closed: ${reason}`));
  };
  manager.on("open", () => update({ transport: manager.engine.transport.name }));
  // The engine is made right after this event, and its first packet comes later.
  manager.on("reconnect_attempt", () => queueMicrotask(attach));
  return attach;
}

export function clear() {
  update({ packets: [] });
}

const apart = new WeakMap();

/** Return a recorded line with its packet taken apart, see packets.js: only what is looked at is. */
export function taken(line) {
  if (!("data" in line)) return line;
  if (!apart.has(line)) apart.set(line, { ...line, ...takeApart(line.engineType, line.data) });
  return apart.get(line);
}

function note(text) {
  add("note", { text });
}

function pass(direction, type, data) {
  // A text is there anyway. Bytes, such as of an upload, are only counted.
  if (typeof data === "string") add(direction, { engineType: type, data });
  else add(direction, takeApart(type, data));
}

function add(direction, packet) {
  const line = { number: ++number, at: new Date(), direction, ...packet };
  if (state.wireOpen) {
    update({ packets: [...state.packets, line].slice(-MOST_PACKETS) });
  } else {
    // Without the drawer nobody looks: the page is not drawn for it.
    state.packets.push(line);
    if (state.packets.length > 2 * MOST_PACKETS) state.packets.splice(0, MOST_PACKETS);
  }
}
