// Packets as they pass, taken apart: Engine.IO v4 outside, Socket.IO v5 inside. Pure functions, for
// the drawer that shows them; the page itself leaves this work to the official client.

const SOCKET_TYPES = [
  "CONNECT",
  "DISCONNECT",
  "EVENT",
  "ACK",
  "CONNECT_ERROR",
  "BINARY_EVENT",
  "BINARY_ACK",
];

const ENGINE_DIGITS = {
  open: "0",
  close: "1",
  ping: "2",
  pong: "3",
  message: "4",
  upgrade: "5",
  noop: "6",
};

// A screen may be shared: what opens a session is not shown.
const SECRETS = /("(?:password|sessionId|token)":"|"expiresAt":"[^"]*","id":")(?:[^"\\]|\\.)*/g;

const encoder = new TextEncoder();

/**
 * One packet.
 *
 * @param {string} engineType the type of the Engine.IO packet, such as "message"
 * @param {string | ArrayBuffer | ArrayBufferView | undefined} data what is in it
 * @returns {{engineType: string, socketType: string, namespace: string, id: string, event: string,
 *   payload: unknown, size: number, parts: {text: string, means: string}[]}} `size` in bytes;
 *   `parts` are the pieces of the text in their order, `payload` is undefined without one; passwords
 *   and sessions' ids are covered
 */
export function takeApart(engineType, data) {
  const packet = {
    engineType,
    socketType: "",
    namespace: "",
    id: "",
    event: "",
    payload: undefined,
    size: 0,
    parts: [],
  };
  if (data !== undefined && typeof data !== "string") {
    packet.size = data.byteLength;
    packet.socketType = "attachment";
    packet.parts.push({ text: `${data.byteLength} bytes`, means: "a binary attachment" });
    return packet;
  }
  const text = data ?? "";
  packet.size = 1 + encoder.encode(text).length;
  packet.parts.push({ text: ENGINE_DIGITS[engineType] ?? "?", means: `Engine.IO ${engineType}` });
  const shown = text.replace(SECRETS, "$1•••");
  if (engineType === "message") readMessage(packet, shown);
  else if (shown) readJson(packet, shown, "data");
  return packet;
}

function readMessage(packet, text) {
  let at = 1;
  packet.socketType = SOCKET_TYPES[text[0]] ?? "unknown";
  packet.parts.push({ text: text[0] ?? "", means: `Socket.IO ${packet.socketType}` });
  const attachments = /^\d+-/.exec(text.slice(at));
  if (attachments && packet.socketType.startsWith("BINARY")) {
    at += attachments[0].length;
    packet.parts.push({ text: attachments[0], means: "the number of attachments that follow" });
  }
  packet.namespace = "/";
  if (text[at] === "/") {
    const comma = text.indexOf(",", at);
    const end = comma < 0 ? text.length : comma;
    packet.namespace = text.slice(at, end);
    packet.parts.push({ text: text.slice(at, end + 1), means: "the namespace" });
    at = end + 1;
  }
  const id = /^\d+/.exec(text.slice(at));
  if (id) {
    at += id[0].length;
    packet.id = id[0];
    const acknowledges = packet.socketType.endsWith("ACK");
    packet.parts.push({
      text: id[0],
      means: acknowledges ? "the id of the event that this answers" : "the id: answer me with it",
    });
  }
  if (at < text.length) readJson(packet, text.slice(at), "the payload");
  if (packet.socketType.endsWith("EVENT") && Array.isArray(packet.payload)) {
    packet.event = String(packet.payload[0]);
  }
}

function readJson(packet, text, means) {
  packet.parts.push({ text, means });
  try {
    packet.payload = JSON.parse(text);
  } catch {
    packet.payload = text;
  }
}
