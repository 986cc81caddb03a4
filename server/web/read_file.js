// The text of a file, read part by part: as it is, or as it was at a save.

import { ask, insist } from "./session.js";

/** Read a file of any size, part by part; again from the beginning if it changes meanwhile. */
export async function readFile(projectId, filePath, saveId = undefined) {
  let parts = [];
  for (;;) {
    const payload = { projectId, filePath, saveId, offset: parts.at(-1)?.next };
    const part = await insist(() => ask("file:read", payload));
    if (parts.length > 0 && part.hash !== parts[0].hash) {
      parts = [];
      continue;
    }
    parts.push(part);
    if (part.next === undefined) {
      return { ...part, content: parts.map(({ content }) => content).join("") };
    }
  }
}

/** Return the text of a file as it is, or as it was at a save of its history. */
export async function readText(projectId, filePath, saveId) {
  return (await readFile(projectId, filePath, saveId)).content;
}
