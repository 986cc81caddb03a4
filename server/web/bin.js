// The bin: what was deleted in the last 30 days, and the way back.

import { useEffect, useState } from "preact/hooks";
import { restoreDeleted } from "./file_actions.js";
import { isThere } from "./folders.js";
import { Ago, Dialog, Icon, html } from "./html.js";
import { freeCopy } from "./paths.js";
import { askAll } from "./session.js";
import { attempt, state, toast } from "./state.js";

export function Bin({ close }) {
  const [deletions, setDeletions] = useState(null);
  const load = async () => {
    const payload = { projectId: state.project.id };
    const found = await attempt(() => askAll("bin:list", "deletions", payload));
    if (found) setDeletions(found);
  };
  useEffect(() => {
    load();
  }, []);
  const restore = async ({ id, path }) => {
    // Something else may have its name by now.
    const target = isThere(path) ? freeCopy(path, isThere) : undefined;
    const isBack = await attempt(() => restoreDeleted(state.project.id, id, target).then(() => true));
    if (isBack) toast(`${path} is back${target ? ` as ${target}` : ""}`);
    await load();
  };
  return html`<${Dialog} title="Bin" close=${close}>
    <p class="soft">What was deleted stays here for 30 days.</p>
    <ul class="plain bin">
      ${deletions?.map(
        (one) =>
          html`<li key=${one.id}>
            <${Icon} name=${one.isFolder ? "folder" : "file"} />
            <span class="what">
              ${one.path}${one.isFolder && ` (${one.fileCount} ${one.fileCount === 1 ? "file" : "files"})`}
              <br /><span class="soft">${one.deletedBy} · <${Ago} time=${one.deletedAt} /></span>
            </span>
            <button aria-label=${`Restore ${one.path}`} onClick=${() => restore(one)}>Restore</button>
          </li>`,
      )}
      ${deletions?.length === 0 && html`<li class="soft">Nothing is in it.</li>`}
    </ul>
  <//>`;
}
