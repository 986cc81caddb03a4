// The list of the open project's files, as the tree draws it.

import { forgetFolders } from "./folders.js";
import { isWithin, moved } from "./paths.js";
import { change, onceRead } from "./project.js";
import { state, update } from "./state.js";

// Of thousands of files that come or go one after the other the tree is drawn a few times a second.
const DRAW_MILLISECONDS = 150;
// Deletions that are remembered. What is heard too late comes a moment later.
const MOST_GONE = 1_000;
let drawing = 0;
let drawnAt = -Infinity;

/**
 * Return whether something later is known of a path than what it was told to be at a revision: of
 * changes on several nodes an older one may be heard after a newer one.
 */
export function isOutdated(path, revision) {
  const { files, gone } = state.project;
  const known = Math.max(files.get(path)?.revision ?? 0, gone.get(path) ?? 0, movedAt(path));
  return revision < known;
}

/** Return the revision of the last move that is known from or to a path, 0 if there is none. */
export function movedAt(path) {
  return state.project.moves.reduce((last, { source, target, revision = 0 }) => {
    const isAbout = revision > last && (isWithin(path, source) || isWithin(path, target));
    return isAbout ? revision : last;
  }, 0);
}

/** Put a file into the list, or in the place of what it was. Return false if it is over. */
export function putFile(file) {
  const { files } = state.project;
  // One's own change is told by its answer only.
  onceRead(() => putFile(file));
  if (isOutdated(file.path, file.revision)) return false;
  const before = files.get(file.path);
  files.set(file.path, file);
  // A save changes no line of the tree.
  if (before && Boolean(before.mediaType) === Boolean(file.mediaType)) update({});
  else drawSoon();
  return true;
}

/** Take a file out of the list that was deleted. Return false if another one is there by now. */
export function dropFile(path, revision) {
  if (isOutdated(path, revision)) return false;
  const { files, gone } = state.project;
  gone.delete(path);
  gone.set(path, revision);
  if (gone.size > MOST_GONE) gone.delete(gone.keys().next().value);
  if (files.delete(path)) {
    forgetFolders();
    drawSoon();
  }
  return true;
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
