// The fields in which a path is typed: for a new file or folder, for another place, and for another name
// in the tree itself.

import { useLayoutEffect, useRef } from "preact/hooks";
import { createFile, createFolder, moveTo } from "./file_actions.js";
import { IconButton, html, useSubmit } from "./html.js";
import { folderOf, join, nameOf } from "./paths.js";
import { attempt } from "./state.js";

/** A file's name, in its line, as a field. */
export function Rename({ path, depth, close }) {
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

/** The field above the tree, of one of the `KINDS`. */
export function Entry({ kind, path, close }) {
  const field = useRef(null);
  const { label, button, begin, placeholder, run } = KINDS[kind];
  useLayoutEffect(() => {
    field.current.value = begin(path);
    field.current.focus();
    field.current.setSelectionRange(field.current.value.length, field.current.value.length);
  }, []);
  const submit = useSubmit(async () => {
    const wanted = field.current.value.trim();
    if (await attempt(() => run(path, wanted).then(() => true))) close();
  });
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
