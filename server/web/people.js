// Who is here, and where.

import { Avatar, html } from "./html.js";
import { isMe } from "./session.js";

export function People({ app }) {
  const { project } = app;
  const people = [...project.people.values()];
  return html`<section class="panel people" aria-label="People">
    <header><h2>Here now</h2><span class="soft">${people.length}</span></header>
    <ul class="plain scroll">
      ${people.map(
        ({ user, status, activity }) =>
          html`<li class="row" key=${user.id}>
            <${Avatar} user=${user} status=${status} />
            <span class="who">
              <span>${user.name}${isMe(user) && html` <span class="soft">(you)</span>`}</span>
              <span class="soft">${whereabouts(project, user, status, activity)}</span>
            </span>
          </li>`,
      )}
    </ul>
  </section>`;
}

function whereabouts(project, user, status, activity) {
  const place = [...project.places.values()].findLast((one) => one.user.id === user.id);
  const line = place ? `, line ${place.position.line + 1}` : "";
  if (activity) return `${status === "away" ? "away, " : ""}${activity}${line}`;
  if (place) return `in ${place.filePath.split("/").at(-1)}${line}`;
  return status;
}
