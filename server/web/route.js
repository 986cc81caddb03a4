// The address says what is open, and where the caret is: it survives loading the page again, can be
// sent to somebody, and leads back and forward from file to file.

import { format, parse } from "./address.js";
import { copyText } from "./clipboard.js";
import { closeEditor, openFile, stopEditing } from "./file.js";
import { presentPath } from "./file_list.js";
import { reopenFile } from "./file_news.js";
import { lineOfCaret, onLiveUpdate } from "./live_editor.js";
import { nameOf } from "./paths.js";
import { closeProject, openProject, projectGone, sayActivity } from "./project.js";
import { onArrival, onSignedOut } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

/** What the address of an invitation begins with; see inviting.js. */
export const INVITATION = "#invitation=";
// A caret that rests for so long is written down. Browsers let a page do so a few times a second.
const REST_MILLISECONDS = 300;

// What the address is of.
let written = {};
// Of which caret, if it is not written yet.
let resting = null;
let timer = 0;
// While what the address says is on its way, the page does not say anything else.
let following = 0;
// The address that the page has written or followed. Where it is another one, somebody has gone there
// and the browser is about to say so: it is not written over.
let known = location.hash;

function write(how, address) {
  history[how](null, "", address);
  known = location.hash;
}

/** Put an address in the place of the present one. */
export function replaceAddress(address) {
  write("replaceState", address);
}

function shown() {
  const { project, open, missing } = state;
  return {
    id: project?.id,
    path: open?.path ?? missing?.path,
    opening: open?.opening,
    target: open?.target,
  };
}

function addressOf({ id, path }) {
  const { open, missing } = state;
  const line = open ? (lineOfCaret(open) ?? open.target?.line) : missing?.line;
  return format({ id, path, line }) || location.pathname;
}

function isWritten({ id, opening, target }) {
  return id === written.id && opening === written.opening && target === written.target;
}

/** Let the address say what is open. What is somewhere else than before can be left by going back. */
export function writeAddress() {
  if (following > 0 || location.hash !== known) return;
  const now = shown();
  const isSame = isWritten(now);
  if (isSame && now.path === written.path) return;
  written = now;
  if (isSame) return rest();
  // Whoever comes back comes to where the caret was.
  writeRest();
  const address = addressOf(now);
  if (address !== (location.hash || location.pathname)) write("pushState", address);
}

/** The caret is somewhere else, or the file has another name. */
function rest() {
  const now = shown();
  if (following > 0 || !state.open || !isWritten(now)) return;
  const isFirst = resting === null;
  resting = addressOf(now);
  if (isFirst) timer = setTimeout(writeRest, REST_MILLISECONDS);
}

function writeRest() {
  clearTimeout(timer);
  if (resting !== null && location.hash === known && resting !== known) replaceAddress(resting);
  resting = null;
}

/** Write of no caret that has rested. */
function forgetRest() {
  clearTimeout(timer);
  resting = null;
}

onLiveUpdate(({ selectionSet, docChanged }) => (selectionSet || docChanged) && rest());

/** Do what is to become one step for whoever goes back; `work` changes what is open. */
async function inOneStep(work) {
  // It is the address that one has come to which would be written over.
  forgetRest();
  following += 1;
  try {
    return await work();
  } finally {
    following -= 1;
    if (following === 0) written = shown();
  }
}

async function follow() {
  known = location.hash;
  if (!state.user || location.hash.startsWith(INVITATION)) return;
  const { id, path, line } = parse(location.hash);
  await inOneStep(async () => {
    if (!id) return leaveProject();
    const isFresh = state.project?.id !== id;
    if (isFresh) {
      await leaveProject();
      await openProject(id);
    }
    // One may have left it meanwhile.
    if (state.project?.id !== id) return;
    if (path) await showPath(path, line);
    else if (isFresh) await goOn();
    else if (state.open || state.missing) await closeEditor();
  });
  // What leads nowhere stays, for whoever signs in as somebody else.
  if (following === 0 && location.hash === known && state.project && written.path !== path) {
    replaceAddress(addressOf(written));
  }
}

/** Show a file, or say that it is not there. */
export async function showPath(path, line) {
  try {
    const present = await showPresent(path, line && { line });
    if (present !== path) toast(`${path} is ${present} now`);
  } catch (error) {
    if (error.code !== "NOT_FOUND") throw error;
    await closeEditor();
    update({ missing: { path, line }, pane: "editor" });
  }
}

/** Show a file where it is by now; return its path. */
async function showPresent(path, target) {
  const present = presentPath(path);
  try {
    await openFile(present, target);
    return present;
  } catch (error) {
    // The server knows of what was moved before the project was opened here.
    const { movedTo } = error.details ?? {};
    if (error.code !== "NOT_FOUND" || !movedTo) throw error;
    await openFile(movedTo, target);
    return movedTo;
  }
}

/** Show the file again that was in front when the project was left. */
async function goOn() {
  const { activeTab, files } = state.project;
  if (!files.has(activeTab)) return;
  await openFile(activeTab);
  update({ pane: "files" });
}

/** Enter a project as it was left. */
export async function enterProject(id) {
  await inOneStep(async () => {
    await openProject(id);
    if (state.project?.id === id) await goOn();
  });
  if (following === 0 && state.project) write("pushState", addressOf(written));
}

/** Go to a project, if one is not in it. */
export async function goToProject(id) {
  if (state.project?.id === id) return;
  await leaveProject();
  await enterProject(id);
}

/** Go back to the list of projects. */
export async function leaveProject() {
  await stopEditing();
  closeProject();
}

/** Copy the address of a file, or of one of its lines. */
export async function copyLink(path, line) {
  await copyText(new URL(format({ id: state.project.id, path, line }), location.href).href);
  toast(`The link to ${line ? `line ${line} of ` : ""}${nameOf(path)} is copied`);
}

async function arrive() {
  const isShown = state.open || state.missing;
  // The server may have failed to show what the address names.
  if (!state.project || (parse(location.hash).path && !isShown)) return follow();
  const { activity } = state.project.people.get(state.user.id) ?? {};
  try {
    await openProject(state.project.id);
  } catch (error) {
    if (error.code !== "NOT_FOUND") throw error;
    return projectGone();
  }
  // The server has known it of the former connection only.
  sayActivity(activity);
  await reopenFile();
}

onArrival(arrive);
onSignedOut(forgetRest);
addEventListener("hashchange", () => attempt(follow));
