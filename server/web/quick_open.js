// Quick open: a few letters of a path, and Enter. `:12` behind them, or alone, names a line.

import { useMemo, useState } from "preact/hooks";
import { openFile } from "./file.js";
import { best, places, prepared } from "./fuzzy.js";
import { Dialog, html } from "./html.js";
import { folderOf, nameOf } from "./paths.js";
import { attempt, state, update } from "./state.js";

const PAGE = 10;

export function QuickOpen({ app }) {
  const { files, recent } = app.project;
  const [text, setText] = useState("");
  const [chosen, choose] = useState(0);
  const entries = useMemo(
    // What is open is where one is already.
    () => prepared(files.keys(), recent.filter((path) => path !== app.open?.path)),
    [files, recent, app.open?.path],
  );
  const [, query, line] = /^(.*?)(?::(\d*))?$/s.exec(text);
  const isLineOnly = query === "" && line !== undefined;
  const found = useMemo(() => (isLineOnly ? [] : best(query, entries)), [query, entries, isLineOnly]);
  const close = () => update({ isQuickOpen: false });
  const open = (path) => {
    close();
    if (path) attempt(() => openFile(path, line ? { line: Math.max(1, +line) } : undefined));
  };
  const enter = () => open(isLineOnly ? app.open?.path : found[chosen]);
  const move = (to) => choose(Math.max(0, Math.min(to, found.length - 1)));
  const key = (event) => {
    const runs = {
      ArrowDown: () => move(chosen + 1),
      ArrowUp: () => move(chosen - 1),
      PageDown: () => move(chosen + PAGE),
      PageUp: () => move(chosen - PAGE),
      Enter: enter,
    };
    if (!runs[event.key] || event.isComposing) return;
    event.preventDefault();
    runs[event.key]();
  };
  return html`<${Dialog} title="Open a file" close=${close}>
    <input
      type="text"
      role="combobox"
      autofocus
      autocomplete="off"
      spellcheck=${false}
      maxlength="1100"
      placeholder="Letters of its path, :12 for a line"
      aria-label="File to open"
      aria-expanded="true"
      aria-controls="quick-open"
      aria-activedescendant=${found[chosen] ? `quick-open-${chosen}` : undefined}
      onInput=${(event) => {
        setText(event.target.value);
        choose(0);
      }}
      onKeyDown=${key}
    />
    <ul class="plain found" id="quick-open" role="listbox" aria-label="Files">
      ${found.map(
        (path, index) =>
          html`<li
            key=${path}
            id=${`quick-open-${index}`}
            role="option"
            aria-selected=${index === chosen}
            ref=${(element) => index === chosen && element?.scrollIntoView({ block: "nearest" })}
            onClick=${() => open(path)}
          >
            <${Path} path=${path} query=${query} />
          </li>`,
      )}
    </ul>
    <p class="soft" role="status">${said(app, query, line, isLineOnly, found)}</p>
  <//>`;
}

function said(app, query, line, isLineOnly, found) {
  if (isLineOnly) return app.open ? `Go to line ${line || "…"} of ${app.open.path}` : "No file is open.";
  if (found.length > 0) return query ? "" : "Files that were open last.";
  return query ? "No path has these letters in this order." : "Type a few letters of a path.";
}

/** A path with the letters that were found. */
function Path({ path, query }) {
  const marked = new Set(query ? places(query, path) : []);
  const shown = (from, to) =>
    Array.from({ length: to - from }, (_, index) => from + index).map((at) =>
      marked.has(at) ? html`<b>${path[at]}</b>` : path[at],
    );
  const nameAt = path.length - nameOf(path).length;
  return html`<span class="name">${shown(nameAt, path.length)}</span>
    <span class="soft">${shown(0, folderOf(path).length)}</span>`;
}

addEventListener(
  "keydown",
  (event) => {
    const isKey = event.code === "KeyP" && (event.ctrlKey || event.metaKey);
    if (!isKey || event.altKey || event.shiftKey || !state.project) return;
    // The browser would print.
    event.preventDefault();
    event.stopPropagation();
    if (!document.querySelector("dialog[open]")) update({ isQuickOpen: true });
  },
  true,
);
