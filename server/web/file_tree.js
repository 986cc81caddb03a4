// The files of the project as a tree, with who is where.

import { useMemo, useRef, useState } from "preact/hooks";
import { Bin } from "./bin.js";
import { chosen } from "./dropped.js";
import { Entry } from "./file_fields.js";
import { Lines } from "./file_lines.js";
import { itemsFor } from "./file_menu.js";
import { linesOf } from "./folders.js";
import { IconButton, html } from "./html.js";
import { Menu } from "./menu.js";
import { mayEdit } from "./project.js";
import { askForSearch } from "./search_view.js";
import { attempt, update } from "./state.js";
import { download } from "./transfer.js";
import { uploadInto } from "./uploads.js";

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
