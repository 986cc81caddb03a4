// What one does with files and folders besides typing: create, move, copy, delete and restore them, and
// change one that is not in the editor.

import { closeFile, openFile } from "./file.js";
import { putFile } from "./file_list.js";
import { foreignLock } from "./file_locks.js";
import { KEEPER } from "./folders.js";
import { isWithin, join } from "./paths.js";
import { ask, insist } from "./session.js";
import { discard, retire, settled, sharedFile } from "./shared_files.js";
import { attempt, state, toast, update } from "./state.js";

export async function createFile(path) {
  await createWith(path, "");
}

/** Make a file again that was deleted while it was open. */
export async function putBack() {
  const path = await put(state.open.path, state.open.text);
  if (path === undefined) return;
  update({ open: null });
  await openFile(path);
}

/** Create a file; return its path, or undefined if one is in another project by then. */
async function put(path, content) {
  const { id: projectId } = state.project;
  const file = { path, action: "created", content, baseRevision: 0 };
  const answer = await ask("file:change", { projectId, file });
  if (state.project?.id !== projectId) return undefined;
  putFile(answer.file);
  return answer.filePath;
}

/** Create a folder. One that has nothing else has a file that keeps it, as in git. */
export async function createFolder(path) {
  await put(join(path.replace(/\/+$/, ""), KEEPER), "");
}

/** Give a file or folder another path. */
export async function moveTo(filePath, newPath) {
  await ask("file:move", { projectId: state.project.id, filePath, newPath });
}

/** Copy a file or folder. */
export async function duplicate(filePath, newPath) {
  const { id: projectId } = state.project;
  await settled();
  const answer = await ask("file:copy", { projectId, filePath, newPath });
  if (answer.file && state.project?.id === projectId) await openFile(answer.newPath);
}

/** Put a file or folder into the bin; for a while it can be undone at once. */
export async function deleteFile(path) {
  const { project } = state;
  const isHere = () => state.project?.id === project.id;
  for (const tab of project.tabs) if (isHere() && isWithin(tab.path, path)) await closeFile(tab.path);
  await settled();
  const { deletionId } = await ask("file:delete", { projectId: project.id, filePath: path });
  toast(`${path} is in the bin`, "news", {
    name: "Undo",
    run: () => attempt(() => restoreDeleted(project.id, deletionId)),
  });
}

/** Take a file or folder out of the bin, to another path if something is at its own. */
export async function restoreDeleted(projectId, deletionId, newPath) {
  await ask("bin:restore", { projectId, deletionId, newPath });
}

/** Make a file with this content, if there is none. */
export async function createWith(path, content) {
  const created = await put(path, content);
  if (created !== undefined) await openFile(created);
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
