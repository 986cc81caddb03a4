// The chat with the assistant.

import { useEffect, useRef } from "preact/hooks";
import { cancel, loadOlder, send, shownPath } from "./chat.js";
import { Composer } from "./composer.js";
import { Avatar, Icon, html } from "./html.js";
import { liveEditorOf } from "./live_editor.js";
import { Markdown } from "./markdown.js";
import { byName, visible } from "./paths.js";
import { mayEdit } from "./project.js";
import { ProposalList } from "./proposal_list.js";
import { openReview, proposalFor, proposalsOf } from "./proposals.js";
import { isMe } from "./session.js";
import { attempt, update, useReading } from "./state.js";
import { addressee, peopleLike, say } from "./talk.js";

const OFFERED = 6;

/** Return what one may ask: what fits the files that there are, and who answers. */
function ideas({ files, assistant }) {
  const paths = [...files.keys()];
  const code = paths.find((path) => /\.(py|[jt]sx?|mjs|go|rs|vue)$/.test(path));
  if (assistant.budget > 0) {
    return code
      ? [`What does ${code} do?`, `Add comments to ${code}`, "What is missing here?"]
      : ["What could this project be?", "Write a README.md"];
  }
  return [
    code && `outline ${code}`,
    paths.some((path) => /\.(py|json|toml)$/.test(path)) && "check",
    paths.length > 0 && "todos",
    scaffoldFor(paths),
  ].filter(Boolean);
}

function scaffoldFor(paths) {
  const has = (pattern) => paths.some((path) => pattern.test(path));
  if (has(/\.[jt]sx$/)) return "Create a React component for a todo list";
  if (has(/\.py$/)) return "Create a Python program called report";
  if (has(/\.m?js$/)) return "Create a JavaScript module called report";
  return "Create an HTML page";
}

/** Ask the assistant; or people, if the text begins with the name of one. */
async function sendOn(text, key) {
  if (!addressee(text)) return send(text, key);
  await say(text, key);
  update({ side: "people", pane: "people" });
}

export function Assistant({ app }) {
  const { project, user } = app;
  const end = useRef(null);
  const answers = Object.entries(project.answers);
  const last = project.messages.at(-1)?.id;
  const length = answers.reduce((sum, [, one]) => sum + one.text.length, 0);
  // Not when older ones are put in front.
  const news = [last, answers.length, length, app.side, app.pane];
  useEffect(() => end.current.scrollIntoView({ block: "nearest" }), news);
  return html`<section class="assistant" aria-label="Assistant">
    <div class="messages scroll" role="log" aria-live="polite" tabindex="0">
      ${
        project.messages.length === 0 &&
        html`<div class="welcome soft">
          <p>Everybody in the project sees this chat. Ask about the files, or try:</p>
          ${ideas(project).map(
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
      ${[...project.messages.map(shown), ...answers.map(([id, coming]) => answerOf(id, { coming }))]}
      ${project.agent && html`<${Agent} agent=${project.agent} />`}
      <div ref=${end}></div>
    </div>
    <p class="typing soft" aria-live="polite">${whoIsTyping(project.typing)}</p>
    <${Composer}
      app=${app}
      names=${[user.id, project.id, "assistant"]}
      label="Message to the assistant"
      placeholder="Ask the assistant… @ adds a file"
      maxlength="32768"
      disabled=${mayEdit() ? undefined : "Viewers may only read"}
      offer=${(word, isFirst) => offered(project.files, word, isFirst)}
      send=${sendOn}
    >
      ${mayEdit() && html`<${Along} app=${app} />`}
    <//>
  </section>`;
}

/** Files; before them people, where the message would be for them. */
function offered(files, word, isFirst) {
  const people = isFirst ? peopleLike(word, OFFERED / 2) : [];
  const paths = filesLike(files, word).slice(0, OFFERED - people.length);
  return [
    ...people.map(({ name }) => ({ shown: `${name}: says it to people`, inserted: `@${name}` })),
    ...paths.map((path) => ({ shown: path, inserted: `@${path}` })),
  ];
}

/** Return some paths that have this in them; those whose name begins with it first. */
function filesLike(files, word) {
  const sought = word.toLowerCase();
  const found = [...files.keys()].filter((path) => path.toLowerCase().includes(sought));
  const begins = (path) => path.split("/").at(-1).toLowerCase().startsWith(sought);
  return found.sort((a, b) => begins(b) - begins(a) || byName(a, b)).slice(0, OFFERED);
}

/** What the assistant is shown with the next message. */
function Along({ app }) {
  const { budget } = app.project.assistant;
  const lines = useReading(linesSelected);
  const currentFile = shownPath();
  if (!currentFile) return null;
  const chosen = lines === 1 ? "1 line selected" : `${lines} lines selected`;
  return html`<p class="along soft">
    With <code>${currentFile.split("/").at(-1)}</code>${lines > 0 && `, ${chosen}`}
    ${budget > 0 && ` · up to ${kilobytes(budget)} of the project`}
  </p>`;
}

function linesSelected() {
  const view = liveEditorOf(shownPath());
  if (!view || view.state.selection.main.empty) return 0;
  const { doc, selection } = view.state;
  const line = (offset) => doc.lineAt(offset).number;
  return line(selection.main.to) - line(selection.main.from) + 1;
}

/** Return a number of bytes in words. */
function kilobytes(bytes) {
  return bytes < 1_000 ? `${bytes} bytes` : `${(bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
}

/** Who writes a message at the moment, in words. */
export function whoIsTyping(typing) {
  const names = [...typing.values()].map((user) => user.name);
  if (names.length === 0) return "";
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

/**
 * An answer is one element from its beginning on, also when it has become a message: whoever is in it
 * with the keyboard stays there.
 */
function answerOf(id, props) {
  return html`<${Answer} key=${`answer ${id}`} id=${id} ...${props} />`;
}

function shown(message) {
  const { id, requestId, role, content, response } = message;
  if (role === "assistant") return answerOf(requestId, { content, response });
  return html`<${Message} key=${id} message=${message} />`;
}

function Message({ message: { role, user, content } }) {
  if (role === "problem") return html`<p class="message problem" role="alert">${content}</p>`;
  return html`<article class="message user ${isMe(user) ? "own" : ""}">
    <header><${Avatar} user=${user} /> ${isMe(user) ? "You" : visible(user.name)}</header>
    <div class="text">${content}</div>
  </article>`;
}

/** Return what the Review button of a block does, for those that name a file with an open proposal. */
function reviewsOf(requestId) {
  return (info) => {
    const paths = proposalsOf(requestId).map(({ path }) => path);
    const path = paths.sort((a, b) => b.length - a.length).find((one) => info.includes(one));
    if (path === undefined || proposalFor(requestId, path).action?.decision) return undefined;
    return () => openReview(requestId, path);
  };
}

const REASONS = {
  current: "open in the editor",
  named: "named in the message",
  open: "open in a tab",
  found: "found by a search",
};

/** What the assistant was shown of the project. */
function Shown({ context: { files, bytes, budget, leftOut = [] } }) {
  const what = files.length === 1 ? "1 file" : `${files.length} files`;
  return html`<details class="shown soft">
    <summary>Read ${what}: ${kilobytes(bytes)} of at most ${kilobytes(budget)}</summary>
    <ul>
      ${files.map(
        ({ path, bytes: part, size, reason }) =>
          html`<li>
            <code>${path}</code>, ${REASONS[reason]}${part < size && `: the first ${kilobytes(part)}`}
          </li>`,
      )}
      ${leftOut.map((path) => html`<li><code>${path}</code>, left out: it is no text</li>`)}
    </ul>
  </details>`;
}

/** An answer, which has come or is `coming`. */
function Answer({ id, content, response, coming }) {
  const text = coming?.text ?? content;
  const context = (coming ?? response)?.context;
  return html`<article class="message answer ${coming ? "coming" : ""}" aria-busy=${coming ? "true" : undefined}>
    ${text && html`<${Markdown} text=${text} reviewOf=${reviewsOf(id)} />`}
    <${ProposalList} requestId=${id} unfit=${response?.unfit} />
    ${context && html`<${Shown} context=${context} />`}
    ${coming ? html`<${Progress} id=${id} coming=${coming} />` : html`<${Source} response=${response} />`}
  </article>`;
}

function Progress({ id, coming: { text, progress, user } }) {
  return html`<div class="row">
    <span class="soft">${text ? "Writing…" : "Thinking…"}</span>
    <progress max="100" value=${progress} aria-label="Progress"></progress>
    ${
      isMe(user) &&
      html`<button class="end" onClick=${() => attempt(() => cancel(id))}>
        <${Icon} name="stop" /> Stop
      </button>`
    }
  </div>`;
}

/** Who has answered. */
function Source({ response }) {
  return html`<footer class="soft">
    ${response?.cancelled && "stopped · "}${response?.provider} · ${response?.model}
    ${response?.usage && ` · ${response.usage.completionTokens} tokens`}
  </footer>`;
}

function Agent({ agent }) {
  return html`<div class="message row soft" role="status">
    <${Avatar} user=${agent.user} /> ${agent.message || agent.status}
    ${agent.progress !== undefined && html`<progress max="100" value=${agent.progress}></progress>`}
  </div>`;
}
