// What can be done to a file or a folder of the tree.

import { deleteFile, duplicate, openFile } from "./file.js";
import { isThere, showFolder } from "./folders.js";
import { freeCopy } from "./paths.js";
import { mayEdit } from "./project.js";
import { copyLink } from "./route.js";
import { attempt } from "./state.js";

/** The items of the menu of a line; `edit` opens a field in the tree. */
export function itemsFor(line, edit) {
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
  if (!mayEdit()) return file ? [...items, link] : items;
  if (!file) {
    items.push(
      { icon: "plus", name: "New file here…", run: () => edit({ kind: "file", path }) },
      { icon: "newFolder", name: "New folder here…", run: () => edit({ kind: "folder", path }) },
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
