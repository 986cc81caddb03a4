// What can be done to a file or a folder of the tree.

import { openFile } from "./file.js";
import { deleteFile, duplicate } from "./file_actions.js";
import { isThere, showFolder } from "./folders.js";
import { freeCopy } from "./paths.js";
import { mayEdit } from "./project.js";
import { copyLink } from "./route.js";
import { attempt, state, update } from "./state.js";
import { download } from "./transfer.js";

/** The items of the menu of a line; `edit` opens a field in the tree, `upload(folder, isFolder)` a
 * window to choose what to upload.
 */
export function itemsFor(line, edit, upload) {
  const { path, file, isOpen } = line;
  const items = [
    file
      ? { icon: "file", name: "Open", keys: "Enter", run: () => attempt(() => openFile(path)) }
      : {
          icon: isOpen ? "folder" : "folderOpen",
          name: isOpen ? "Close" : "Open",
          keys: "Enter",
          run: () => showFolder(path, !isOpen),
        },
  ];
  const link = { icon: "link", name: "Copy link", run: () => attempt(() => copyLink(path)) };
  const fetch = {
    icon: "download",
    name: file ? "Download" : "Download as zip",
    run: () => attempt(() => download(state.project.id, path)),
  };
  const past = { icon: "history", name: "History", run: () => update({ history: path }) };
  const further = file ? [fetch, past] : [fetch];
  if (!mayEdit()) return [...items, ...further, ...(file ? [link] : [])];
  if (!file) {
    items.push(
      { icon: "plus", name: "New file here…", run: () => edit({ kind: "file", path }) },
      { icon: "newFolder", name: "New folder here…", run: () => edit({ kind: "folder", path }) },
      { icon: "upload", name: "Upload files here…", run: () => upload(path) },
      { icon: "upload", name: "Upload a folder here…", run: () => upload(path, true) },
    );
  }
  items.push(
    null,
    {
      icon: "pencil",
      name: "Rename…",
      keys: "F2",
      run: () => edit({ kind: "rename", path }),
    },
    { icon: "move", name: "Move…", run: () => edit({ kind: "move", path }) },
    {
      icon: "copy",
      name: "Duplicate",
      run: () => attempt(() => duplicate(path, freeCopy(path, isThere))),
    },
    ...further,
  );
  if (file) items.push(link);
  items.push(null, {
    icon: "trash",
    name: "Delete",
    keys: "Del",
    run: () => attempt(() => deleteFile(path)),
  });
  return items;
}
