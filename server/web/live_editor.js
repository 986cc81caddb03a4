// The editor that is on the page, for what changes its text from beside: a review of a proposal.

let current = null;
const listeners = new Set();

/** This `EditorView` shows a document now; with null there is none. */
export function setLiveEditor(view, document) {
  current = view && { view, document };
}

/** The `EditorView` in which a path of the open project is edited, or null. */
export function liveEditorOf(path) {
  return current?.document?.path === path ? current.view : null;
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
