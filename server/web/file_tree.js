// The files of the project as a tree, with who is where. Only the lines in sight are drawn: thousands
// of files cost no more than those.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Bin } from "./bin.js";
import { chosen, dropped } from "./dropped.js";
import { createFile, createFolder, moveTo, openFile } from "./file.js";
import { itemsFor } from "./file_menu.js";
import { linesOf, showFolder } from "./folders.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import { Menu } from "./menu.js";
import { folderOf, isWithin, join, nameOf } from "./paths.js";
import { mayEdit } from "./project.js";
import { askForSearch } from "./search_view.js";
import { attempt, update } from "./state.js";
import { download } from "./transfer.js";
import { uploadInto } from "./uploads.js";

// Lines that are drawn beyond those in sight.
const BESIDE = 12;
// What a line's drag carries: its path.
const DRAGGED = "application/x-file-path";

export function FileTree({ app }) {
  const { project } = app;
  // `edited`: {kind, path}: "rename" is a field in the line, the others are one above the tree.
  const [edited, edit] = useState(null);
  const [menu, setMenu] = useState(null);
  const upload = useUpload();
  const { files, closed } = project;
  const lines = useMemo(() => linesOf(files, closed), [files, closed]);
  const showMenu = (line, at) =>
    setMenu({
      label: `Actions for ${line.name}`,
      items: itemsFor(line, edit, upload.choose),
      at,
    });
  const showUploads = ({ currentTarget }) => {
    const { left: x, bottom: y } = currentTarget.getBoundingClientRect();
    const items = [
      { icon: "file", name: "Files…", run: () => upload.choose("") },
      { icon: "folder", name: "A folder…", run: () => upload.choose("", true) },
    ];
    setMenu({ label: "Upload", items, at: { x, y } });
  };
  return html`<section class="panel files" aria-label="Files">
    <header>
      <h2>Files</h2>
      <span class="row">
        <${IconButton}
          icon="search"
          label="Open a file by its path (Ctrl+P)"
          onClick=${() => update({ isQuickOpen: true })}
        />
        <${IconButton}
          icon="searchFiles"
          label="Search in all files (Ctrl+Shift+F)"
          onClick=${askForSearch}
        />
        ${
          mayEdit() &&
          html`<${IconButton}
              icon="plus"
              label="New file"
              onClick=${() => edit({ kind: "file", path: "" })}
            />
            <${IconButton}
              icon="newFolder"
              label="New folder"
              onClick=${() => edit({ kind: "folder", path: "" })}
            />
            <${IconButton}
              icon="upload"
              label="Upload"
              aria-haspopup="menu"
              onClick=${showUploads}
            />
            <${IconButton} icon="trash" label="Bin" onClick=${() => update({ dialog: "bin" })} />`
        }
        <${IconButton}
          icon="download"
          label="Download all files"
          onClick=${() => attempt(() => download(project.id))}
        />
      </span>
    </header>
    ${
      edited &&
      edited.kind !== "rename" &&
      html`<${Entry} key=${`${edited.kind} ${edited.path}`} ...${edited} close=${() => edit(null)} />`
    }
    <${Lines}
      lines=${lines}
      app=${app}
      renamed=${edited?.kind === "rename" ? edited.path : null}
      edit=${edit}
      showMenu=${showMenu}
    />
    ${upload.inputs}
    ${app.dialog === "bin" && html`<${Bin} close=${() => update({ dialog: "" })} />`}
    ${
      menu &&
      html`<${Menu}
        label=${menu.label}
        items=${menu.items}
        at=${menu.at}
        close=${() => setMenu(null)}
      />`
    }
  </section>`;
}

/** The browser's own ways to choose files, and a folder: `choose(folder, isFolder)` opens one. */
function useUpload() {
  const inputs = useRef({});
  const into = useRef("");
  const choose = (folder, isFolder = false) => {
    into.current = folder;
    inputs.current[isFolder].click();
  };
  const take = ({ target }) => {
    const found = chosen(target);
    // The same file may be chosen again.
    target.value = "";
    attempt(() => uploadInto(into.current, found));
  };
  const input = (isFolder, label) =>
    html`<input
      type="file"
      hidden
      multiple
      webkitdirectory=${isFolder}
      aria-label=${label}
      ref=${(element) => (inputs.current[isFolder] = element)}
      onChange=${take}
    />`;
  return {
    choose,
    inputs: html`${input(false, "Files to upload")}${input(true, "Folder to upload")}`,
  };
}

function Lines({ lines, app, renamed, edit, showMenu }) {
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

  const key = (event) => {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const path = event.target.closest("[data-path]")?.dataset.path;
    const index = indexOf(path);
    if (index < 0) return;
    const line = lines[index];
    const page = Math.max(1, Math.floor(sight.height / sight.line) - 1);
    const isFolder = line.file === undefined;
    const runs = {
      ArrowDown: () => focus(index + 1),
      ArrowUp: () => focus(index - 1),
      PageDown: () => focus(index + page),
      PageUp: () => focus(index - page),
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
  const menuAt = (line, element) => {
    const { left, bottom } = element.getBoundingClientRect();
    showMenu(line, { x: left + 24, y: bottom });
  };

  // -- moving with the mouse

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
      return attempt(async () => uploadInto(folder, await found));
    }
    if (folder === folderOf(path) || isWithin(folder, path)) return;
    attempt(() => moveTo(path, join(folder, nameOf(path))));
  };

  return html`<div
    class="scroll lines ${target === "" ? "target" : ""}"
    ref=${box}
    onScroll=${look}
    onKeyDown=${key}
    onDragOver=${over}
    onDragLeave=${(event) => event.target === box.current && setTarget(null)}
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
  const drag = (event) => {
    event.dataTransfer.setData(DRAGGED, path);
    event.dataTransfer.effectAllowed = "move";
  };
  return html`<li
    class=${classes.filter(Boolean).join(" ")}
    data-path=${path}
    draggable=${mayEdit() && !isRenamed}
    onDragStart=${drag}
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
            <span class="name">${name}</span>
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

function Rename({ path, depth, close }) {
  const field = useRef(null);
  const name = nameOf(path);
  const done = useRef(false);
  useLayoutEffect(() => {
    const dot = name.lastIndexOf(".");
    // Not as an attribute: whenever the tree is drawn again, what was typed would be gone.
    field.current.value = name;
    field.current.focus();
    field.current.setSelectionRange(0, dot > 0 ? dot : name.length);
  }, []);
  const submit = async (event) => {
    event?.preventDefault();
    const wanted = field.current?.value.trim();
    if (done.current) return;
    if (!wanted || wanted === name) return close();
    done.current = true;
    const renamed = await attempt(() => moveTo(path, join(folderOf(path), wanted)).then(() => true));
    done.current = false;
    if (renamed) close();
    else field.current?.focus();
  };
  const key = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
  };
  return html`<form class="rename depth-${Math.min(depth, 12)}" onSubmit=${submit}>
    <input
      ref=${field}
      maxlength="1024"
      aria-label=${`New name of ${name}`}
      onKeyDown=${key}
      onBlur=${() => submit()}
    />
  </form>`;
}

// What the field above the tree is for: its label, its beginning, and what is done with what is in it.
const KINDS = {
  file: {
    label: () => "Path of the new file",
    button: "Create",
    begin: (folder) => folder && `${folder}/`,
    placeholder: "src/new.js",
    run: (_, path) => createFile(path),
  },
  folder: {
    label: () => "Path of the new folder",
    button: "Create",
    begin: (folder) => folder && `${folder}/`,
    placeholder: "src/parts",
    run: (_, path) => createFolder(path),
  },
  move: {
    label: (path) => `New path of ${nameOf(path)}`,
    button: "Move",
    begin: (path) => path,
    run: moveTo,
  },
};

function Entry({ kind, path, close }) {
  const field = useRef(null);
  const { label, button, begin, placeholder, run } = KINDS[kind];
  useLayoutEffect(() => {
    field.current.value = begin(path);
    field.current.focus();
    field.current.setSelectionRange(field.current.value.length, field.current.value.length);
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const wanted = field.current.value.trim();
    if (await attempt(() => run(path, wanted).then(() => true))) close();
  };
  return html`<form class="row pad" onSubmit=${submit}>
    <input
      ref=${field}
      name="path"
      required
      maxlength="1024"
      placeholder=${placeholder}
      aria-label=${label(path)}
      onKeyDown=${(event) => event.key === "Escape" && close()}
    />
    <button>${button}</button>
    <${IconButton} icon="close" label="Cancel" onClick=${close} />
  </form>`;
}
