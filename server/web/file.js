// The file in the editor. Whoever may edit it just types, and so do the others; what is too long for
// that is only shown.
//
// `state.open` is {path, opening, document, text, revision, target, lock, isGone, problem, lost, draft,
// isBinary}: `document` takes what is typed, or is null, and then `text` is shown, unless it `isBinary`.
// `opening` grows when the editor must begin anew. `target` is where the caret is to go, see `goTo`. `lock` is one's own, for editing
// alone. `isGone` says that the file was deleted. `lost` is what could not be put into the file, and
// may be of a `draft`.
//
// `state.beside` has the same of other tabs, the longest unseen first: their documents go on, so they
// are there at once, with what can be undone, also without a connection.

import { SharedFile } from "./document.js";
import { abandoned } from "./drafts.js";
import { KEEPER, foldersMoved, revealFile } from "./folders.js";
import { keepLiveEditor, lineOfCaret } from "./live_editor.js";
import { isWithin, join, moved, nameOf } from "./paths.js";
import { change, mayEdit, onProject, sayActivity } from "./project.js";
import { ask, insist, isMe, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";
import { closeTab, dropTab, leaveTab, showTab, tabOf, tabsMoved } from "./tabs.js";

const CURSOR_MILLISECONDS = 80;
// How long leaving waits for the last words to be taken; they are kept in the browser besides.
const LEAVE_MILLISECONDS = 2_000;
// Of a project that are known.
const MOST_MOVES = 200;
// Documents of other tabs. A user has at most 20 open on the server, in all windows.
const MOST_BESIDE = 5;

// Those that are open, and those whose last words are on their way.
const documents = new Set();
let openings = 0;

function alter(changes) {
  if (state.open) update({ open: { ...state.open, ...changes } });
}

// The file that is on its way to the editor, by its project and path.
let coming = null;

/**
 * Show a file, at a place in it if there is a `target`, see `goTo`; else where its caret was. A quiet
 * one is not what the user has chosen.
 */
export async function openFile(path, target, { isQuiet = false } = {}) {
  const projectId = state.project.id;
  // Whoever chooses a file follows nobody any more.
  if (!isQuiet) update({ following: null });
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

/** Show a file, at a line if there is one, from 0. */
export async function openPlace({ filePath, line }) {
  await openFile(presentPath(filePath), line === undefined ? undefined : { line: line + 1 });
}

async function show(projectId, path, target, isWanted) {
  const fresh = besideOf(path) ? undefined : await opened(projectId, path);
  if (state.project?.id !== projectId || !isWanted()) return retire(fresh?.document);
  const before = state.open?.path;
  const beside = await left(path);
  const next = fresh ?? beside.find((one) => one.path === path);
  if (state.project?.id !== projectId || !next) return retire(fresh?.document);
  const line = fresh && tabOf(path)?.line;
  update({
    open: { ...next, target: target ?? (line && { line }) },
    beside: beside.filter((one) => one !== next),
    review: null,
    missing: null,
  });
  showTab(path, before);
  revealFile(path);
  sayActivity(`viewing ${nameOf(path)}`);
  if (fresh) attempt(() => finishDrafts(projectId, path));
}

function besideOf(path) {
  return state.beside.find((one) => one.path === path);
}

/**
 * Leave the open file, and give a lock back. Returns what is beside then: it too if it has a tab, and
 * whatever is at the `wanted` path.
 */
async function left(wanted) {
  const { open } = state;
  if (!open) return state.beside;
  leaveTab(open.path, lineOfCaret(open));
  keepLiveEditor();
  for (const handler of leavers) handler(open.path);
  if (open.lock) await attempt(editTogether);
  // Another one may be shown by now.
  if (state.open?.opening !== open.opening) return state.beside;
  if (!tabOf(state.open.path) || !(open.document || open.isGone)) {
    retire(open.document);
    return state.beside;
  }
  const beside = [...state.beside, state.open];
  if (beside.length <= MOST_BESIDE) return beside;
  const oldest = beside.find((one) => one.path !== wanted);
  retire(oldest.document);
  return beside.filter((one) => one !== oldest);
}

/** How many changes of a file are not taken by the server yet. */
export function unsavedIn(path) {
  let count = 0;
  for (const document of documents) if (document.path === path) count += document.unsaved;
  return count;
}

/** What `state.open` is to be for a file. */
async function opened(projectId, path) {
  const fresh = {
    ...{ path, opening: ++openings, lock: null, isGone: false, problem: "", lost: "" },
    isBinary: false,
  };
  const binary = { ...fresh, document: null, text: "", revision: 0, isBinary: true };
  if (state.project.files.get(path)?.mediaType) return binary;
  const document = sharedFile(projectId, path);
  try {
    await insist(() => document.open());
    return { ...fresh, document, text: "", revision: document.revision };
  } catch (error) {
    discard(document);
    // Other windows may have as many open as one may have.
    const isTooMany = error.code === "RATE_LIMIT_EXCEEDED" && state.beside.length > 0;
    if (isTooMany) {
      forgetBeside();
      await settled();
      return opened(projectId, path);
    }
    if (error.code !== "VALIDATION_ERROR") throw error;
    // It has become one at this moment.
    if (error.details?.mediaType) return binary;
    // It is too long to be edited together.
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

/** Close a file, the open one if no other is named, and show what is in the tab beside. */
export async function closeFile(path = state.open?.path ?? state.missing?.path) {
  const line = state.open?.path === path && lineOfCaret(state.open);
  if (line) leaveTab(path, line);
  const next = closeTab(path);
  const kept = besideOf(path);
  if (kept) {
    update({ beside: state.beside.filter((one) => one !== kept) });
    retire(kept.document);
  }
  if (state.open ? state.open.path !== path : !state.missing) return;
  if (next === undefined) return closeEditor();
  const isShown = await attempt(() => openFile(next).then(() => true));
  if (!isShown) await closeEditor();
}

/** Show no file; those that have tabs go on. */
export async function closeEditor() {
  const beside = await left();
  update({ open: null, beside, review: null, missing: null, following: null, pane: "files" });
  sayActivity(undefined);
}

/** Leave all files to the others: what is typed is taken meanwhile, and a lock given back. */
export async function stopEditing() {
  const { open } = state;
  if (open) leaveTab(open.path, lineOfCaret(open));
  if (open) for (const handler of leavers) handler(open.path);
  if (open?.lock) await attempt(editTogether);
  retire(open?.document);
  forgetBeside();
}

function forgetBeside() {
  for (const { document } of state.beside) retire(document);
  update({ beside: [] });
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
async function readFile(projectId, filePath, saveId = undefined) {
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

/** The text of a file as it is, or as it was at a save of its history. */
export async function readText(projectId, filePath, saveId) {
  return (await readFile(projectId, filePath, saveId)).content;
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

function heardOf(document, news) {
  const beside = state.beside.find((one) => one.document === document);
  if (beside) return heardBeside(beside, news);
  const { problem, isOver = false, movedTo } = news;
  if (state.open?.document !== document) return;
  // While one was away.
  if (movedTo) {
    tabsMoved(state.open.path, movedTo);
    alter({ path: movedTo });
  }
  if (isOver) attempt(() => giveUp(document, problem));
  else if (problem === undefined || state.open.lost !== "") alter({});
  else alter({ problem: problem?.message ?? "" });
}

/** News of a file in another tab. */
function heardBeside(one, { problem, isOver = false, movedTo }) {
  if (movedTo) tabsMoved(one.path, movedTo);
  const path = movedTo ?? one.path;
  const others = (changed) => state.beside.map((other) => (other === one ? changed : other));
  if (!isOver) return update({ beside: others({ ...one, path }) });
  if (problem.code === "NOT_FOUND") return goneBeside(one);
  // What is not taken is a draft, which is offered when the tab is shown.
  discard(one.document, false);
  update({ beside: state.beside.filter((other) => other !== one) });
}

/** The file of another tab was deleted. It stays with its text if something is lost otherwise. */
function goneBeside(one) {
  const isKept = one.document?.unsaved > 0;
  const rest = state.beside.filter((other) => other !== one);
  update({ beside: isKept ? [...rest, gone(one)] : rest });
  if (isKept) return;
  if (one.document) discard(one.document);
  dropTab(one.path);
}

/** Nothing can be typed into a document any more: show what the server has, and keep the words. */
async function giveUp(document, error) {
  const { path, projectId } = document;
  const lost = document.unsaved > 0 ? document.text.toString() : "";
  documents.delete(document);
  if (error.code === "NOT_FOUND") return state.open?.document === document && showGone();
  const next = await opened(projectId, path);
  if (state.open?.document !== document) return retire(next.document);
  const problem = lost ? `What you typed last could not be put in: ${error.message}` : "";
  update({ open: { ...next, problem, lost } });
}

/** The open file was deleted under one's hands. */
function showGone() {
  update({ open: gone(state.open) });
}

/** What becomes of an open file when it is deleted. */
function gone(open) {
  const { document } = open;
  const text = document.text.toString();
  discard(document, false);
  const problem = `${document.path} was deleted.`;
  return { ...open, document: null, opening: ++openings, isGone: true, text, problem, lost: text };
}

export function forgetProblem() {
  if (state.open.isGone) return closeFile();
  state.open.draft?.end({ forgotten: true });
  alter({ problem: "", lost: "", draft: undefined });
}

const leavers = new Set();

/** Call `handler(path)` when one leaves an open file. */
export function onLeavingFile(handler) {
  leavers.add(handler);
}

/** A lock has gone from one user to another. */
export function handedOver(lock) {
  putLock(lock);
  if (state.open?.path === lock.filePath) alter({ lock: isMe(lock.user) ? lock : null });
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
  const { project } = state;
  for (const tab of project.tabs) if (isWithin(tab.path, path)) await closeFile(tab.path);
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

// Of thousands of files that come one after the other the tree is drawn a few times a second.
const DRAW_MILLISECONDS = 150;
let drawing = 0;
let drawnAt = -Infinity;

/** There is a file, or another one. */
export function putFile(file) {
  state.project.files.set(file.path, file);
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

function dropFile(path) {
  const files = new Map(state.project.files);
  files.delete(path);
  change({ files });
}

async function heardChange({ file }) {
  putFile(file);
  const { open } = state;
  const beside = besideOf(file.path);
  if (beside && Boolean(file.mediaType) !== beside.isBinary) {
    // It is opened anew when its tab is chosen.
    if (beside.document) discard(beside.document, false);
    update({ beside: state.beside.filter((one) => one !== beside) });
  }
  if (open?.path !== file.path || file.revision <= open.revision) return;
  if (Boolean(file.mediaType) !== open.isBinary && !open.isGone) return openAnew(file);
  alter({ revision: file.revision });
  if (open.isBinary) return;
  // What is edited together has been heard of. The other text is read again.
  if (open.document || open.isGone) return;
  const answer = await attempt(() => readFile(state.project.id, file.path));
  if (answer && state.open?.path === file.path && !state.open.document) {
    alter({ text: answer.content, opening: ++openings });
  }
}

/** The open file has become a text, or is none any more. */
async function openAnew({ path }) {
  const { document } = state.open;
  const lost = document && document.unsaved > 0 ? document.text.toString() : "";
  if (document) discard(document, false);
  const next = await attempt(() => opened(state.project.id, path));
  if (!next || state.open?.path !== path) return next && retire(next.document);
  const problem = lost ? `${path} was replaced by a file that is no text.` : "";
  update({ open: { ...next, problem, lost } });
}

onProject("file:created", heardChange);
onProject("file:updated", heardChange);
onProject("file:deleted", ({ filePath }) => {
  dropFile(filePath);
  const beside = besideOf(filePath);
  if (beside) return goneBeside(beside);
  if (state.open?.path !== filePath) return dropTab(filePath);
  if (state.open.document) return showGone();
  toast(`${filePath} was deleted`);
  closeFile();
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
  if (isGoneUnder && open.document) showGone();
  for (const one of state.beside) {
    if (isWithin(one.path, newPath) && !isWithin(one.path, filePath)) goneBeside(one);
  }
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
  tabsMoved(filePath, newPath);
  for (const document of documents) {
    if (document.projectId === project.id) document.moveTo(moved(document.path, filePath, newPath));
  }
  const rename = (one) => ({ ...one, path: moved(one.path, filePath, newPath) });
  update({ open: state.open && rename(state.open), beside: state.beside.map(rename) });
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
  // Handed over in another window.
  if (state.open?.lock?.token === token) alter({ lock: null });
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
  // Two who follow each other would else chase each other from file to file.
  if (state.following) return;
  place = { position, selection };
  sayPlaceLater();
}

function sayPlaceLater() {
  placeTimer ||= setTimeout(sendPlace, CURSOR_MILLISECONDS);
}

function sendPlace() {
  placeTimer = 0;
  // What is volatile would be left out now, and the last place would never be told.
  if (socket.io.engine?.transport?.writable === false) return sayPlaceLater();
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
  const file = project.files.get(open.path);
  if (open.isBinary && file?.mediaType) return;
  if (open.isBinary) return file ? openAnew(file) : update({ open: null });
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
