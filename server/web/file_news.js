// What becomes of the files in the editor and in other tabs by what others do, and by what the server
// takes of one's own words.

import { besideOf, closeFile, newOpening, openFile, opened } from "./file.js";
import { dropFile, isOutdated, movedAt, putFile } from "./file_list.js";
import { lockAgain } from "./file_locks.js";
import { foldersMoved } from "./folders.js";
import { isWithin, moved, nameOf } from "./paths.js";
import { change, onProject } from "./project.js";
import { readFile } from "./read_file.js";
import { endure, socket } from "./session.js";
import {
  discard,
  documentsComeBack,
  documentsMoved,
  letGo,
  onDocumentNews,
  retire,
} from "./shared_files.js";
import { alterOpen, attempt, refresh, state, toast, update } from "./state.js";
import { dropTab, tabsMoved } from "./tabs.js";

// Of a project that are known.
const MOST_MOVES = 200;

onDocumentNews(heardOf);

function heardOf(document, news) {
  const beside = state.beside.find((one) => one.document === document);
  if (beside) return heardBeside(beside, news);
  const { problem, isOver = false, movedTo } = news;
  if (state.open?.document !== document) return isOver && failedBehind(document, problem);
  // While one was away.
  if (movedTo) {
    tabsMoved(state.open.path, movedTo);
    alterOpen({ path: movedTo });
  }
  if (isOver) return attempt(() => giveUp(document, problem));
  const text = problem?.message ?? "";
  if (problem !== undefined && state.open.lost === "" && state.open.problem !== text) {
    alterOpen({ problem: text });
  }
  refresh();
}

/** News of a file in another tab. */
function heardBeside(one, { problem, isOver = false, movedTo }) {
  if (movedTo) {
    tabsMoved(one.path, movedTo);
    const renamed = { ...one, path: movedTo };
    update({ beside: state.beside.map((other) => (other === one ? renamed : other)) });
  }
  if (isOver) return failedBeside(one, problem);
  const text = problem?.message ?? "";
  if (problem !== undefined && one.lost === "" && text !== one.problem) {
    const waits = (other) => (other.document === one.document ? { ...other, problem: text } : other);
    update({ beside: state.beside.map(waits) });
    if (text) toast(`${one.path} is not saved yet. ${text}`, "problem");
  }
  refresh();
}

/** Nothing can be typed into the file of another tab any more. */
function failedBeside(one, error) {
  tellFailure(one.document, error);
  if (error.code === "NOT_FOUND") return goneBeside(one);
  // What is not taken is a draft, which is offered when the tab is shown.
  discard(one.document, false);
  update({ beside: state.beside.filter((other) => other !== one) });
}

/** The last words of a file that has no tab any more were not taken. */
function failedBehind(document, error) {
  const { project, open } = state;
  if (document.unsaved === 0 || project?.id !== document.projectId) return;
  // The words are offered where the file is shown again.
  if (open?.path === document.path) return;
  tellFailure(document, error);
  // Otherwise they are a draft.
  if (error.code !== "NOT_FOUND") return;
  const { path, revision } = document;
  const lost = gone({ path, document, revision, lock: null, isBinary: false });
  update({ beside: [...state.beside, lost] });
}

/** Say to whoever typed last into a file that is not shown that it was not taken. */
function tellFailure({ path, unsaved }, error) {
  if (unsaved === 0) return;
  const show = { name: "Show", run: () => attempt(() => openFile(path)) };
  toast(`What you typed last into ${path} could not be put in: ${error.message}`, "problem", show);
}

/** Take a deleted file out of its tab. It stays with its text if something is lost otherwise. */
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
  letGo(document);
  if (error.code === "NOT_FOUND") return state.open?.document === document && showGone();
  const next = await opened(projectId, path);
  if (state.open?.document !== document) return retire(next.document);
  const problem = lost ? `What you typed last could not be put in: ${error.message}` : "";
  update({ open: { ...next, problem, lost } });
}

/** Show that the open file was deleted under one's hands. */
function showGone() {
  update({ open: gone(state.open) });
}

/** Return what becomes of an open file when it is deleted. */
function gone(open) {
  const { document } = open;
  const text = document.text.toString();
  discard(document, false);
  const problem = `${document.path} was deleted.`;
  return { ...open, document: null, opening: newOpening(), isGone: true, text, problem, lost: text };
}

async function heardChange(file, isNew = false) {
  if (!putFile(file)) return;
  const { open } = state;
  const beside = besideOf(file.path);
  if (beside && Boolean(file.mediaType) !== beside.isBinary) {
    // It is opened anew when its tab is chosen.
    if (beside.document) discard(beside.document, false);
    update({ beside: state.beside.filter((one) => one !== beside) });
  }
  if (open?.path !== file.path || file.revision <= open.revision) return;
  // That what is open was deleted or moved before is not heard yet.
  if (isNew && open.document && !open.isGone) return;
  if (Boolean(file.mediaType) !== open.isBinary && !open.isGone) return openAnew(file);
  alterOpen({ revision: file.revision });
  if (open.isBinary) return;
  // What is edited together has been heard of. The other text is read again.
  if (open.document || open.isGone) return;
  const answer = await attempt(() => readFile(state.project.id, file.path));
  if (answer && state.open?.path === file.path && !state.open.document) {
    alterOpen({ text: answer.content, opening: newOpening() });
  }
}

/** Open the file in the editor anew: it has become a text, or is none any more. */
async function openAnew({ path }) {
  const { document } = state.open;
  const lost = document && document.unsaved > 0 ? document.text.toString() : "";
  if (document) discard(document, false);
  const next = await attempt(() => opened(state.project.id, path));
  if (!next || state.open?.path !== path) return next && retire(next.document);
  const problem = lost ? `${path} was replaced by a file that is no text.` : "";
  update({ open: { ...next, problem, lost } });
}

/** Return whether what is open, or a document, was there at a revision, and is not of a later file. */
function wasThere({ path, revision: since }, revision) {
  return !(revision < Math.max(since, movedAt(path)));
}

onProject("file:created", ({ file }) => heardChange(file, true));
onProject("file:updated", ({ file }) => heardChange(file));
onProject("file:deleted", ({ filePath, revision }) => {
  const isGone = dropFile(filePath, revision);
  const beside = besideOf(filePath);
  if (beside) return wasThere(beside, revision) && goneBeside(beside);
  if (state.open?.path !== filePath) return isGone && dropTab(filePath);
  if (!wasThere(state.open, revision)) return;
  if (state.open.document) return showGone();
  toast(`${filePath} was deleted`);
  closeFile();
});

onProject("file:moved", ({ filePath, newPath, file, revision }) => {
  const { project, open } = state;
  const gaveWay = (one) =>
    isWithin(one.path, newPath) && !isWithin(one.path, filePath) && wasThere(one, revision);
  if (open?.document && gaveWay(open)) showGone();
  for (const one of state.beside) if (gaveWay(one)) goneBeside(one);
  // What has come to one of the paths later stays there.
  const presentOf = (path) => (isOutdated(path, revision) ? path : moved(path, filePath, newPath));
  const follows = (one) => wasThere(one, revision);
  const rename = (one) =>
    follows(one) ? { ...one, path: moved(one.path, filePath, newPath) } : one;
  const isLate = isOutdated(filePath, revision);
  const files = movedFiles(project.files, filePath, newPath, file, revision);
  const renamed = { open: state.open && rename(state.open), beside: state.beside.map(rename) };
  documentsMoved(project.id, filePath, newPath, follows);
  const move = { source: filePath, target: newPath, revision };
  const moves = [...project.moves, move].sort((one, other) => one.revision - other.revision);
  change({
    moves: moves.slice(-MOST_MOVES),
    files,
    locks: project.locks.map((lock) => ({ ...lock, filePath: presentOf(lock.filePath) })),
    places: new Map(
      [...project.places].map(([id, place]) => [
        id,
        { ...place, filePath: presentOf(place.filePath) },
      ]),
    ),
  });
  if (!isLate) foldersMoved(filePath, newPath);
  if (!isLate || renamed.open?.path !== state.open?.path) tabsMoved(filePath, newPath);
  update(renamed);
});

/** Return the files after a move, except that what has come to one of the paths later stays there. */
function movedFiles(files, source, target, file, revision) {
  const left = [];
  const gone = [];
  for (const one of files.values()) {
    const isMoved = isWithin(one.path, source);
    const stays = !(isMoved || isWithin(one.path, target)) || isOutdated(one.path, revision);
    if (stays) left.push(one);
    else if (isMoved) gone.push(one);
  }
  // A single file is told of, also where it was not known yet.
  const come = file
    ? [file]
    : gone.map((one) => {
        const path = moved(one.path, source, target);
        return { ...one, path, name: nameOf(path) };
      });
  const arrived = come.filter(({ path }) => !isOutdated(path, revision));
  return new Map([...left, ...arrived].map((one) => [one.path, one]));
}

/** Take up again what was open, and a lock if it is to be had. One may go on typing meanwhile. */
export async function reopenFile() {
  const { open, project } = state;
  documentsComeBack(project.id);
  if (!open) return;
  if (open.lock) await lockAgain(open);
  if (open.document || open.isGone) return;
  const file = project.files.get(open.path);
  if (open.isBinary && file?.mediaType) return;
  if (open.isBinary) return file ? openAnew(file) : update({ open: null });
  const connection = socket.id;
  const answer = await attempt(() => endure(() => readFile(project.id, open.path)));
  // Lost once more: the next connection reads it.
  if (socket.id !== connection) return;
  if (state.open?.path !== open.path || state.open.document) return;
  if (!answer) return update({ open: null });
  alterOpen({ text: answer.content, revision: answer.file.revision, opening: newOpening() });
}
