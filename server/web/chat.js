// The chat with the assistant, which the whole project sees: messages, and the answers that are
// being made, piece by piece.

import { positionOf } from "./cursors.js";
import { liveEditorOf } from "./live_editor.js";
import { change, onProject } from "./project.js";
import { sentence } from "./sentence.js";
import { ask, emit } from "./session.js";
import { state } from "./state.js";

const TYPING_MILLISECONDS = 2_000;
// That one message may name.
const MOST_OPEN_FILES = 20;

/** Write to the assistant. With the same key it is asked once. */
export async function send(message, key) {
  await ask("ai:message", { projectId: state.project.id, message, key, context: contextOf() });
}

/** Return the path of the file that one is looking at, if there is one. */
export function shownPath() {
  return state.open?.path ?? state.review?.path;
}

/** Return what one is looking at: the file, what is selected in it, and what other tabs have. */
export function contextOf() {
  const { files, tabs } = state.project;
  const path = shownPath();
  const others = tabs.map((tab) => tab.path).filter((one) => one !== path && files.has(one));
  const openFiles = others.length > 0 ? others.slice(-MOST_OPEN_FILES) : undefined;
  if (!path) return openFiles && { openFiles };
  const view = liveEditorOf(path);
  const range = view?.state.selection.main;
  const at = (offset) => positionOf(view.state.doc, offset);
  const selection = range && !range.empty && { start: at(range.from), end: at(range.to) };
  return { currentFile: path, selection: selection || undefined, openFiles };
}

/** Show the messages before those that are shown. */
export async function loadOlder() {
  const { id: projectId, olderMessages: after } = state.project;
  const { messages, next } = await ask("ai:history", { projectId, after });
  if (state.project?.id !== projectId || state.project.olderMessages !== after) return;
  change({ messages: [...messages, ...state.project.messages], olderMessages: next });
}

/** Stop an answer. */
export async function cancel(requestId) {
  await ask("ai:cancel", { requestId });
}

let typingSince = 0;

/** Tell the others that one is typing, or not any more. It ends after four seconds by itself. */
export function sayTyping(isTyping) {
  if (state.connection !== "online") return;
  const now = Date.now();
  if (isTyping && now - typingSince < TYPING_MILLISECONDS) return;
  typingSince = isTyping ? now : 0;
  emit("user:typing", { projectId: state.project.id, isTyping });
}

onProject("ai:message", ({ messageId, requestId, user, message }) => {
  add({ id: messageId, requestId, role: "user", user, content: message });
  put(requestId, { user });
});
onProject("ai:processing", ({ requestId, status, progress, message, error, user, context }) => {
  if (user) {
    const agent = status === "completed" ? null : { user, status, progress, message };
    change({ agent });
    return;
  }
  if (status === "error") {
    drop(requestId);
    add({ id: `${requestId}-error`, requestId, role: "problem", content: sentence(error.message) });
  } else if (status !== "completed") {
    put(requestId, context ? { progress, context } : { progress: progress ?? 0 });
  }
});
onProject("code:started", ({ requestId, path }) => {
  if (path) put(requestId, { coming: { ...answerTo(requestId).coming, [path]: "" } });
});
onProject("code:chunk", ({ requestId, content, number, path }) => {
  const { text, chunks, coming } = answerTo(requestId);
  // Entering the project has brought those of before.
  if (number <= chunks) return;
  put(requestId, { text: text + content, chunks: number, coming: comingWith(coming, path, content) });
});
onProject("ai:proposed", ({ requestId, action }) => {
  const { actions, coming } = answerTo(requestId);
  const { [action.path]: written, ...others } = coming;
  const before = actions.find((one) => one.id === action.id);
  const next = before
    ? actions.map((one) => (one === before ? action : one))
    : [...actions, action];
  // After an edit there may be more of them.
  put(requestId, { actions: next, coming: isOfEdits(written) ? coming : others });
});
onProject("ai:response", ({ requestId, response }) => {
  drop(requestId);
  add({
    id: response.id,
    requestId,
    role: "assistant",
    content: response.content,
    response,
  });
});

function add(message) {
  if (state.project.messages.some((one) => one.id === message.id)) return;
  change({ messages: [...state.project.messages, message] });
}

function put(requestId, changes) {
  const next = { ...answerTo(requestId), ...changes };
  change({ answers: { ...state.project.answers, [requestId]: next } });
}

/** Return what is being written with the next piece of it, which is of a file or of none. */
function comingWith(coming, path, content) {
  // Whoever has come in the middle of a block does not know what it is.
  if (path) return path in coming ? { ...coming, [path]: coming[path] + content } : coming;
  // Each edit has been proposed by itself, so that the end of the block brings nothing more.
  return Object.fromEntries(Object.entries(coming).filter(([, written]) => !isOfEdits(written)));
}

/** Return whether a block, as far as it is written, has edits of a file and not the whole file. */
export function isOfEdits(written = "") {
  return /^\s*<{5,9} ?SEARCH\s*\n/.test(written);
}

/** Return an answer that is being made. `coming` are the files whose text is being written, by path. */
function answerTo(requestId) {
  const none = { text: "", progress: 0, chunks: 0, actions: [], coming: {} };
  return state.project.answers[requestId] ?? none;
}

function drop(requestId) {
  const { [requestId]: _, ...answers } = state.project.answers;
  change({ answers });
}
