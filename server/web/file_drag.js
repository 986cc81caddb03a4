// Moving files in the tree with the mouse, and dropping files of one's own computer there.

import { useState } from "preact/hooks";
import { dropped } from "./dropped.js";
import { moveTo } from "./file_actions.js";
import { folderOf, isWithin, join, nameOf } from "./paths.js";
import { mayEdit } from "./project.js";
import { attempt } from "./state.js";
import { uploadInto } from "./uploads.js";

// What a line's drag carries: its path.
const DRAGGED = "application/x-file-path";

/** Begin to drag a line of the tree. */
export function drag(event, path) {
  event.dataTransfer.setData(DRAGGED, path);
  event.dataTransfer.effectAllowed = "move";
}

/**
 * Let the tree take what is dropped: `target` is the folder under the mouse, "" for none, or null
 * while nothing is dragged.
 */
export function useDrop(project) {
  const [target, setTarget] = useState(null);
  const folderUnder = (event) => {
    const path = event.target.closest?.("[data-path]")?.dataset.path;
    if (path === undefined) return "";
    return project.files.has(path) ? folderOf(path) : path;
  };
  const over = (event) => {
    const { types } = event.dataTransfer;
    if (!mayEdit() || !(types.includes(DRAGGED) || types.includes("Files"))) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = types.includes(DRAGGED) ? "move" : "copy";
    setTarget(folderUnder(event));
  };
  const drop = (event) => {
    const path = event.dataTransfer.getData(DRAGGED);
    const isMine = event.dataTransfer.types.includes("Files") && mayEdit();
    setTarget(null);
    if (!path && !isMine) return;
    event.preventDefault();
    const folder = folderUnder(event);
    if (!path) {
      const found = dropped(event.dataTransfer);
      return attempt(() => uploadInto(folder, found));
    }
    if (folder === folderOf(path) || isWithin(folder, path)) return;
    attempt(() => moveTo(path, join(folder, nameOf(path))));
  };
  const leave = (event) => event.target === event.currentTarget && setTarget(null);
  return { target, over, leave, drop };
}
