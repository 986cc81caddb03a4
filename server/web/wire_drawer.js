// The drawer that shows each packet of the connection as it passes.

import { useEffect, useRef, useState } from "preact/hooks";
import { IconButton, html } from "./html.js";
import { update } from "./state.js";
import { MOST_PACKETS, clear, taken } from "./wire.js";

const MOST_CHARACTERS = 160;

export function WireDrawer({ app }) {
  const [filter, setFilter] = useState("");
  const [heartbeat, setHeartbeat] = useState(true);
  const [frozen, setFrozen] = useState(null);
  const [chosen, setChosen] = useState(null);
  const end = useRef(null);
  const packets = (frozen ?? app.packets)
    .slice(-MOST_PACKETS)
    .map(taken)
    .filter((packet) => isShown(packet, filter, heartbeat));
  const last = packets.at(-1)?.number;
  useEffect(() => {
    if (!frozen && !chosen) end.current.scrollIntoView({ block: "nearest" });
  }, [last, frozen, chosen]);
  return html`<section class="wire" aria-label="Wire">
    <header class="row">
      <h2>Wire</h2>
      <span class="soft">${app.transport}, ${packets.length} packets</span>
      <input
        type="search"
        placeholder="Filter, such as file: or ACK"
        aria-label="Filter the packets"
        value=${filter}
        onInput=${(event) => setFilter(event.target.value)}
      />
      <label class="check">
        <input
          type="checkbox"
          checked=${heartbeat}
          onChange=${(event) => setHeartbeat(event.target.checked)}
        />
        heartbeat
      </label>
      <button aria-pressed=${frozen !== null} onClick=${() => setFrozen(frozen ? null : app.packets)}>
        ${frozen ? "Go on" : "Pause"}
      </button>
      <button onClick=${clear}>Clear</button>
      <${IconButton} icon="close" label="Close the wire" onClick=${() => update({ wireOpen: false })} />
    </header>
    <div class="split">
      <div class="scroll" tabindex="0" aria-label="Packets">
        <table>
          <thead>
            <tr>
              <th>time</th>
              <th><span class="hidden">direction</span></th>
              <th>Engine.IO</th>
              <th>Socket.IO</th>
              <th>namespace</th>
              <th>id</th>
              <th>payload</th>
              <th class="number">bytes</th>
            </tr>
          </thead>
          <tbody>
            ${packets.map(
              (packet) =>
                html`<${Line}
                  key=${packet.number}
                  packet=${packet}
                  isChosen=${chosen?.number === packet.number}
                  choose=${setChosen}
                />`,
            )}
          </tbody>
        </table>
        <div ref=${end}></div>
      </div>
      ${chosen && html`<${Detail} packet=${chosen} close=${() => setChosen(null)} />`}
    </div>
  </section>`;
}

function isShown(packet, filter, heartbeat) {
  if (packet.direction === "note") return true;
  if (!heartbeat && ["ping", "pong"].includes(packet.engineType)) return false;
  const { engineType, socketType, event, parts } = packet;
  const text = `${engineType} ${socketType} ${event} ${parts.at(-1).text}`;
  return text.toLowerCase().includes(filter.toLowerCase());
}

function Line({ packet, isChosen, choose }) {
  const time = packet.at.toISOString().slice(11, 23);
  if (packet.direction === "note") {
    return html`<tr class="note"><td>${time}</td><td colspan="7">${packet.text}</td></tr>`;
  }
  const { direction, engineType, socketType, namespace, id, event, payload, size } = packet;
  const rest = event ? payload.slice(1) : payload;
  const shown = rest === undefined ? "" : JSON.stringify(rest).slice(0, MOST_CHARACTERS);
  return html`<tr class="${direction} ${isChosen ? "chosen" : ""}" onClick=${() => choose(packet)}>
    <td>${time}</td>
    <td>
      <button class="link" aria-label=${`${direction === "in" ? "received" : "sent"}, show it whole`}>
        ${direction === "in" ? "▼" : "▲"}
      </button>
    </td>
    <td>${engineType}</td>
    <td><span class="tag ${socketType.toLowerCase()}">${socketType}</span></td>
    <td>${namespace}</td>
    <td>${id}</td>
    <td class="payload">${event && html`<strong>${event}</strong> `}${shown}</td>
    <td class="number">${size}</td>
  </tr>`;
}

function Detail({ packet, close }) {
  const { direction, parts, payload, size } = packet;
  return html`<aside class="scroll" aria-label="The chosen packet" tabindex="0">
    <header class="row">
      <h3>${direction === "in" ? "Received" : "Sent"}, ${size} bytes</h3>
      <${IconButton} icon="close" label="Close the packet" onClick=${close} />
    </header>
    <p class="raw">
      ${parts.map(({ text, means }, at) => html`<span class="part-${at}" title=${means}>${text}</span>`)}
    </p>
    <dl>
      ${parts.map(
        ({ text, means }, at) =>
          html`<dt class="part-${at}">${text.length > 12 ? `${text.slice(0, 12)}…` : text}</dt>
            <dd>${means}</dd>`,
      )}
    </dl>
    ${payload !== undefined && html`<pre>${JSON.stringify(payload, null, 2)}</pre>`}
  </aside>`;
}
