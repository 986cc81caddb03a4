// The tabs above the editor, and their keys. A phone has a list instead.

import { useEffect, useRef, useState } from "preact/hooks";
import { closeFile } from "./file.js";
import { Icon, IconButton, html } from "./html.js";
import { Menu } from "./menu.js";
import { folderOf, nameOf, visible } from "./paths.js";
import { showPath } from "./route.js";
import { isBusy } from "./shared_files.js";
import { attempt, state, useReading } from "./state.js";
import { placeTab, tabOf, takeClosedTab } from "./tabs.js";

// What a tab's drag carries: its path.
const DRAGGED = "application/x-tab-path";

export function TabBar({ app }) {
  const { tabs } = app.project;
  const present = app.open?.path;
  const bar = useRef(null);
  const [menu, setMenu] = useState(null);
  useEffect(() => {
    bar.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [present, tabs.length]);
  if (tabs.length === 0) return null;
  const key = (event) => {
    const index = tabs.findIndex(({ path }) => path === event.target.dataset.path);
    if (index < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = tabs.length - 1;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    if (event.key === "Delete") attempt(() => closeFile(tabs[index].path));
    else if (event.key === "Enter" || event.key === " ") show(tabs[index].path);
    else if (to === undefined) return;
    else bar.current.querySelectorAll('[role="tab"]')[Math.max(0, Math.min(to, last))].focus();
    event.preventDefault();
  };
  const drop = (event) => {
    const path = event.dataTransfer.getData(DRAGGED);
    if (!path) return;
    event.preventDefault();
    const onto = event.target.closest("[data-path]")?.dataset.path;
    const index = tabs.findIndex((tab) => tab.path === onto);
    placeTab(path, index < 0 ? tabs.length : index);
  };
  const over = (event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault();
  const openMenu = (event) => {
    const { left, bottom } = event.currentTarget.getBoundingClientRect();
    setMenu({ x: left, y: bottom });
  };
  const names = tabs.map(({ path }) => nameOf(path));
  const isTwice = (name) => names.indexOf(name) !== names.lastIndexOf(name);
  const focused = tabOf(present) ? present : tabs[0].path;
  return html`<div class="file-tabs">
      <div
        class="bar"
        role="tablist"
        aria-label="Open files"
        ref=${bar}
        onKeyDown=${key}
        onDragOver=${over}
        onDrop=${drop}
      >
        ${tabs.map(
          ({ path }, index) =>
            html`<${Tab}
              key=${path}
              path=${path}
              folder=${isTwice(names[index]) ? folderOf(path) || "/" : ""}
              isShown=${path === present}
              isFocused=${path === focused}
              isGone=${!app.project.files.has(path)}
            />`,
        )}
      </div>
      <button class="quiet list" aria-haspopup="menu" onClick=${openMenu}>
        ${tabs.length} open <${Icon} name="down" />
      </button>
    </div>
    ${
      menu &&
      html`<${Menu}
        label="Open files"
        items=${listed(tabs, present)}
        at=${menu}
        close=${() => setMenu(null)}
      />`
    }`;
}

function Tab({ path, folder, isShown, isFocused, isGone }) {
  const isUnsaved = useReading(() => isBusy(path));
  const name = nameOf(path);
  const mark = isUnsaved && (state.connection === "online" ? "not saved yet" : "waits for a connection");
  // With the middle button, which would scroll otherwise.
  const press = (event) => event.button === 1 && event.preventDefault();
  const close = () => attempt(() => closeFile(path));
  const drag = (event) => {
    event.dataTransfer.setData(DRAGGED, path);
    event.dataTransfer.effectAllowed = "move";
  };
  return html`<div
    role="tab"
    class=${isGone ? "gone" : ""}
    title=${isGone ? `${path} was deleted` : path}
    tabindex=${isFocused ? 0 : -1}
    data-path=${path}
    aria-selected=${isShown}
    draggable
    onDragStart=${drag}
    onClick=${() => show(path)}
    onMouseDown=${press}
    onAuxClick=${(event) => event.button === 1 && close()}
  >
    <span class="name">${visible(name)}</span>
    ${folder && html`<span class="soft">${folder}</span>`}
    ${mark && html`<span class="mark ${state.connection}" title=${mark}><span class="hidden">${mark}</span></span>`}
    <${IconButton}
      icon="close"
      label=${`Close ${name}`}
      tabindex="-1"
      onClick=${(event) => {
        event.stopPropagation();
        close();
      }}
    />
  </div>`;
}

/** Show a tab's file, where its caret was. */
function show(path) {
  return attempt(() => showPath(path));
}

function listed(tabs, present) {
  const items = tabs.map(({ path }) => ({
    icon: path === present ? "check" : "file",
    name: `${path}${isBusy(path) ? " •" : ""}`,
    run: () => show(path),
  }));
  const closing = { icon: "close", name: "Close", keys: "Alt+W", run: () => closeShown() };
  const reopening = { icon: "history", name: "Reopen closed", keys: "Alt+Shift+T", run: reopen };
  return [...items, null, present && closing, reopening].filter((item) => item !== undefined);
}

function closeShown() {
  return attempt(() => closeFile());
}

function reopen() {
  const tab = takeClosedTab();
  if (tab) show(tab.path);
}

/** Show the tab so many places beside, around the ends; or put the one that is shown there. */
function step(count, isMoved) {
  const { tabs } = state.project;
  const index = tabs.findIndex(({ path }) => path === state.open?.path);
  if (index < 0) return tabs.length > 0 && show(tabs[0].path);
  if (isMoved) return placeTab(state.open.path, index + count);
  return show(tabs.at((index + count) % tabs.length).path);
}

// Those that no browser keeps to itself; by the key's place, because with Alt it may write something.
const KEYS = {
  KeyW: () => closeShown(),
  PageUp: ({ shiftKey }) => step(-1, shiftKey),
  PageDown: ({ shiftKey }) => step(1, shiftKey),
};

addEventListener(
  "keydown",
  (event) => {
    const { code, altKey, shiftKey, ctrlKey, metaKey } = event;
    if (!altKey || ctrlKey || metaKey || !state.project) return;
    if (document.querySelector("dialog[open]")) return;
    const run = code === "KeyT" && shiftKey ? reopen : KEYS[code];
    if (!run || (code === "KeyW" && shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    run(event);
  },
  true,
);
