// Files on their way to the server: a few at a time, part by part, at a pace that leaves room for
// others. An outage only makes them wait.
//
// `state.uploads` is null, or {projectId, items, paths, leftOut, question, choice, isOver}, where `paths`
// are those of the items. Of an item:
// {id, file, path, sent, status, problem, overwrite}, where `status` is "waiting", "sending", "done",
// "skipped", "failed" or "cancelled". `question` is {item, more, answer}: something is at the path, and
// `answer(choice, isForAll)` says what to do, "replace", "both" or "skip".

import { MOST } from "./dropped.js";
import { openFile } from "./file.js";
import { putFile } from "./file_list.js";
import { isThere } from "./folders.js";
import { freeCopy, join } from "./paths.js";
import { Refusal, ask, insist, isMe, onArrival, onSignedOut } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

export const MAX_FILE = 5_000_000;
const MAX_PROJECT = 500_000_000;
const PART = 262_144;
const AT_ONCE = 2;
// The server takes 50 files a second of one user.
const PAUSE_MILLISECONDS = 30;
const DRAW_MILLISECONDS = 100;

let last = 0;
// What `state.uploads` is a copy of.
let current = null;

/** Send what was `found`, see dropped.js, or is on its way, into a folder of the open project. */
export async function uploadInto(folder, found) {
  const { user, project: before } = state;
  const { files, leftOut } = await found;
  // It takes a while to look through folders.
  if (!isMe(user) || state.project?.id !== before.id) {
    throw new Error("The project was left: nothing is uploaded");
  }
  if (current && !current.isOver) {
    throw new Error("Other files are on their way: wait for them, or cancel them");
  }
  const { project } = state;
  const room = MOST - project.files.size;
  if (files.length > room) {
    throw new Error(`These are too many files: a project has at most 10,000, so ${room} more`);
  }
  if (files.length === 0) throw new Error("There is no file in it to upload");
  const sum = (all) => all.reduce((size, one) => size + one.size, 0);
  if (sum([...project.files.values()]) + sum(files.map(({ file }) => file)) > MAX_PROJECT) {
    throw new Error("The project's files would have more than 500 MB");
  }
  const items = files.map(({ path, file }) => ({
    ...{ id: ++last, file, path: join(folder, path.normalize("NFC")), sent: 0 },
    ...{ status: "waiting", problem: "", overwrite: false },
  }));
  for (const item of items) {
    if (item.file.size > MAX_FILE) end(item, "failed", "It is larger than 5 MB");
  }
  const paths = new Set(items.map(({ path }) => path));
  const uploads = {
    ...{ projectId: project.id, items, paths, leftOut, question: null, choice: null },
    isOver: false,
  };
  current = uploads;
  draw();
  for (const item of items) {
    if (item.status === "waiting" && isKnown(uploads, item.path)) await decide(uploads, item);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, () => sendSome(uploads)));
  finish(uploads);
}

function end(item, status, problem = "") {
  Object.assign(item, { status, problem });
}

/** Something is where a file is to be: let the user say what to do. */
async function decide(uploads, item) {
  const choice = uploads.choice ?? (await chosen(uploads, item));
  if (item.status === "cancelled") return;
  const isTaken = (path) => isKnown(uploads, path) || uploads.paths.has(path);
  if (choice === "skip") end(item, "skipped");
  else if (choice === "both") {
    item.path = freeCopy(item.path, isTaken);
    uploads.paths.add(item.path);
  } else if (isKnown(uploads, item.path) && !state.project.files.has(item.path)) {
    end(item, "failed", "A folder of that name is there: it is not replaced by a file");
  } else item.overwrite = true;
}

/** Return whether something is known to be at a path: another project may be open by now. */
function isKnown({ projectId }, path) {
  return state.project?.id === projectId && isThere(path);
}

/** Ask what to do with a file, and perhaps with all others like it. */
async function chosen(uploads, item) {
  const more = uploads.items.filter(
    (one) => one.status === "waiting" && one.id > item.id && isKnown(uploads, one.path),
  ).length;
  const choice = await new Promise((answer) => {
    uploads.question = {
      ...{ item, more },
      answer: (choice, isForAll) => {
        if (isForAll) uploads.choice = choice;
        answer(choice);
      },
    };
    draw();
  });
  uploads.question = null;
  draw();
  return choice;
}

// -- sending

let nextStart = 0;

/** Wait for one's turn, so that not too many begin in a second. */
async function turn() {
  const now = performance.now();
  nextStart = Math.max(now, nextStart + PAUSE_MILLISECONDS);
  if (nextStart > now) await new Promise((done) => setTimeout(done, nextStart - now));
}

async function sendSome(uploads) {
  for (;;) {
    const item = uploads.items.find(({ status }) => status === "waiting");
    if (!item) return;
    item.status = "sending";
    await turn();
    try {
      await send(uploads, item);
    } catch (error) {
      if (item.status !== "cancelled") end(item, "failed", error.message);
    }
    draw();
  }
}

async function send(uploads, item) {
  let uploadId;
  item.sent = 0;
  while (item.status === "sending") {
    const data = await item.file.slice(item.sent, item.sent + PART).arrayBuffer();
    const { path: filePath, sent: offset, overwrite } = item;
    const payload = { projectId: uploads.projectId, filePath, overwrite, offset, uploadId, data };
    payload.size = item.file.size;
    let answer;
    try {
      // What is sent before one is known again is refused.
      await connected(item);
      if (item.status !== "sending") return;
      answer = await insist(() => ask("file:upload", payload));
    } catch (error) {
      // Without an answer, or too late for what had come: the file is sent again, as a whole or from
      // where the server says. What is there already is not there twice.
      if (!(error instanceof Refusal)) await connected(item);
      else if (error.code === "NOT_FOUND" && uploadId !== undefined) {
        uploadId = undefined;
        item.sent = 0;
      } else if (error.code === "VERSION_CONFLICT" && !overwrite) await decideAgain(uploads, item);
      else throw error;
      continue;
    }
    if (answer.next === undefined) {
      item.sent = item.file.size;
      end(item, "done");
      if (state.project?.id === uploads.projectId) putFile(answer.file);
      return;
    }
    uploadId = answer.uploadId;
    item.sent = answer.next;
    draw();
  }
}

// One question at a time.
let questions = Promise.resolve();

/** Somebody was faster. */
async function decideAgain(uploads, item) {
  item.sent = 0;
  const asked = questions.then(() => decide(uploads, item));
  questions = asked;
  await asked;
}

let arrivals = [];
onArrival(() => {
  for (const arrived of arrivals.splice(0)) arrived();
});

/** Wait until there is a connection again, or the file is not wanted any more. */
async function connected(item) {
  while (state.connection !== "online" && item.status === "sending") {
    await new Promise((arrived) => arrivals.push(arrived));
  }
}

/** Do not send a file, or any of all: those that are there stay. */
export function cancel(item) {
  const uploads = current;
  for (const one of item ? [item] : uploads.items) {
    if (["waiting", "sending"].includes(one.status)) end(one, "cancelled");
  }
  if (!item || uploads.question?.item === item) uploads.question?.answer("skip", false);
  for (const arrived of arrivals.splice(0)) arrived();
  draw();
}

/** Send those again that have failed. */
export async function again() {
  const uploads = current;
  for (const item of uploads.items) {
    if (item.status === "failed" && item.file.size <= MAX_FILE) end(item, "waiting");
  }
  uploads.isOver = false;
  draw();
  await Promise.all(Array.from({ length: AT_ONCE }, () => sendSome(uploads)));
  finish(uploads);
}

export function forgetUploads() {
  current = null;
  update({ uploads: null });
}

// Nothing goes on as somebody else.
onSignedOut(() => {
  if (current && !current.isOver) cancel();
  current = null;
});

function finish(uploads) {
  uploads.isOver = true;
  if (uploads !== current) return;
  const done = uploads.items.filter(({ status }) => status === "done");
  const isQuiet = uploads.items.every(({ status }) => status !== "failed") && !uploads.leftOut.length;
  if (!isQuiet) return draw();
  forgetUploads();
  if (done.length > 1) toast(`${done.length} files are uploaded`);
  if (done.length !== 1) return;
  toast(`${done[0].path} is uploaded`);
  if (state.project?.id === uploads.projectId) attempt(() => openFile(done[0].path));
}

let drawing = 0;

/** Show how far it is, a few times a second. */
function draw() {
  drawing ||= setTimeout(() => {
    drawing = 0;
    if (current) update({ uploads: { ...current } });
  }, DRAW_MILLISECONDS);
}

// What is dropped beside the tree would be shown instead of the page.
for (const kind of ["dragover", "drop"]) {
  addEventListener(kind, (event) => {
    if (event.defaultPrevented || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  });
}
addEventListener("beforeunload", (event) => {
  if (current && !current.isOver) event.preventDefault();
});
