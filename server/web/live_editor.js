// The editor that is on the page, for what works on its text from beside: a review of a proposal, the
// address, a search.

import { EditorView } from "@codemirror/view";
import { offsetOf } from "./cursors.js";

// Pixels between a place that is shown and the edge.
const MARGIN = 80;

let current = null;
// The place to show as soon as the editor has its file, as {path, position}.
let wanted = null;
// Editors of files that are in other tabs, by their documents.
const kept = new WeakMap();
const listeners = new Set();

/** This `EditorView` shows an opening of a file now, see file.js. */
export function setLiveEditor(view, { document, opening }) {
  current = { view, document, opening };
  if (wanted && wanted.path === document?.path) showPosition(wanted.path, wanted.position);
}

/** Show a place in a file that is edited, at once or when it is there; one's own caret stays. */
export function showPosition(path, position) {
  const view = liveEditorOf(path);
  wanted = view ? null : { path, position };
  if (!view) return;
  const at = offsetOf(view.state.doc, position);
  view.dispatch({ effects: EditorView.scrollIntoView(at, { y: "nearest", yMargin: MARGIN }) });
}

/** The file and the line that one is at, as {filePath, line} from 0; undefined where nothing is edited. */
export function placeInEditor() {
  const path = current?.document?.path;
  if (!path) return undefined;
  const { doc, selection } = current.view.state;
  return { filePath: path, line: doc.lineAt(selection.main.head).number - 1 };
}

/** Keep the state of the editor that is on the page, for when its file is shown again. */
export function keepLiveEditor() {
  if (!current?.document) return;
  const { state } = current.view;
  kept.set(current.document, { state, scroll: current.view.scrollSnapshot() });
}

/** Return the `{state, scroll}` in which the editor of a document was left, if it was. */
export function keptEditorOf(document) {
  return kept.get(document);
}

/** This one is gone; another one may have come before. */
export function endLiveEditor(view) {
  if (current?.view === view) current = null;
}

/** Return the `EditorView` in which a path of the open project is edited, or null. */
export function liveEditorOf(path) {
  return current?.document && current.document.path === path ? current.view : null;
}

/** The line of the caret in an opening of a file, from 1; undefined where there is no editor of it. */
export function lineOfCaret({ opening }) {
  if (current?.opening !== opening) return undefined;
  const { doc, selection } = current.view.state;
  return doc.lineAt(selection.main.head).number;
}

/** Put the caret at `{line, column?, length?}`, from 1, and bring it into sight. */
export function goTo(view, { line, column = 1, length = 0 }) {
  const { doc } = view.state;
  const { from, to } = doc.line(Math.max(1, Math.min(line, doc.lines)));
  const anchor = Math.min(from + column - 1, to);
  view.dispatch({
    selection: { anchor, head: Math.min(anchor + length, doc.length) },
    effects: EditorView.scrollIntoView(anchor, { y: "center" }),
  });
}

/** Call `listener(update)` with each `ViewUpdate` of the text. Returns what ends that. */
export function onLiveUpdate(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Something has changed in the editor. */
export function reportLiveUpdate(update) {
  for (const listener of listeners) listener(update);
}
