// The list of the open project's files, as the tree draws it.

import { forgetFolders } from "./folders.js";
import { moved } from "./paths.js";
import { change } from "./project.js";
import { state, update } from "./state.js";

// Of thousands of files that come or go one after the other the tree is drawn a few times a second.
const DRAW_MILLISECONDS = 150;
let drawing = 0;
let drawnAt = -Infinity;

/**
 * Put a file into the list, or in the place of what it was. Return false if it is older than that: of
 * changes on several nodes an older one may be heard after a newer one.
 */
export function putFile(file) {
  const { files } = state.project;
  const before = files.get(file.path);
  if (before && file.revision < before.revision) return false;
  files.set(file.path, file);
  // A save changes no line of the tree.
  if (before && Boolean(before.mediaType) === Boolean(file.mediaType)) update({});
  else drawSoon();
  return true;
}

/** Take a file out of the list. */
export function dropFile(path) {
  if (!state.project.files.delete(path)) return;
  forgetFolders();
  drawSoon();
}

function drawSoon() {
  if (drawing) return;
  const wait = drawnAt + DRAW_MILLISECONDS - performance.now();
  if (wait <= 0) drawFiles();
  else drawing = setTimeout(drawFiles, wait);
}

function drawFiles() {
  drawing = 0;
  drawnAt = performance.now();
  if (state.project) change({ files: new Map(state.project.files) });
}

/** Return the path that a file has now, where it was moved while the project was open. */
export function presentPath(path) {
  const { files, moves } = state.project;
  if (files.has(path)) return path;
  return moves.reduce((now, { source, target }) => moved(now, source, target), path);
}
