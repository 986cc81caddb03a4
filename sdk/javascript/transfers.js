// Files of any size, read and sent part by part. `call` is that of `AICodingAssistantSocket`.

import { Refused } from "./errors.js";

// Bytes of a file in one event.
const PART = 262_144;
// How often a file is read that changes while it is read.
const READINGS = 5;
// How often a file is sent from its beginning.
const BEGINNINGS = 5;

/** Read a text: `{filePath, content, size, hash, file?}`. */
export async function readText(call, payload) {
  const parts = await partsOf(call, "file:read", payload);
  return { ...parts.at(-1), content: parts.map(({ content }) => content).join("") };
}

/** Read a file as bytes: `{filePath, data, size, hash, mediaType?, file?}`. */
export async function download(call, payload) {
  const parts = await partsOf(call, "file:download", payload);
  const whole = parts.at(-1);
  const data = new Uint8Array(whole.size);
  let at = 0;
  for (const part of parts) {
    const bytes = new Uint8Array(part.data);
    data.set(bytes, at);
    at += bytes.length;
  }
  return { ...whole, data };
}

/**
 * Send the bytes of a file, or a text, from its beginning again if the server does not know what has
 * come: it was started anew, or is another one. Return the file.
 */
export async function upload(call, payload, given) {
  const data = typeof given === "string" ? new TextEncoder().encode(given) : new Uint8Array(given);
  const size = data.length;
  let answer = { next: 0 };
  let beginnings = 1;
  do {
    const { next: offset, uploadId } = answer;
    const part = data.slice(offset, offset + PART);
    try {
      answer = await call("file:upload", { ...payload, size, offset, uploadId, data: part });
    } catch (error) {
      const isUnknown = uploadId !== undefined && error.code === "NOT_FOUND";
      if (!isUnknown || beginnings === BEGINNINGS) throw error;
      beginnings += 1;
      answer = { next: 0 };
    }
  } while (answer.next !== undefined);
  return answer.file;
}

/** Return all parts of a file, which is read again if it changes meanwhile. */
async function partsOf(call, event, payload) {
  for (let reading = 0; reading < READINGS; reading++) {
    const parts = [];
    let part;
    do {
      part = await call(event, { ...payload, offset: part?.next ?? 0 });
      parts.push(part);
    } while (part.next !== undefined && part.hash === parts[0].hash);
    if (part.hash === parts[0].hash) return parts;
  }
  const message = `file '${payload.filePath}' changes faster than it can be read: lock it first`;
  throw new Refused({ code: "VERSION_CONFLICT", message });
}
