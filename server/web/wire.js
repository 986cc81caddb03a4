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
    engine.on("packet", ({ type, data }) => add("in", takeApart(type, data)));
    engine.on("packetCreate", ({ type, data }) => add("out", takeApart(type, data)));
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

function note(text) {
  add("note", { text });
}

function add(direction, packet) {
  const line = { number: ++number, at: new Date(), direction, ...packet };
  const packets = [...state.packets, line];
  // Without the drawer nobody looks: the page is not drawn for it.
  if (state.wireOpen) update({ packets: packets.slice(-MOST_PACKETS) });
  else state.packets = packets.slice(-MOST_PACKETS);
}
