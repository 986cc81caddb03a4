// The chat with the assistant.

import { useEffect, useRef } from "preact/hooks";
import { cancel, loadOlder, sayTyping, send } from "./chat.js";
import { Avatar, Icon, html } from "./html.js";
import { Markdown } from "./markdown.js";
import { mayEdit } from "./project.js";
import { ProposalList } from "./proposal_list.js";
import { openReview, proposalFor, proposalsOf } from "./proposals.js";
import { isMe } from "./session.js";
import { attempt } from "./state.js";

const IDEAS = [
  "todos",
  "outline src/components/App.jsx",
  "Create a React component for a todo list",
];

export function Assistant({ app }) {
  const { project } = app;
  const end = useRef(null);
  const answers = Object.entries(project.answers);
  const last = project.messages.at(-1)?.id;
  const length = answers.reduce((sum, [, one]) => sum + one.text.length, 0);
  // Not when older ones are put in front.
  const shown = [last, answers.length, length, app.side, app.pane];
  useEffect(() => end.current.scrollIntoView({ block: "nearest" }), shown);
  return html`<section class="assistant" aria-label="Assistant">
    <div class="messages scroll" role="log" aria-live="polite" tabindex="0">
      ${
        project.messages.length === 0 &&
        html`<div class="welcome soft">
          <p>Everybody in the project sees this chat. Ask about the files, or try:</p>
          ${IDEAS.map(
            (idea) =>
              html`<button disabled=${!mayEdit()} onClick=${() => attempt(() => send(idea))}>
                ${idea}
              </button>`,
          )}
        </div>`
      }
      ${
        project.olderMessages !== undefined &&
        html`<button class="link older" onClick=${() => attempt(loadOlder)}>Earlier messages</button>`
      }
      ${project.messages.map((message) => html`<${Message} key=${message.id} message=${message} />`)}
      ${answers.map(([id, answer]) => html`<${Coming} key=${id} id=${id} answer=${answer} />`)}
      ${project.agent && html`<${Agent} agent=${project.agent} />`}
      <div ref=${end}></div>
    </div>
    <p class="typing soft" aria-live="polite">${whoIsTyping(project.typing)}</p>
    <${Composer} />
  </section>`;
}

function whoIsTyping(typing) {
  const names = [...typing.values()].map((user) => user.name);
  if (names.length === 0) return "";
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

function Message({ message }) {
  const { requestId, role, user, content, response } = message;
  if (role === "problem") return html`<p class="message problem" role="alert">${content}</p>`;
  if (role === "user") {
    return html`<article class="message user ${isMe(user) ? "own" : ""}">
      <header><${Avatar} user=${user} /> ${isMe(user) ? "You" : user.name}</header>
      <div class="text">${content}</div>
    </article>`;
  }
  return html`<article class="message answer">
    <${Markdown} text=${content} reviewOf=${reviewsOf(requestId)} />
    <${ProposalList} requestId=${requestId} unfit=${response?.unfit} />
    <footer class="soft">
      ${response?.cancelled && "stopped · "}${response?.provider} · ${response?.model}
      ${response?.usage && ` · ${response.usage.completionTokens} tokens`}
    </footer>
  </article>`;
}

/** What the Review button of a block does, for those that name a file with an open proposal. */
function reviewsOf(requestId) {
  return (info) => {
    const paths = proposalsOf(requestId).map(({ path }) => path);
    const path = paths.sort((a, b) => b.length - a.length).find((one) => info.includes(one));
    if (path === undefined || proposalFor(requestId, path).action?.decision) return undefined;
    return () => openReview(requestId, path);
  };
}

function Coming({ id, answer }) {
  return html`<article class="message answer coming" aria-busy="true">
    ${answer.text && html`<${Markdown} text=${answer.text} reviewOf=${reviewsOf(id)} />`}
    <${ProposalList} requestId=${id} />
    <div class="row">
      <span class="soft">${answer.text ? "Writing…" : "Thinking…"}</span>
      <progress max="100" value=${answer.progress} aria-label="Progress"></progress>
      ${
        isMe(answer.user) &&
        html`<button class="end" onClick=${() => attempt(() => cancel(id))}>
          <${Icon} name="stop" /> Stop
        </button>`
      }
    </div>
  </article>`;
}

function Agent({ agent }) {
  return html`<div class="message row soft" role="status">
    <${Avatar} user=${agent.user} /> ${agent.message || agent.status}
    ${agent.progress !== undefined && html`<progress max="100" value=${agent.progress}></progress>`}
  </div>`;
}

function Composer() {
  const field = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    const text = field.current.value;
    if (!text.trim()) return;
    field.current.value = "";
    sayTyping(false);
    const sent = await attempt(() => send(text).then(() => true));
    if (!sent && !field.current.value) field.current.value = text;
  };
  const keyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  };
  return html`<form class="composer" onSubmit=${submit}>
    <textarea
      ref=${field}
      rows="2"
      maxlength="32768"
      disabled=${!mayEdit()}
      placeholder=${mayEdit() ? "Ask the assistant…" : "Viewers may only read"}
      aria-label="Message to the assistant"
      onInput=${(event) => sayTyping(event.target.value !== "")}
      onKeyDown=${keyDown}
    ></textarea>
    <button class="primary" aria-label="Send" disabled=${!mayEdit()}><${Icon} name="send" /></button>
  </form>`;
}
