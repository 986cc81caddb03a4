// The keys of the tree of files.

import { itemsFor } from "./file_menu.js";
import { showFolder } from "./folders.js";
import { folderOf } from "./paths.js";
import { mayEdit } from "./project.js";

/**
 * Return what a key does in the tree: a handler of `keydown`. `pageLines` is how many lines are in sight,
 * `focus(index)` goes to a line, `edit` opens a field and `showMenu(line, at)` the menu.
 */
export function keysOf({ lines, pageLines, focus, setFocused, edit, showMenu }) {
  const indexOf = (path) => lines.findIndex((line) => line.path === path);
  const menuAt = (line, element) => {
    const { left, bottom } = element.getBoundingClientRect();
    showMenu(line, { x: left + 24, y: bottom });
  };
  return (event) => {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const path = event.target.closest("[data-path]")?.dataset.path;
    const index = indexOf(path);
    if (index < 0) return;
    const line = lines[index];
    const isFolder = line.file === undefined;
    const runs = {
      ArrowDown: () => focus(index + 1),
      ArrowUp: () => focus(index - 1),
      PageDown: () => focus(index + pageLines),
      PageUp: () => focus(index - pageLines),
      Home: () => focus(0),
      End: () => focus(lines.length - 1),
      ArrowRight: () => (isFolder && !line.isOpen ? showFolder(path, true) : focus(index + 1)),
      ArrowLeft: () => {
        if (isFolder && line.isOpen) showFolder(path, false);
        else focus(Math.max(0, indexOf(folderOf(path))));
      },
      F2: () => mayEdit() && edit({ kind: "rename", path }),
      Delete: () => itemsFor(line, edit, () => {}).find((item) => item?.keys === "Del")?.run(),
      ContextMenu: () => menuAt(line, event.target),
      F10: () => event.shiftKey && menuAt(line, event.target),
    };
    if (!runs[event.key]) return;
    event.preventDefault();
    setFocused(path);
    runs[event.key]();
  };
}
