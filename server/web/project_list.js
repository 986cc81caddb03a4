// The projects that one may see.

import { useState } from "preact/hooks";
import { Ago, Avatar, Dialog, Icon, html, useSubmit } from "./html.js";
import { Invitations } from "./inviting.js";
import { keeper, make } from "./making.js";
import { closeProject } from "./project.js";
import { enterProject } from "./route.js";
import { ask, isMe } from "./session.js";
import { Share } from "./sharing.js";
import { attempt, state } from "./state.js";

const TYPES = ["web", "api", "cli", "library", "data", "other"];

export function ProjectList({ app }) {
  const [making, setMaking] = useState(false);
  return html`<main class="project-list">
    <header>
      <h1>Projects</h1>
      <button class="primary" onClick=${() => setMaking(true)}><${Icon} name="plus" /> New project</button>
    </header>
    <ul class="cards">
      ${app.projects.map(
        (project) =>
          html`<li key=${project.id}>
            <button class="card" onClick=${() => attempt(() => enterProject(project.id))}>
              <span class="kind">${project.type}</span>
              <strong>${project.name}</strong>
              <span class="soft">${project.description || "No description yet"}</span>
              <span class="row">
                ${project.members.slice(0, 5).map(({ user }) => html`<${Avatar} user=${user} />`)}
                <span class="soft end"><${Ago} time=${project.updatedAt} /></span>
              </span>
            </button>
          </li>`,
      )}
    </ul>
    ${app.projects.length === 0 && html`<p class="soft">No project yet. Make the first one.</p>`}
    ${making && html`<${NewProject} close=${() => setMaking(false)} />`}
  </main>`;
}

function NewProject({ close }) {
  // Whoever tries again with the same words means the same project.
  const [keyOf] = useState(keeper);
  const submit = useSubmit(async (event) => {
    const values = Object.fromEntries(new FormData(event.target));
    const answer = await attempt(() => make("project:create", values, keyOf(values)));
    if (!answer) return;
    close();
    await attempt(() => enterProject(answer.project.id));
  });
  return html`<${Dialog} title="New project" close=${close}>
    <form onSubmit=${submit}>
      <label>Name <input name="name" required maxlength="256" autofocus /></label>
      <label>Description <input name="description" maxlength="4096" /></label>
      <label>
        Kind
        <select name="type">
          ${TYPES.map((type) => html`<option>${type}</option>`)}
        </select>
      </label>
      <button class="primary">Create</button>
    </form>
  <//>`;
}

/** Name, members and the end of the open project. */
export function ProjectSettings({ project, close }) {
  const { info, role } = project;
  const projectId = project.id;
  const isOwner = role === "owner";
  const rename = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    for (const [type, value] of Object.entries(values)) {
      if (value !== info[type]) {
        attempt(() => ask("project:update", { projectId, update: { type, value } }));
      }
    }
    close();
  };
  const unshare = (userId) => attempt(() => ask("project:unshare", { projectId, userId }));
  const leave = () =>
    attempt(async () => {
      await ask("project:leave", { projectId, forGood: true });
      if (state.project?.id === projectId) closeProject();
    });
  const remove = () => {
    if (!confirm(`Delete “${info.name}” with its files, versions and chat, for good?`)) return;
    close();
    attempt(() => ask("project:delete", { projectId }));
  };
  return html`<${Dialog} title=${info.name} close=${close}>
    <form onSubmit=${rename}>
      <label>Name <input name="name" required maxlength="256" defaultValue=${info.name} /></label>
      <label>
        Description <input name="description" maxlength="4096" defaultValue=${info.description} />
      </label>
      <button class="primary" disabled=${role === "viewer"}>Save</button>
    </form>
    <h3>Members</h3>
    <ul class="plain">
      ${info.members.map(
        ({ user, role: theirs }) =>
          html`<li class="row" key=${user.id}>
            <${Avatar} user=${user} /> ${user.name} <span class="soft">${theirs}</span>
            ${
              (isOwner || isMe(user)) &&
              html`<button class="link end" onClick=${() => (isMe(user) ? leave() : unshare(user.id))}>
                ${isMe(user) ? "Leave" : "Take out"}
              </button>`
            }
          </li>`,
      )}
      ${info.everyone && html`<li class="soft">Everybody else may come in as ${info.everyone}.</li>`}
    </ul>
    ${
      isOwner &&
      html`<${Share} projectId=${projectId} />
        <${Invitations} projectId=${projectId} members=${info.members} />
        <button class="danger" onClick=${remove}><${Icon} name="trash" /> Delete the project</button>`
    }
  <//>`;
}
