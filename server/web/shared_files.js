// The documents into which one types: that of the editor, those of other tabs, and those whose last
// words are on their way to the server.

import { SharedFile } from "./document.js";
import { moved } from "./paths.js";
import { mayEdit, onProject } from "./project.js";
import { emit, onDeparture, onSignedOut, socket } from "./session.js";
import { state } from "./state.js";

// How long leaving waits for the last words to be taken; they are kept in the browser besides.
const LEAVE_MILLISECONDS = 2_000;

const documents = new Set();
let tell = () => {};

/** Call `handler(document, news)` with what each document tells, see `SharedFile`. */
export function onDocumentNews(handler) {
  tell = handler;
}

/** Return whether a file has changes that are not taken by the server yet, or just were. */
export function isBusy(path) {
  return [...documents].some((document) => document.path === path && document.isBusy);
}

/** Begin a document of a file, with what a `draft` has. */
export function sharedFile(projectId, path, draft) {
  const document = new SharedFile({ projectId, path, userId: state.user.id, tell, draft });
  documents.add(document);
  return document;
}

/** End a document; unless `forgotten`, its draft stays in the browser. */
export function discard(document, forgotten = true) {
  documents.delete(document);
  document.end({ forgotten });
}

/** Hear no more of a document once its last words are taken. */
export async function retire(document) {
  if (!document) return;
  await document.settle();
  const { projectId, path: filePath } = document;
  discard(document, document.unsaved === 0);
  const isOpen = [...documents].some((other) => other.path === filePath);
  if (!isOpen) emit("file:close", { projectId, filePath });
}

/** Wait a while until what is typed is with the server. */
export async function settled() {
  if (state.connection !== "online") return;
  const all = Promise.all([...documents].map((document) => document.settle()));
  await Promise.race([all, new Promise((done) => setTimeout(done, LEAVE_MILLISECONDS))]);
}

/** Return what the editor says of the text. */
export function saveState({ document, problem }) {
  if (!document) return "Read only";
  const { unsaved, isBusy, isKept } = document;
  const isOnline = state.connection === "online";
  if (unsaved === 0 && !(isBusy && isOnline)) return mayEdit() ? "Saved" : "Read only";
  if (isOnline) return problem && unsaved > 0 ? "Not saved" : "Saving…";
  const changes = unsaved === 1 ? "1 change waits" : `${unsaved} changes wait`;
  return `Offline: ${changes}${isKept ? "" : ", only while this page is open"}`;
}

/** Leave a document to whoever has it: it is told nothing any more. */
export function letGo(document) {
  documents.delete(document);
}

/** Let the documents of a file or folder follow it to another path, those that `follows` is true of. */
export function documentsMoved(projectId, source, target, follows) {
  for (const document of documents) {
    if (document.projectId !== projectId || !follows(document)) continue;
    document.moveTo(moved(document.path, source, target));
  }
}

/** Send what a lock on a file kept out: it has ended. */
export function documentsUnlocked(path) {
  for (const document of documents) if (document.path === path) document.unlocked();
}

/** Go on with the documents of the open project on a new connection, and end all others. */
export function documentsComeBack(projectId) {
  for (const document of documents) {
    if (document.projectId === projectId) document.comeBack();
    else discard(document, false);
  }
}

onProject("file:edited", (data) => {
  for (const document of documents) if (document.path === data.filePath) document.hear(data);
});
function lose() {
  for (const document of documents) document.lose();
}
onDeparture(lose);
// Whoever signs in next in this tab has nothing to do with them.
onSignedOut(() => {
  for (const document of documents) discard(document, document.unsaved === 0);
});
socket.on("server:resync", lose);
addEventListener("beforeunload", (event) => {
  if ([...documents].some(({ unsaved, isKept }) => unsaved > 0 && !isKept)) event.preventDefault();
});
