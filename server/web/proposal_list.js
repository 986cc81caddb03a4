// Under an answer: the files that it proposes to change, and what became of each.

import { Icon, html } from "./html.js";
import { mayEdit } from "./project.js";
import { accept, acceptAll, openProposals, openReview, proposalsOf, reject } from "./proposals.js";
import { isMe } from "./session.js";
import { attempt, state } from "./state.js";

export function ProposalList({ requestId, unfit = [] }) {
  const proposals = proposalsOf(requestId);
  if (proposals.length === 0 && unfit.length === 0) return null;
  const open = openProposals(requestId);
  return html`<section class="proposals" aria-label="Proposed changes">
    ${proposals.map((one) => html`<${Proposal} proposal=${one} />`)}
    ${
      open.length > 1 &&
      mayEdit() &&
      html`<button class="primary" onClick=${() => attempt(() => acceptAll(requestId))}>
        <${Icon} name="check" /> Accept all ${open.length} files
      </button>`
    }
    ${unfit.map(
      ({ path, message }) =>
        html`<p class="unfit"><code>${path}</code> was not taken as a change: ${message}</p>`,
    )}
  </section>`;
}

function Proposal({ proposal }) {
  const { requestId, path, action, coming } = proposal;
  const isNew = !state.project.files.has(path);
  const isOpen = action && !action.decision && coming === undefined;
  return html`<div class="proposal" role="group" aria-label=${`Proposal for ${path}`}>
    <span class="name"><${Icon} name="file" /> <code>${path}</code></span>
    <span class="soft">${stateOf(proposal, isNew)}</span>
    ${
      !action?.decision &&
      html`<span class="choices">
        <button onClick=${() => attempt(() => openReview(requestId, path))}>
          <${Icon} name="review" /> Review
        </button>
        ${
          isOpen &&
          mayEdit() &&
          html`<button onClick=${() => attempt(() => accept(proposal))}>
              <${Icon} name="check" /> ${isNew ? "Create" : "Accept"}
            </button>
            <button onClick=${() => attempt(() => reject(proposal))}>
              <${Icon} name="close" /> Reject
            </button>`
        }
      </span>`
    }
  </div>`;
}

const DECIDED = { accepted: "accepted", rejected: "rejected", partly: "accepted in part" };

function stateOf({ action, coming }, isNew) {
  if (coming !== undefined) return "being written…";
  if (!action.decision) return isNew ? "new file" : "";
  const { user, outcome } = action.decision;
  return `${DECIDED[outcome]} by ${isMe(user) ? "you" : user.name}`;
}
