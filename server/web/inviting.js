// Links that let people into a project. The token is in the part of the address that no browser sends
// and that no Referer has; the page takes it out of the address at once.

import { useEffect, useState } from "preact/hooks";
import { copyText } from "./clipboard.js";
import { Icon, html, useSubmit } from "./html.js";
import { INVITATION, goToProject, replaceAddress } from "./route.js";
import { ask, insist, isFailure, onArrival, onSignedOut } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

const STORED = "invitation";

/** Take a token out of the address; it waits until one is signed in. */
function takeToken() {
  if (!location.hash.startsWith(INVITATION)) return;
  sessionStorage.setItem(STORED, location.hash.slice(INVITATION.length));
  replaceAddress(location.pathname);
  update({ isInvited: true });
}

/** Join the project of the invitation that waits, if there is one. */
async function accept() {
  const token = sessionStorage.getItem(STORED);
  if (!token) return;
  try {
    const { project, role } = await insist(() => ask("invitation:accept", { token }));
    forget();
    await goToProject(project.id);
    toast(`You are in “${project.name}” as its ${role}`);
  } catch (error) {
    // Without a connection, or while the server cannot do it, it is still to be done.
    if (error.code && !isFailure(error)) forget();
    throw error;
  }
}

function forget() {
  sessionStorage.removeItem(STORED);
  update({ isInvited: false });
}

takeToken();
if (sessionStorage.getItem(STORED)) update({ isInvited: true });
onArrival(accept);
// What was opened while nobody was signed in is for whoever signs in.
onSignedOut(() => state.user && forget());
addEventListener("hashchange", () => {
  takeToken();
  // Whoever is signed out accepts on arrival.
  if (state.connection === "online") attempt(accept);
});

const DAYS = { 1: "a day", 7: "a week", 30: "30 days" };
const USES = { 1: "once", 10: "10 times", "": "as often as there is room" };

/** The invitations of a project, for its owners. */
export function Invitations({ projectId, members }) {
  const [invitations, setInvitations] = useState([]);
  const [link, setLink] = useState("");
  const load = async () => {
    const found = await attempt(() => ask("invitation:list", { projectId }));
    if (found) setInvitations(found.invitations);
  };
  useEffect(() => {
    load();
  }, [members]);
  const create = useSubmit(async (event) => {
    const { role, days, uses } = Object.fromEntries(new FormData(event.target));
    const wanted = { projectId, role, days: +days, uses: uses ? +uses : undefined };
    const made = await attempt(() => ask("invitation:create", wanted));
    if (!made) return;
    setLink(`${location.origin}${location.pathname}${INVITATION}${made.token}`);
    await load();
  });
  const revoke = async ({ id: invitationId }) => {
    await attempt(() => ask("invitation:revoke", { projectId, invitationId }));
    setLink("");
    await load();
  };
  const copy = () => attempt(() => copyText(link).then(() => toast("The link is copied")));
  return html`<h3>Invite by a link</h3>
    <form class="row invite" onSubmit=${create}>
      <label>As <select name="role"><option>editor</option><option>viewer</option></select></label>
      <label>For <${Choice} name="days" choices=${DAYS} chosen="7" /></label>
      <label>Works <${Choice} name="uses" choices=${USES} chosen="" /></label>
      <button>Make a link</button>
    </form>
    ${
      link &&
      html`<p class="row">
          <input readonly aria-label="The link" value=${link} onFocus=${(event) => event.target.select()} />
          <button type="button" onClick=${copy}><${Icon} name="copy" /> Copy</button>
        </p>
        <p class="soft">Whoever has the link can join. It is shown only now.</p>`
    }
    <ul class="plain invitations">
      ${invitations.map(
        (one) =>
          html`<li class="row" key=${one.id}>
            <span>
              ${one.role}<span class="soft">
                , until ${new Date(one.expiresAt).toLocaleString()}${usesOf(one)}
              </span>
            </span>
            <button class="link end" onClick=${() => revoke(one)}>Revoke</button>
          </li>`,
      )}
    </ul>`;
}

function usesOf({ usesLeft }) {
  if (usesLeft === undefined) return "";
  return usesLeft === 1 ? ", once more" : `, ${usesLeft} times more`;
}

function Choice({ name, choices, chosen }) {
  return html`<select name=${name}>
    ${Object.entries(choices).map(
      ([value, words]) => html`<option value=${value} selected=${value === chosen}>${words}</option>`,
    )}
  </select>`;
}
