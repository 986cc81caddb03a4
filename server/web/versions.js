// Versions of the project: take one, compare it with the files as they are, go back to it.

import { useState } from "preact/hooks";
import { Ago, Dialog, Icon, IconButton, html, useSubmit } from "./html.js";
import { make } from "./making.js";
import { mayEdit } from "./project.js";
import { ask } from "./session.js";
import { settled } from "./shared_files.js";
import { attempt } from "./state.js";

export function Versions({ app }) {
  const { project } = app;
  const projectId = project.id;
  const [comparison, setComparison] = useState(null);
  const take = useSubmit(async (event) => {
    const form = event.target;
    const name = new FormData(form).get("name").trim() || undefined;
    await settled();
    await attempt(() => make("version:create", { projectId, name }).then(() => form.reset()));
  });
  const compare = async (version) => {
    const payload = { projectId, versionId: version.id };
    await settled();
    const answer = await attempt(() => ask("version:compare", payload));
    if (answer) setComparison({ version, differences: answer.differences, count: answer.count });
  };
  const restore = async (version) => {
    if (
      !confirm(
        `Make all files those of “${version.name}” again? The present ones are kept as a version.`,
      )
    )
      return;
    await settled();
    await attempt(() => ask("version:restore", { projectId, versionId: version.id }));
    setComparison(null);
  };
  const remove = (version) => {
    if (confirm(`Delete the version “${version.name}”?`)) {
      attempt(() => ask("version:delete", { projectId, versionId: version.id }));
    }
  };
  return html`<section class="versions" aria-label="Versions">
    ${
      mayEdit() &&
      html`<form class="row pad" onSubmit=${take}>
        <input
          name="name"
          maxlength="256"
          placeholder="Name of the version"
          aria-label="Name of the version"
        />
        <button class="primary">Take</button>
      </form>`
    }
    <ul class="plain scroll">
      ${project.versions.map(
        (version) =>
          html`<li class="version" key=${version.id}>
            <strong>${version.name}</strong>
            <span class="soft">
              ${version.automatic ? "automatic" : version.createdBy} · <${Ago} time=${version.createdAt} /> ·${" "}
              ${version.fileCount} ${version.fileCount === 1 ? "file" : "files"}
            </span>
            <div class="row">
              <button onClick=${() => compare(version)}>Compare</button>
              ${
                mayEdit() &&
                html`<button onClick=${() => restore(version)}>Restore</button>
                  <${IconButton}
                    icon="trash"
                    label=${`Delete ${version.name}`}
                    onClick=${() => remove(version)}
                  />`
              }
            </div>
          </li>`,
      )}
      ${
        project.versions.length === 0 &&
        html`<li class="soft pad">A version keeps all files as they are now.</li>`
      }
    </ul>
    ${
      comparison &&
      html`<${Comparison}
        ...${comparison}
        restore=${mayEdit() && (() => restore(comparison.version))}
        close=${() => setComparison(null)}
      />`
    }
  </section>`;
}

function Comparison({ version, differences, count, restore, close }) {
  return html`<${Dialog} title=${`From “${version.name}” to now`} close=${close} wide>
    ${differences.length === 0 && html`<p>Nothing has changed since.</p>`}
    ${differences.map(
      ({ path, status, diff }) =>
        html`<details open key=${path}>
          <summary><code>${path}</code> <span class="soft">${status}</span></summary>
          <pre class="diff" tabindex="0">${diff
            .trimEnd()
            .split("\n")
            .map((line) => html`<span class=${kindOf(line)}>${line}${"\n"}</span>`)}</pre>
        </details>`,
    )}
    ${count > differences.length && html`<p>And ${count - differences.length} more files.</p>`}
    ${
      restore &&
      differences.length > 0 &&
      html`<button class="primary" onClick=${restore}>
        <${Icon} name="history" /> Restore “${version.name}”
      </button>`
    }
  <//>`;
}

function kindOf(line) {
  if (/^(\+\+\+|---) /.test(line)) return "head";
  return { "+": "added", "-": "removed", "@": "head" }[line[0]] ?? "";
}
