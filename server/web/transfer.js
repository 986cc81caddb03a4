// Files as bytes: from the server, and to the disk of whoever looks at the page.

import { ask, insist } from "./session.js";
import { settled } from "./shared_files.js";

// What browsers draw and nothing else: in none of them does anything run.
const IMAGES = new Set(["image/avif", "image/gif", "image/jpeg", "image/png", "image/webp"]);

export function isImage(mediaType) {
  return IMAGES.has(mediaType);
}

/** Return the bytes of a file as a Blob, read part by part; again if it changes meanwhile. */
export async function readBytes(projectId, filePath) {
  let parts = [];
  for (;;) {
    const payload = { projectId, filePath, offset: parts.at(-1)?.next };
    const part = await insist(() => ask("file:download", payload));
    if (parts.length > 0 && part.hash !== parts[0].hash) {
      parts = [];
      continue;
    }
    parts.push(part);
    if (part.next !== undefined) continue;
    const type = isImage(part.mediaType) ? part.mediaType : "application/octet-stream";
    return new Blob(
      parts.map(({ data }) => data),
      { type },
    );
  }
}

/** Let the browser download a file, a folder as an archive, or without a path the whole project. */
export async function download(projectId, filePath) {
  await settled();
  const { url, name } = await insist(() => ask("download:create", { projectId, filePath }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Return a number of bytes as people say it. */
export function sizeOf(bytes) {
  if (bytes < 1_000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const [amount, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${unit}`;
}
