// The file in the editor. Whoever may edit it just types, and so do the others; what is too long for
// that is only shown.
//
// `state.open` is {path, opening, document, text, revision, target, lock, isGone, problem, lost, draft,
// isBinary}: `document` takes what is typed, or is null, and then `text` is shown, unless it `isBinary`.
// `opening` grows when the editor must begin anew. `target` is where the caret is to go, see `goTo`.
// `lock` is one's own, for editing alone. `isGone` says that the file was deleted. `lost` is what could
// not be put into the file, and may be of a `draft`.
//
// `state.beside` has the same of other tabs, the longest unseen first: their documents go on, so they
// are there at once, with what can be undone, also without a connection.

import { abandoned } from "./drafts.js";
import { presentPath } from "./file_list.js";
import { editTogether } from "./file_locks.js";
import { revealFile } from "./folders.js";
import { keepLiveEditor, lineOfCaret } from "./live_editor.js";
import { nameOf } from "./paths.js";
import { sayActivity } from "./project.js";
import { readFile } from "./read_file.js";
import { insist, isMe } from "./session.js";
import { discard, letGo, retire, settled, sharedFile } from "./shared_files.js";
import { alterOpen, attempt, state, toast, update } from "./state.js";
import { closeTab, leaveTab, showTab, tabOf } from "./tabs.js";

// Documents of other tabs. A user has at most 20 open on the server, in all windows.
const MOST_BESIDE = 5;

let openings = 0;

/** Return what `state.open.opening` is to be when the editor must begin anew. */
export function newOpening() {
  return ++openings;
}

const leavers = new Set();

/** Call `handler(path)` when one leaves an open file. */
export function onLeavingFile(handler) {
  leavers.add(handler);
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
  } else if (target) alterOpen({ target });
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
  const beside = left(path);
  const next = fresh ?? beside.find((one) => one.path === path);
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

/** Return the file of another tab that goes on. */
export function besideOf(path) {
  return state.beside.find((one) => one.path === path);
}

/**
 * Leave the open file, and give a lock back when what is typed is taken. Returns what is beside then: it
 * too if it has a tab, and whatever is at the `wanted` path.
 */
function left(wanted) {
  const { open } = state;
  if (!open) return state.beside;
  leaveTab(open.path, lineOfCaret(open));
  keepLiveEditor();
  for (const handler of leavers) handler(open.path);
  if (open.lock) attempt(() => editTogether(open));
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

/** Return what `state.open` is to be for a file: its document, or its text if it is only shown. */
export async function opened(projectId, path) {
  const fresh = {
    ...{ path, opening: newOpening(), lock: null, isGone: false, problem: "", lost: "" },
    isBinary: false,
  };
  const { mediaType, revision = 0 } = state.project.files.get(path) ?? {};
  const binary = { ...fresh, document: null, text: "", revision, isBinary: true };
  if (mediaType) return binary;
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
  const beside = left();
  update({ open: null, beside, review: null, missing: null, following: null, pane: "files" });
  sayActivity(undefined);
}

/** Leave all files to the others, when what is typed is with the server, and give a lock back. */
export async function stopEditing() {
  await settled();
  const { open } = state;
  if (open) leaveTab(open.path, lineOfCaret(open));
  if (open) for (const handler of leavers) handler(open.path);
  // What cannot be saved now stays in the browser, and the lock ends when the project is left.
  if (open?.lock && !(open.document?.unsaved > 0)) await attempt(editTogether);
  retire(open?.document);
  forgetBeside();
}

function forgetBeside() {
  for (const { document } of state.beside) retire(document);
  update({ beside: [] });
}

// The opening in which one has typed.
let typedIn = 0;

/** Take what the user typed, a `ChangeSet`, into the document. */
export function edited(document, changes) {
  document.edit(changes);
  const { path, opening } = state.open;
  if (typedIn !== opening) sayActivity(`editing ${nameOf(path)}`);
  typedIn = opening;
}

/** Hide what the editor says about the file, and drop the words that it offers. */
export function forgetProblem() {
  if (state.open.isGone) return closeFile();
  state.open.draft?.end({ forgotten: true });
  alterOpen({ problem: "", lost: "", draft: undefined });
}

/** Put in what was typed in a tab that was closed, or lost, before the server had it. */
async function finishDrafts(projectId, path) {
  const { user } = state;
  for (const draft of await abandoned(user.id, projectId, path)) {
    // They may have signed out meanwhile, or left the project.
    if (!isMe(user) || state.project?.id !== projectId) {
      draft.leave();
      continue;
    }
    const document = sharedFile(projectId, path, draft);
    document.comeBack();
    if (await document.settle()) {
      toast(`What you typed into ${path} before is in it now`);
      document.end();
    } else if (state.open?.path === path) {
      const problem = "What you typed here before could not be put in.";
      alterOpen({ problem, lost: document.text.toString(), draft: document });
    }
    letGo(document);
  }
}
