// The address: `#project/path/of/file`. What is open survives loading the page again, and can be
// sent to somebody.

import { openFile, reopenFile, settled, stopEditing } from "./file.js";
import { closeProject, openProject, projectGone } from "./project.js";
import { onArrival } from "./session.js";
import { attempt, state } from "./state.js";

function wanted() {
  const [id, ...path] = location.hash.slice(1).split("/").map(decodeURIComponent);
  return { id, path: path.join("/") };
}

/** Let the address say what is open. */
export function writeAddress() {
  const parts = [state.project?.id, ...(state.open?.path.split("/") ?? [])];
  const hash = state.project ? `#${parts.map(encodeURIComponent).join("/")}` : "";
  if (location.hash === hash) return;
  // Going back leads from project to project, not through every file.
  const isSameProject = wanted().id === (state.project?.id ?? "");
  const address = hash || location.pathname;
  if (isSameProject) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

async function follow() {
  const { id, path } = wanted();
  if (!state.user) return;
  if (!id) return leaveProject();
  if (state.project?.id !== id) {
    await leaveProject();
    await openProject(id);
  }
  // One may have left it meanwhile.
  if (path && state.project?.id === id && state.open?.path !== path) await openFile(path);
}

/** Go back to the list of projects. */
export async function leaveProject() {
  await settled();
  await stopEditing();
  closeProject();
}

async function arrive() {
  if (!state.project) return follow();
  try {
    await openProject(state.project.id);
  } catch (error) {
    if (error.code !== "NOT_FOUND") throw error;
    return projectGone();
  }
  await reopenFile();
}

onArrival(() => attempt(arrive));
addEventListener("hashchange", () => attempt(follow));
