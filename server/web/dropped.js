// What is dropped on the page, or chosen for it, as a list of {path, file}: files, and folders with all
// that is in them.

import { join } from "./paths.js";

// What programs keep for themselves: nobody who drops a folder means these.
const LEFT_OUT = new Set([
  ...[".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"],
  ...[".DS_Store", "Thumbs.db", "desktop.ini"],
]);
// More than a project has. Whoever drops the whole disk is told at once.
export const MOST = 10_000;

/** Return the files of an <input type="file">; those of a folder have its name at the beginning. */
export function chosen(input) {
  return sorted([...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** Return what a drop carries. To be called while the event is handled: afterwards it is gone. */
export function dropped({ items }) {
  const entries = [...items]
    .filter(({ kind }) => kind === "file")
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return gather(entries.filter(Boolean));
}

async function gather(entries) {
  const found = [];
  const left = entries.map((entry) => ({ entry, folder: "" }));
  const leftOut = [];
  while (left.length > 0 && found.length <= MOST) {
    const { entry, folder } = left.shift();
    const path = join(folder, entry.name);
    if (entry instanceof File) found.push({ path, file: entry });
    else if (LEFT_OUT.has(entry.name)) leftOut.push(path);
    else if (entry.isFile) {
      found.push({ path, file: await new Promise((done, fail) => entry.file(done, fail)) });
    } else {
      for (const inner of await entriesOf(entry)) left.push({ entry: inner, folder: path });
    }
  }
  return { files: found, leftOut };
}

/** Return all entries of a folder, which the browser gives a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    found.push(...some);
  }
}

function sorted(all) {
  const isLeftOut = ({ path }) => path.split("/").find((part) => LEFT_OUT.has(part));
  const places = all.filter(isLeftOut).map(({ path }) => {
    const parts = path.split("/");
    return parts.slice(0, parts.findIndex((part) => LEFT_OUT.has(part)) + 1).join("/");
  });
  return { files: all.filter((one) => !isLeftOut(one)), leftOut: [...new Set(places)] };
}
