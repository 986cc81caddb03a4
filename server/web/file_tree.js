// The files of the project as a tree, with who is where.

import { useState } from "preact/hooks";
import { createFile, deleteFile, openFile } from "./file.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import { mayEdit, placesIn } from "./project.js";
import { attempt } from "./state.js";

export function FileTree({ app }) {
  const { project } = app;
  const [making, setMaking] = useState(false);
  return html`<section class="panel files" aria-label="Files">
    <header>
      <h2>Files</h2>
      ${
        mayEdit() &&
        html`<${IconButton} icon="plus" label="New file" onClick=${() => setMaking(!making)} />`
      }
    </header>
    ${making && html`<${NewFile} close=${() => setMaking(false)} />`}
    <div class="scroll">
      <${Folder} folder=${tree(project.files)} app=${app} />
      ${project.files.size === 0 && html`<p class="soft pad">No files yet.</p>`}
    </div>
  </section>`;
}

/** Folders and files, each sorted by name. */
function tree(files) {
  const root = { folders: new Map(), files: [] };
  for (const file of [...files.values()].sort((a, b) => a.path.localeCompare(b.path))) {
    let folder = root;
    for (const name of file.path.split("/").slice(0, -1)) {
      if (!folder.folders.has(name)) folder.folders.set(name, { folders: new Map(), files: [] });
      folder = folder.folders.get(name);
    }
    folder.files.push(file);
  }
  return root;
}

function Folder({ folder, app }) {
  return html`<ul class="tree">
    ${[...folder.folders].map(
      ([name, inner]) =>
        html`<li key=${`folder ${name}`}>
          <details open>
            <summary><${Icon} name="folder" /> ${name}</summary>
            <${Folder} folder=${inner} app=${app} />
          </details>
        </li>`,
    )}
    ${folder.files.map((file) => html`<${FileLine} key=${file.path} file=${file} app=${app} />`)}
  </ul>`;
}

function FileLine({ file, app }) {
  const { project, open } = app;
  const isOpen = open?.path === file.path;
  const lock = project.locks.find((one) => one.filePath === file.path);
  const here = new Map(placesIn(file.path).map(({ user }) => [user.id, user]));
  const remove = () => {
    if (confirm(`Delete ${file.path}?`)) attempt(() => deleteFile(file.path));
  };
  return html`<li class="file ${isOpen ? "current" : ""}">
    <button
      type="button"
      aria-current=${isOpen ? "true" : undefined}
      onClick=${() => attempt(() => openFile(file.path))}
    >
      <${Icon} name="file" />
      <span class="name">${file.name}</span>
      ${
        lock &&
        html`<span class="locked" title=${`${lock.user.name} is editing`}>
          <${Icon} name="lock" /><span class="hidden">locked by ${lock.user.name}</span>
        </span>`
      }
      ${[...here.values()].map((user) => html`<${Avatar} user=${user} />`)}
    </button>
    ${
      mayEdit() &&
      html`<${IconButton} icon="trash" label=${`Delete ${file.name}`} onClick=${remove} />`
    }
  </li>`;
}

function NewFile({ close }) {
  const submit = async (event) => {
    event.preventDefault();
    const path = new FormData(event.target).get("path").trim();
    if (await attempt(() => createFile(path).then(() => true))) close();
  };
  return html`<form class="row pad" onSubmit=${submit}>
    <input
      name="path"
      required
      maxlength="1024"
      placeholder="src/new.js"
      aria-label="Path of the new file"
      autofocus
      onKeyDown=${(event) => event.key === "Escape" && close()}
    />
    <button>Create</button>
  </form>`;
}
