// The file in the editor. One edits under an exclusive lock; what is typed is saved after a pause,
// with the lock's token and the revision that it is based on, so nothing of somebody else is
// overwritten.
//
// `state.open` is {path, text, saved, revision, epoch, lock, problem}: `text` is what the editor
// has, `saved` what the server has, and `epoch` grows when the editor must take over `text`.

import { change, mayEdit, onProject, sayActivity } from "./project.js";
import { ask, insist, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

const PAUSE_MILLISECONDS = 500;
const CURSOR_MILLISECONDS = 80;

let saveTimer = 0;
let saving = null;
// From the loss of a connection until the file is taken up again: nothing is saved meanwhile.
let reopening = false;
let epoch = 0;

function alter(changes) {
  if (state.open) update({ open: { ...state.open, ...changes } });
}

/** Show a file. */
export async function openFile(path) {
  if (state.open?.path !== path) {
    await stopEditing();
    const projectId = state.project.id;
    const { content, file } = await readFile(projectId, path);
    if (state.project?.id !== projectId) return;
    update({ open: fresh(path, content, file.revision) });
    reopening = false;
    sayPlace({ line: 0, column: 0 });
    sayActivity(`viewing ${file.name}`);
  }
  update({ pane: "editor" });
}

function fresh(path, text, revision) {
  return { path, text, saved: text, revision, epoch: ++epoch, lock: null, problem: "", lost: "" };
}

/** Close the editor. */
export async function closeFile() {
  await stopEditing();
  update({ open: null, pane: "files" });
  sayActivity(undefined);
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

/** Take the lock of the open file. */
export async function startEditing() {
  const { path, revision } = state.open;
  const projectId = state.project.id;
  const { lock } = await ask("file:lock", { projectId, filePath: path, lockType: "exclusive" });
  putLock(lock);
  // What somebody changed while the lock was on its way is read before it is edited.
  const { content, file } = await readFile(projectId, path);
  if (state.open?.path !== path) return;
  alter(file.revision === revision ? { lock } : { ...fresh(path, content, file.revision), lock });
  sayActivity(`editing ${file.name}`);
}

/** Save what is not saved and give the lock back. */
export async function stopEditing() {
  const { open, project } = state;
  if (!open?.lock) return;
  await save();
  // More was typed meanwhile.
  while (isUnsaved() && state.open.problem === "") await save();
  alter({ lock: null });
  const payload = { projectId: project.id, filePath: open.path };
  await insist(() => ask("file:unlock", payload)).catch(() => {});
  dropLock(open.path, open.lock.token);
  sayActivity(`viewing ${open.path.split("/").at(-1)}`);
}

/** The editor's text has changed under the user's hands. */
export function edited(text) {
  alter({ text });
  saveLater();
}

/** Save now. */
export async function save() {
  clearTimeout(saveTimer);
  // Each of those who waited may be the next to save, and the others wait for that one.
  while (saving) await saving;
  if (!isUnsaved()) return;
  saving = send(state.open).finally(() => (saving = null));
  await saving;
  // More was typed meanwhile.
  if (state.open?.problem === "" && state.open.text !== state.open.saved) saveLater();
}

/** Whether there is something to save, and a way to do so. */
function isUnsaved() {
  const { open } = state;
  return open?.lock && open.text !== open.saved && !reopening && socket.connected;
}

async function send({ path, text, revision, lock }) {
  const wanted = { path, action: "updated", content: text, baseRevision: revision };
  const payload = { projectId: state.project.id, file: wanted, lockToken: lock.token };
  const shown = (error) => state.open?.path === path && alter({ problem: error.message });
  try {
    const { file } = await insist(() => ask("file:change", payload), shown);
    putFile(file);
    if (state.open?.path === path) {
      alter({ saved: text, revision: file.revision, problem: "" });
    }
  } catch (error) {
    shown(error);
    if (!error.code) saveLater();
    if (["FILE_LOCKED", "VERSION_CONFLICT"].includes(error.code)) await giveUp(path, text);
  }
}

function saveLater() {
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, PAUSE_MILLISECONDS);
}

/** The text cannot be saved any more: show the server's, and keep the user's at hand. */
async function giveUp(path, lost) {
  const answer = await attempt(() => readFile(state.project.id, path));
  if (!answer || state.open?.path !== path) return;
  const problem = "Somebody else changed this file before your last words were saved.";
  const { lock } = state.open;
  update({ open: { ...fresh(path, answer.content, answer.file.revision), lock, problem, lost } });
}

export function forgetProblem() {
  alter({ problem: "", lost: "" });
}

// -- the tree

export async function createFile(path) {
  const file = { path, action: "created", content: "", baseRevision: 0 };
  const answer = await ask("file:change", { projectId: state.project.id, file });
  putFile(answer.file);
  await openFile(answer.filePath);
  await startEditing();
}

export async function deleteFile(path) {
  await ask("file:change", { projectId: state.project.id, file: { path, action: "deleted" } });
  dropFile(path);
}

/** Write what the assistant proposes. */
export async function applyAction({ type, path, content }) {
  const action = type === "create-file" ? "created" : "updated";
  const file = { path, action, content };
  const answer = await ask("file:change", { projectId: state.project.id, file });
  putFile(answer.file);
  if (state.open?.path === path) {
    alter({ ...fresh(path, content, answer.file.revision), lock: state.open.lock });
  }
  await openFile(path);
}

function putFile(file) {
  change({ files: new Map(state.project.files).set(file.path, file) });
}

function dropFile(path) {
  const files = new Map(state.project.files);
  files.delete(path);
  change({ files });
  if (state.open?.path === path) update({ open: null });
}

async function heardChange({ file, content }) {
  putFile(file);
  const { open } = state;
  if (open?.path !== file.path || file.revision <= open.revision) return;
  // What is typed here is not lost in silence: saving it will say that it conflicts.
  if (open.lock && open.text !== open.saved) return;
  let text = content;
  if (text === undefined) {
    const answer = await attempt(() => readFile(state.project.id, file.path));
    if (!answer || state.open?.path !== file.path) return;
    text = answer.content;
  }
  alter({ ...fresh(file.path, text, file.revision), lock: state.open.lock });
}

onProject("file:created", heardChange);
onProject("file:updated", heardChange);
onProject("file:deleted", ({ filePath }) => {
  if (state.open?.path === filePath) toast(`${filePath} was deleted`);
  dropFile(filePath);
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
  const { id: projectId } = state.project;
  socket.volatile.emit("cursor:update", { projectId, filePath: state.open.path, ...place });
}

// Whoever comes does not know where the others are.
onProject("user:joined", sendPlace);

// -- after a reconnection

socket.on("disconnect", () => {
  reopening = state.open !== null;
});

/** Take up again what was open: the lock if it is to be had. One may go on typing meanwhile. */
export async function reopenFile() {
  if (!state.open) return;
  const connection = socket.id;
  const { path, revision, lock } = state.open;
  const payload = { projectId: state.project.id, filePath: path };
  const regained = lock && (await lockAgain(payload));
  const answer = await attempt(() => readFile(payload.projectId, path));
  // Lost once more: the next connection takes the file up.
  if (socket.id !== connection) return;
  reopening = false;
  if (state.open?.path !== path) return;
  if (!answer) return update({ open: null });
  // One may have given it back meanwhile.
  const held = state.open.lock && regained;
  alter({ lock: held });
  const { text, saved } = state.open;
  const lost = text === saved ? "" : text;
  if (answer.content === text) {
    // It was saved, only the acknowledgement was lost; or there is nothing to save.
    alter({ saved: text, revision: answer.file.revision, problem: "" });
  } else if (answer.file.revision !== revision || (lost && !held)) {
    alter({ ...fresh(path, answer.content, answer.file.revision), lock: held });
    if (lost) alter({ problem: "Somebody else took this file while you were away.", lost });
  }
  await save();
}

async function lockAgain(payload) {
  const work = () => ask("file:lock", { ...payload, lockType: "exclusive" });
  const answer = await attempt(() => insist(work));
  if (!answer) return null;
  putLock(answer.lock);
  return answer.lock;
}

document.addEventListener("visibilitychange", () => {
  const own = state.project?.people.get(state.user?.id);
  if (own) sayActivity(own.activity);
});
addEventListener("beforeunload", (event) => {
  if (state.open?.lock && state.open.text !== state.open.saved) event.preventDefault();
});
