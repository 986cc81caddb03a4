// The folders of the open project: which there are, by the paths of its files, and which are closed.
// The browser remembers that for each project.

import { change } from "./project.js";
import { state } from "./state.js";
import { byName, folderOf, isWithin, moved } from "./paths.js";

/** The file that keeps a folder which has no other one; git knows it by this name as well. */
export const KEEPER = ".gitkeep";
// Of names that are remembered for one project.
const MOST_REMEMBERED = 2_000;

const keyOf = (projectId) => `folders/${projectId}`;

/** Return the closed folders of a project, as they were left. */
export function closedFolders(projectId) {
  try {
    return new Set(JSON.parse(localStorage.getItem(keyOf(projectId)) ?? "[]"));
  } catch {
    return new Set();
  }
}

function remember(closed) {
  change({ closed });
  try {
    const names = JSON.stringify([...closed].slice(-MOST_REMEMBERED));
    localStorage.setItem(keyOf(state.project.id), names);
  } catch {
    // The browser's storage is full, or closed to the page: it is not remembered.
  }
}

/** Open or close a folder. */
export function showFolder(path, isOpen) {
  const closed = new Set(state.project.closed);
  if (isOpen) closed.delete(path);
  else closed.add(path);
  remember(closed);
}

/** Open all folders that a file is in. */
export function revealFile(path) {
  const hiding = [...state.project.closed].filter((folder) => path.startsWith(`${folder}/`));
  if (hiding.length === 0) return;
  const closed = new Set(state.project.closed);
  for (const folder of hiding) closed.delete(folder);
  remember(closed);
}

/** A file or folder has another path. */
export function foldersMoved(source, target) {
  const { closed } = state.project;
  if (![...closed].some((folder) => isWithin(folder, source))) return;
  remember(new Set([...closed].map((folder) => moved(folder, source, target))));
}

/** Return whether there is a file or a folder at a path. */
export function isThere(path) {
  const { files } = state.project;
  return files.has(path) || foldersOf(files).has(path);
}

// The folders of a list of files that only grows, and of how many files they are.
let known = { files: null, count: 0, folders: new Set() };

/** A file is gone from the list, and folders may be so with it. */
export function forgetFolders() {
  known.files = null;
}

/** Return all folders that these files are in. They are looked for once, not for each of many paths. */
function foldersOf(files) {
  if (known.files === files && known.count === files.size) return known.folders;
  const folders = new Set();
  for (const path of files.keys()) {
    let folder = folderOf(path);
    while (folder && !folders.has(folder)) {
      folders.add(folder);
      folder = folderOf(folder);
    }
  }
  known = { files, count: files.size, folders };
  return folders;
}

/**
 * The lines of the tree: `{path, name, depth, file?}`, folders first, each in the order of names.
 * What is in a closed folder is left out, and so is the file that only keeps a folder.
 */
export function linesOf(files, closed) {
  const root = { folders: new Map(), files: [] };
  for (const file of files.values()) {
    let folder = root;
    const parts = file.path.split("/");
    const name = parts.pop();
    for (const part of parts) {
      if (!folder.folders.has(part)) folder.folders.set(part, { folders: new Map(), files: [] });
      folder = folder.folders.get(part);
    }
    if (name !== KEEPER || folder === root) folder.files.push(file);
  }
  const lines = [];
  const add = (folder, place, depth) => {
    for (const name of [...folder.folders.keys()].sort(byName)) {
      const path = place + name;
      const isOpen = !closed.has(path);
      lines.push({ path, name, depth, isOpen });
      if (isOpen) add(folder.folders.get(name), `${path}/`, depth + 1);
    }
    for (const file of folder.files.sort((one, other) => byName(one.name, other.name))) {
      lines.push({ path: file.path, name: file.name, depth, file });
    }
  };
  add(root, "", 0);
  return lines;
}
