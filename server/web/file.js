// The file in the editor. Whoever may edit it just types, and so do the others; what is too long for
// that is only shown.
//
// `state.open` is {path, opening, document, text, revision, target, lock, isGone, problem, lost, draft}:
// `document` takes what is typed, or is null, and then `text` is shown. `opening` grows when the editor
// must begin anew. `target` is where the caret is to go, see `goTo`. `lock` is one's own, for editing
// alone. `isGone` says that the file was deleted. `lost` is what could not be put into the file, and
// may be of a `draft`.

import { SharedFile } from "./document.js";
import { abandoned } from "./drafts.js";
import { KEEPER, foldersMoved, revealFile } from "./folders.js";
import { isWithin, join, moved, nameOf } from "./paths.js";
import { change, mayEdit, onProject, sayActivity } from "./project.js";
import { ask, insist, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

const CURSOR_MILLISECONDS = 80;
// How long leaving waits for the last words to be taken; they are kept in the browser besides.
const LEAVE_MILLISECONDS = 2_000;
// Of a project that are known.
const MOST_MOVES = 200;

// Those that are open, and those whose last words are on their way.
const documents = new Set();
let openings = 0;

function alter(changes) {
  if (state.open) update({ open: { ...state.open, ...changes } });
}

// The file that is on its way to the editor, by its project and path.
let coming = null;

/** Show a file, and a place in it if there is a `target`: see `goTo`. */
export async function openFile(path, target) {
  const projectId = state.project.id;
  const name = `${projectId}/${path}`;
  if (state.open?.path !== path) {
    if (coming?.name !== name) {
      const mine = { name };
      coming = mine;
      mine.shown = show(projectId, path, target, () => coming === mine).finally(() => {
        if (coming === mine) coming = null;
      });
    }
    await coming.shown;
  } else if (target) alter({ target });
  update({ pane: "editor" });
}

async function show(projectId, path, target, isWanted) {
  const next = await opened(projectId, path);
  if (state.project?.id !== projectId || !isWanted()) return retire(next.document);
  await stopEditing();
  update({ open: { ...next, target }, review: null, missing: null });
  revealFile(next.path);
  sayPlace({ line: (target?.line ?? 1) - 1, column: 0 });
  sayActivity(`viewing ${nameOf(path)}`);
  attempt(() => finishDrafts(projectId, path));
}

/** What `state.open` is to be for a file. */
async function opened(projectId, path) {
  const fresh = { path, opening: ++openings, lock: null, isGone: false, problem: "", lost: "" };
  const document = sharedFile(projectId, path);
  try {
    await insist(() => document.open());
    return { ...fresh, document, text: "", revision: document.revision };
  } catch (error) {
    discard(document);
    // It is too long to be edited together.
    if (error.code !== "VALIDATION_ERROR") throw error;
    const { content, file } = await readFile(projectId, path);
    return { ...fresh, document: null, text: content, revision: file.revision };
  }
}

function sharedFile(projectId, path, draft) {
  const document = new SharedFile({ projectId, path, userId: state.user.id, tell: heardOf, draft });
  documents.add(document);
  return document;
}

function discard(document, forgotten = true) {
  documents.delete(document);
  document.end({ forgotten });
}

/** Close the editor. */
export async function closeFile() {
  await stopEditing();
  update({ open: null, review: null, missing: null, pane: "files" });
  sayActivity(undefined);
}

/** Leave the open file to the others: what is typed is taken meanwhile, and a lock given back. */
export async function stopEditing() {
  const { open } = state;
  if (!open) return;
  if (open.lock) await attempt(editTogether);
  retire(open.document);
}

/** Hear no more of a document once its last words are taken. */
async function retire(document) {
  if (!document) return;
  await document.settle();
  const { projectId, path: filePath } = document;
  discard(document, document.unsaved === 0);
  const isOpen = [...documents].some((other) => other.path === filePath);
  if (!isOpen && state.connection === "online") socket.emit("file:close", { projectId, filePath });
}

/** Wait a while until what is typed is with the server. */
export async function settled() {
  if (state.connection !== "online") return;
  const all = Promise.all([...documents].map((document) => document.settle()));
  await Promise.race([all, new Promise((done) => setTimeout(done, LEAVE_MILLISECONDS))]);
}

/** A file of any size, read part by part; again from the beginning if it changes meanwhile. */
async function readFile(projectId, filePath) {
  let parts = [];
  for (;;) {
    const payload = { projectId, filePath, offset: parts.at(-1)?.next };
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

// -- editing

// The opening in which one has typed.
let typedIn = 0;

/** The editor's text has changed under the user's hands, by a `ChangeSet`. */
export function edited(document, changes) {
  document.edit(changes);
  const { path, opening } = state.open;
  if (typedIn !== opening) sayActivity(`editing ${nameOf(path)}`);
  typedIn = opening;
}

/** What the editor says of the text. */
export function saveState({ document, problem }) {
  if (!document) return "Read only";
  const { unsaved, isKept } = document;
  if (unsaved === 0) return mayEdit() ? "Saved" : "Read only";
  if (state.connection === "online") return problem ? "Not saved" : "Saving…";
  const changes = unsaved === 1 ? "1 change waits" : `${unsaved} changes wait`;
  return `Offline: ${changes}${isKept ? "" : ", only while this page is open"}`;
}

function heardOf(document, { problem, isOver = false, movedTo }) {
  if (state.open?.document !== document) return;
  // While one was away.
  if (movedTo) alter({ path: movedTo });
  if (isOver) attempt(() => giveUp(document, problem));
  else if (problem === undefined || state.open.lost !== "") alter({});
  else alter({ problem: problem?.message ?? "" });
}

/** Nothing can be typed into a document any more: show what the server has, and keep the words. */
async function giveUp(document, error) {
  const { path, projectId } = document;
  const lost = document.unsaved > 0 ? document.text.toString() : "";
  documents.delete(document);
  if (error.code === "NOT_FOUND") return showGone(document);
  const next = await opened(projectId, path);
  if (state.open?.document !== document) return retire(next.document);
  const problem = lost ? `What you typed last could not be put in: ${error.message}` : "";
  update({ open: { ...next, problem, lost } });
}

/** The file was deleted under one's hands. */
function showGone(document) {
  const text = document.text.toString();
  discard(document, false);
  const problem = `${document.path} was deleted.`;
  alter({ document: null, opening: ++openings, isGone: true, text, problem, lost: text });
}

export function forgetProblem() {
  if (state.open.isGone) return update({ open: null });
  state.open.draft?.end({ forgotten: true });
  alter({ problem: "", lost: "", draft: undefined });
}

/** Keep all others from editing the open file. */
export async function editAlone() {
  const { path } = state.open;
  const payload = { projectId: state.project.id, filePath: path, lockType: "exclusive" };
  const { lock } = await ask("file:lock", payload);
  putLock(lock);
  if (state.open?.path === path) alter({ lock });
}

/** Let the others edit again. */
export async function editTogether() {
  const { path, lock, document } = state.open;
  const isOnline = state.connection === "online";
  // The others are let in when one's own words are taken.
  if (isOnline) await document?.settle();
  alter({ lock: null });
  dropLock(path, lock.token);
  // A lock whose connection is lost ends by itself.
  if (!isOnline) return;
  const payload = { projectId: state.project.id, filePath: path };
  await insist(() => ask("file:unlock", payload)).catch(() => {});
}

/** Put in what was typed in a tab that was closed, or lost, before the server had it. */
async function finishDrafts(projectId, path) {
  for (const draft of await abandoned(state.user.id, projectId, path)) {
    const document = sharedFile(projectId, path, draft);
    document.comeBack();
    if (await document.settle()) {
      toast(`What you typed into ${path} before is in it now`);
      document.end();
    } else if (state.open?.path === path) {
      const problem = "What you typed here before could not be put in.";
      alter({ problem, lost: document.text.toString(), draft: document });
    }
    documents.delete(document);
  }
}

onProject("file:edited", (data) => {
  for (const one of documents) if (one.path === data.filePath) one.hear(data);
});

// -- the tree

export async function createFile(path) {
  await openFile(await put(path, ""));
}

/** Make a file again that was deleted while it was open. */
export async function putBack() {
  const path = await put(state.open.path, state.open.text);
  update({ open: null });
  await openFile(path);
}

async function put(path, content) {
  const file = { path, action: "created", content, baseRevision: 0 };
  const answer = await ask("file:change", { projectId: state.project.id, file });
  putFile(answer.file);
  return answer.filePath;
}

/** A folder that has nothing else has a file that keeps it, as in git. */
export async function createFolder(path) {
  await put(join(path.replace(/\/+$/, ""), KEEPER), "");
}

/** Give a file or folder another path. */
export async function moveTo(filePath, newPath) {
  await ask("file:move", { projectId: state.project.id, filePath, newPath });
}

/** Copy a file or folder. */
export async function duplicate(filePath, newPath) {
  await settled();
  const answer = await ask("file:copy", { projectId: state.project.id, filePath, newPath });
  if (answer.file) await openFile(answer.newPath);
}

/** Put a file or folder into the bin; for a while it can be undone at once. */
export async function deleteFile(path) {
  const { open, project } = state;
  if (open && isWithin(open.path, path)) await closeFile();
  await settled();
  const { deletionId } = await ask("file:delete", { projectId: project.id, filePath: path });
  toast(`${path} is in the bin`, "news", {
    name: "Undo",
    run: () => attempt(() => restoreDeleted(deletionId)),
  });
}

/** Take a file or folder out of the bin, to another path if something is at its own. */
export async function restoreDeleted(deletionId, newPath) {
  await ask("bin:restore", { projectId: state.project.id, deletionId, newPath });
}

/** Make a file with this content, if there is none. */
export async function createWith(path, content) {
  await openFile(await put(path, content));
}

/** Change a file that is not in the editor: `work(text)` is the `ChangeSet` of its text. */
export async function editBeside(path, work) {
  const lock = foreignLock(path);
  if (lock?.lockType === "exclusive") throw new Error(`${lock.user.name} keeps ${path}`);
  const document = sharedFile(state.project.id, path);
  try {
    await insist(() => document.open());
  } catch (error) {
    discard(document);
    throw error;
  }
  document.edit(work(document.text));
  await retire(document);
  if (document.unsaved > 0) throw new Error(`${path} could not be changed`);
}

function putFile(file) {
  change({ files: new Map(state.project.files).set(file.path, file) });
}

function dropFile(path) {
  const files = new Map(state.project.files);
  files.delete(path);
  change({ files });
}

async function heardChange({ file }) {
  putFile(file);
  const { open } = state;
  if (open?.path !== file.path || file.revision <= open.revision) return;
  alter({ revision: file.revision });
  // What is edited together has been heard of. The other text is read again.
  if (open.document || open.isGone) return;
  const answer = await attempt(() => readFile(state.project.id, file.path));
  if (answer && state.open?.path === file.path && !state.open.document) {
    alter({ text: answer.content, opening: ++openings });
  }
}

onProject("file:created", heardChange);
onProject("file:updated", heardChange);
onProject("file:deleted", ({ filePath }) => {
  dropFile(filePath);
  if (state.open?.path !== filePath) return;
  if (state.open.document) return showGone(state.open.document);
  toast(`${filePath} was deleted`);
  update({ open: null });
});

/** The path that a file has now, where it was moved while the project was open. */
export function presentPath(path) {
  const { files, moves } = state.project;
  if (files.has(path)) return path;
  return moves.reduce((now, { source, target }) => moved(now, source, target), path);
}

onProject("file:moved", ({ filePath, newPath, file }) => {
  const { project, open } = state;
  const isGoneUnder = open && isWithin(open.path, newPath) && !isWithin(open.path, filePath);
  if (isGoneUnder && open.document) showGone(open.document);
  const files = [...project.files.values()].filter((one) => !isWithin(one.path, newPath));
  change({
    moves: [...project.moves, { source: filePath, target: newPath }].slice(-MOST_MOVES),
    files: new Map(
      files.map((one) => {
        const path = moved(one.path, filePath, newPath);
        return [path, path === one.path ? one : (file ?? { ...one, path, name: nameOf(path) })];
      }),
    ),
    locks: project.locks.map((lock) => ({
      ...lock,
      filePath: moved(lock.filePath, filePath, newPath),
    })),
    places: new Map(
      [...project.places].map(([id, place]) => [
        id,
        { ...place, filePath: moved(place.filePath, filePath, newPath) },
      ]),
    ),
  });
  foldersMoved(filePath, newPath);
  for (const document of documents) {
    if (document.projectId === project.id) document.moveTo(moved(document.path, filePath, newPath));
  }
  if (state.open) alter({ path: moved(state.open.path, filePath, newPath) });
});

// -- locks

onProject("file:locked", ({ lock }) => putLock(lock));
onProject("file:unlocked", ({ filePath, token }) => dropLock(filePath, token));

function putLock(lock) {
  const others = state.project.locks.filter((one) => one.token !== lock.token);
  // An exclusive lock is the only one, also where it was taken over from a lost connection.
  const kept = others.filter((one) => one.filePath !== lock.filePath || lock.lockType === "shared");
  change({ locks: [...kept, lock] });
}

function dropLock(filePath, token) {
  if (!state.project) return;
  for (const one of documents) if (one.path === filePath) one.unlocked();
  change({
    locks: state.project.locks.filter((one) => one.filePath !== filePath || one.token !== token),
  });
}

/** The lock on a file that somebody else has, or one's own other window. */
export function foreignLock(path) {
  return state.project.locks.find(
    (lock) => lock.filePath === path && lock.token !== state.open?.lock?.token,
  );
}

// -- where one is

let place = null;
let placeTimer = 0;

/** Tell the others where one is in the open file; not more often than they can look. */
export function sayPlace(position, selection) {
  place = { position, selection };
  placeTimer ||= setTimeout(sendPlace, CURSOR_MILLISECONDS);
}

function sendPlace() {
  placeTimer = 0;
  if (!state.open || !state.project || !place || state.connection !== "online") return;
  const { path: filePath, document } = state.open;
  const version = document?.version;
  socket.volatile.emit("cursor:update", { projectId: state.project.id, filePath, version, ...place });
}

// Whoever comes does not know where the others are.
onProject("user:joined", sendPlace);

// -- after a reconnection

socket.on("disconnect", () => {
  for (const document of documents) document.lose();
});

/** Take up again what was open, and a lock if it is to be had. One may go on typing meanwhile. */
export async function reopenFile() {
  const { open, project } = state;
  for (const document of documents) {
    if (document.projectId === project.id) document.comeBack();
    else discard(document, false);
  }
  if (!open) return;
  if (open.lock) await lockAgain(open);
  if (open.document || open.isGone) return;
  const answer = await attempt(() => readFile(project.id, open.path));
  if (state.open?.path !== open.path || state.open.document) return;
  if (!answer) return update({ open: null });
  alter({ text: answer.content, revision: answer.file.revision, opening: ++openings });
}

async function lockAgain({ path, lock: before }) {
  const connection = socket.id;
  const payload = { projectId: state.project.id, filePath: path, lockType: "exclusive" };
  const answer = await attempt(() => insist(() => ask("file:lock", payload)));
  // Lost once more: the next connection takes it up.
  if (socket.id !== connection) return;
  if (answer) putLock(answer.lock);
  // One may have given it back meanwhile.
  if (state.open?.lock?.token === before.token) alter({ lock: answer?.lock ?? null });
}

document.addEventListener("visibilitychange", () => {
  const own = state.project?.people.get(state.user?.id);
  if (own) sayActivity(own.activity);
});
addEventListener("beforeunload", (event) => {
  if ([...documents].some(({ unsaved, isKept }) => unsaved > 0 && !isKept)) event.preventDefault();
});
