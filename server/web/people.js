// Who is here, and where; a click on a name follows its user.

import { follow, stopFollowing } from "./following.js";
import { Avatar, html } from "./html.js";
import { visible } from "./paths.js";
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
              <${Name} user=${user} isFollowed=${app.following?.user.id === user.id} />
              <span class="soft">${whereabouts(project, user, status, activity)}</span>
            </span>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** A name, which follows its user. */
function Name({ user, isFollowed }) {
  if (isMe(user)) return html`<span>${user.name} <span class="soft">(you)</span></span>`;
  return html`<button
    class="link name"
    title=${isFollowed ? `Follow ${user.name} no more` : `Follow ${user.name}`}
    aria-pressed=${isFollowed}
    onClick=${() => (isFollowed ? stopFollowing() : follow(user))}
  >
    ${visible(user.name)}
  </button>`;
}

function whereabouts(project, user, status, activity) {
  const place = [...project.places.values()].findLast((one) => one.user.id === user.id);
  const line = place ? `, line ${place.position.line + 1}` : "";
  if (activity) return `${status === "away" ? "away, " : ""}${activity}${line}`;
  if (place) return `in ${place.filePath.split("/").at(-1)}${line}`;
  return status;
}
