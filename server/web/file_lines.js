// The lines of the tree of files. Only those in sight are drawn: thousands of files cost no more than
// those.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { openFile } from "./file.js";
import { drag, useDrop } from "./file_drag.js";
import { Rename } from "./file_fields.js";
import { keysOf } from "./file_keys.js";
import { showFolder } from "./folders.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import { visible } from "./paths.js";
import { mayEdit } from "./project.js";
import { attempt } from "./state.js";

// Lines that are drawn beyond those in sight.
const BESIDE = 12;

export function Lines({ lines, app, renamed, edit, showMenu }) {
  const box = useRef(null);
  const [sight, setSight] = useState({ top: 0, height: 800, line: 30 });
  const [focused, setFocused] = useState(null);
  const wantsFocus = useRef(false);
  const { project, open } = app;

  const look = () => {
    const { scrollTop: top, clientHeight: height } = box.current;
    const line = parseFloat(getComputedStyle(box.current).getPropertyValue("--line-height"));
    setSight((before) =>
      before.top === top && before.height === height && before.line === line
        ? before
        : { top, height, line },
    );
  };
  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const indexOf = (path) => lines.findIndex((line) => line.path === path);
  const show = (index) => {
    const from = index * sight.line;
    const { scrollTop, clientHeight } = box.current;
    if (from < scrollTop) box.current.scrollTop = from;
    else if (from + sight.line > scrollTop + clientHeight) {
      box.current.scrollTop = from + sight.line - clientHeight;
    }
    look();
  };
  // What is opened elsewhere is shown here.
  useEffect(() => {
    const index = open ? indexOf(open.path) : -1;
    if (index >= 0) show(index);
  }, [open?.path]);
  const focus = (index) => {
    const line = lines[Math.max(0, Math.min(index, lines.length - 1))];
    if (!line) return;
    setFocused(line.path);
    wantsFocus.current = true;
    show(lines.indexOf(line));
  };
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current.querySelector('[data-focused="true"]')?.focus();
  });

  const locks = useMemo(
    () => new Map(project.locks.map((lock) => [lock.filePath, lock])),
    [project.locks],
  );
  const people = useMemo(() => {
    const found = new Map();
    for (const { filePath, user } of project.places.values()) {
      if (!found.has(filePath)) found.set(filePath, new Map());
      found.get(filePath).set(user.id, user);
    }
    return found;
  }, [project.places]);

  const first = Math.max(0, Math.floor(sight.top / sight.line) - BESIDE);
  const last = Math.min(
    lines.length,
    Math.ceil((sight.top + sight.height) / sight.line) + BESIDE,
  );
  const present = indexOf(focused) >= 0 ? focused : lines[0]?.path;

  const key = keysOf({
    lines,
    pageLines: Math.max(1, Math.floor(sight.height / sight.line) - 1),
    focus,
    setFocused,
    edit,
    showMenu,
  });
  const { target, over, leave, drop } = useDrop(project);

  return html`<div
    class="scroll lines ${target === "" ? "target" : ""}"
    ref=${box}
    onScroll=${look}
    onKeyDown=${key}
    onDragOver=${over}
    onDragLeave=${leave}
    onDrop=${drop}
  >
    <ul
      class="tree"
      style=${{
        paddingTop: `${first * sight.line}px`,
        paddingBottom: `${(lines.length - last) * sight.line}px`,
      }}
    >
      ${lines.slice(first, last).map(
        (line) =>
          html`<${Line}
            key=${line.path}
            line=${line}
            isCurrent=${open?.path === line.path}
            isFocused=${present === line.path}
            isTarget=${target !== null && target !== "" && line.path === target}
            isRenamed=${renamed === line.path}
            lock=${locks.get(line.path)}
            people=${people.get(line.path)}
            edit=${edit}
            showMenu=${showMenu}
          />`,
      )}
    </ul>
    ${
      project.files.size === 0 &&
      html`<p class="soft pad">No files yet.${mayEdit() && " Drop some here."}</p>`
    }
  </div>`;
}

function Line({ line, isCurrent, isFocused, isTarget, isRenamed, lock, people, edit, showMenu }) {
  const { path, name, depth, file, isOpen } = line;
  const act = () => {
    if (file) attempt(() => openFile(path));
    else showFolder(path, !isOpen);
  };
  const classes = ["file", isCurrent && "current", isTarget && "target", !file && "folder"];
  const openMenu = (event) => {
    event.preventDefault();
    showMenu(line, { x: event.clientX, y: event.clientY });
  };
  const openMenuBelow = (event) => {
    const { left, bottom } = event.currentTarget.getBoundingClientRect();
    showMenu(line, { x: left, y: bottom });
  };
  return html`<li
    class=${classes.filter(Boolean).join(" ")}
    data-path=${path}
    draggable=${mayEdit() && !isRenamed}
    onDragStart=${(event) => drag(event, path)}
    onContextMenu=${openMenu}
  >
    ${
      isRenamed
        ? html`<${Rename} path=${path} depth=${depth} close=${() => edit(null)} />`
        : html`<button
            type="button"
            class="depth-${Math.min(depth, 12)}"
            title=${path}
            tabindex=${isFocused ? 0 : -1}
            data-focused=${isFocused}
            aria-current=${isCurrent ? "true" : undefined}
            aria-expanded=${file ? undefined : isOpen}
            onClick=${act}
          >
            <${Icon} name=${file ? "file" : isOpen ? "folderOpen" : "folder"} />
            <span class="name">${visible(name)}</span>
            ${
              lock &&
              html`<span class="locked" title=${`${lock.user.name} is editing`}>
                <${Icon} name="lock" /><span class="hidden">locked by ${lock.user.name}</span>
              </span>`
            }
            ${people && [...people.values()].map((user) => html`<${Avatar} user=${user} />`)}
          </button>
          <${IconButton}
            icon="more"
            label=${`Actions for ${name}`}
            aria-haspopup="menu"
            tabindex=${isFocused ? 0 : -1}
            onClick=${openMenuBelow}
          />`
    }
  </li>`;
}
