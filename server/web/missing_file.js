// What the address names is not there: when and by whom it was deleted, and where it may be instead.

import { useEffect, useState } from "preact/hooks";
import { openFile } from "./file.js";
import { restoreDeleted } from "./file_actions.js";
import { isThere } from "./folders.js";
import { Ago, Icon, html } from "./html.js";
import { isWithin, nameOf } from "./paths.js";
import { mayEdit } from "./project.js";
import { ask } from "./session.js";
import { attempt, state } from "./state.js";

// Files of the same name that are listed.
const MOST_OTHERS = 5;

export function MissingFile({ missing: { path, line } }) {
  const [deletion, setDeletion] = useState(null);
  useEffect(() => {
    const payload = { projectId: state.project.id };
    ask("bin:list", payload).then(
      ({ deletions }) => setDeletion(deletions.find((one) => isWithin(path, one.path)) ?? null),
      // It is not known then.
      () => {},
    );
  }, [path]);
  const open = (other) => attempt(() => openFile(other, line && { line }));
  const restore = async () => {
    const { id: projectId } = state.project;
    await restoreDeleted(projectId, deletion.id);
    if (state.project?.id === projectId) await openFile(path, line && { line });
  };
  const others = [...state.project.files.keys()]
    .filter((other) => nameOf(other) === nameOf(path))
    .slice(0, MOST_OTHERS);
  return html`<section class="editor empty missing" aria-label=${`File ${path}`}>
    <${Icon} name="file" />
    <p role="alert">There is no file <strong>${path}</strong> in this project.</p>
    ${
      deletion &&
      html`<p class="soft">
        ${deletion.path === path ? "It was" : `Its folder ${deletion.path} was`} deleted by
        ${" "}${deletion.deletedBy} <${Ago} time=${deletion.deletedAt} />.
      </p>`
    }
    ${
      deletion &&
      mayEdit() &&
      !isThere(deletion.path) &&
      html`<button onClick=${() => attempt(restore)}>Restore ${deletion.path}</button>`
    }
    ${
      others.length > 0 &&
      html`<p class="soft">It may have been moved. Of the same name:</p>
        <ul class="plain">
          ${others.map(
            (other) =>
              html`<li>
                <button class="link" onClick=${() => open(other)}>${other}</button>
              </li>`,
          )}
        </ul>`
    }
    ${others.length === 0 && !deletion && html`<p class="soft">It may have been moved, or deleted.</p>`}
  </section>`;
}
