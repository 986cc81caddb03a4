// Where one writes to the assistant: what goes along with the message is shown, and an @ offers files.

import { useEffect, useRef, useState } from "preact/hooks";
import { contextOf, sayTyping, send } from "./chat.js";
import { Icon, html } from "./html.js";
import { onLiveUpdate } from "./live_editor.js";
import { mayEdit } from "./project.js";
import { attempt } from "./state.js";

const OFFERED = 6;

export function Composer({ app }) {
  const field = useRef(null);
  const [word, setWord] = useState(null);
  const offered = word === null ? [] : filesLike(app.project.files, word);
  const submit = async (event) => {
    event.preventDefault();
    const text = field.current.value;
    if (!text.trim()) return;
    field.current.value = "";
    setWord(null);
    sayTyping(false);
    const sent = await attempt(() => send(text).then(() => true));
    if (!sent && !field.current.value) field.current.value = text;
  };
  const keyDown = (event) => {
    if (event.key === "Escape") setWord(null);
    if (event.key === "Tab" && !event.shiftKey && offered.length > 0) {
      event.preventDefault();
      choose(offered[0]);
    }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  };
  const input = () => {
    sayTyping(field.current.value !== "");
    setWord(wordBefore(field.current));
  };
  function choose(path) {
    const { selectionStart: at } = field.current;
    field.current.setRangeText(`${path} `, at - word.length, at, "end");
    setWord(null);
    field.current.focus();
  }
  return html`<form class="composer" onSubmit=${submit}>
    ${mayEdit() && html`<${Along} app=${app} />`}
    ${
      offered.length > 0 &&
      html`<div class="offered" role="group" aria-label="Files to add">
        ${offered.map(
          (path) => html`<button type="button" onClick=${() => choose(path)}>${path}</button>`,
        )}
      </div>`
    }
    <div class="row">
      <textarea
        ref=${field}
        rows="2"
        maxlength="32768"
        disabled=${!mayEdit()}
        placeholder=${mayEdit() ? "Ask the assistant… @ adds a file" : "Viewers may only read"}
        aria-label="Message to the assistant"
        onInput=${input}
        onKeyDown=${keyDown}
      ></textarea>
      <button class="primary" aria-label="Send" disabled=${!mayEdit()}>
        <${Icon} name="send" />
      </button>
    </div>
  </form>`;
}

/** What is typed after the last @ before the cursor, or null. */
function wordBefore({ value, selectionStart }) {
  return /(?:^|\s)@(\S{0,200})$/.exec(value.slice(0, selectionStart))?.[1] ?? null;
}

/** Some paths that have this in them; those whose name begins with it first. */
function filesLike(files, word) {
  const sought = word.toLowerCase();
  const found = [...files.keys()].filter((path) => path.toLowerCase().includes(sought));
  const begins = (path) => path.split("/").at(-1).toLowerCase().startsWith(sought);
  return found.sort((a, b) => begins(b) - begins(a) || a.localeCompare(b)).slice(0, OFFERED);
}

/** What the assistant is shown with the next message. */
function Along({ app }) {
  const { budget } = app.project.assistant;
  const [, draw] = useState(0);
  useEffect(() => onLiveUpdate((update) => update.selectionSet && draw((count) => count + 1)), []);
  const { currentFile, selection } = contextOf() ?? {};
  if (!currentFile) return null;
  const lines = selection ? selection.end.line - selection.start.line + 1 : 0;
  const chosen = lines === 1 ? "1 line selected" : `${lines} lines selected`;
  return html`<p class="along soft">
    With <code>${currentFile.split("/").at(-1)}</code>${lines > 0 && `, ${chosen}`}
    ${budget > 0 && ` · up to ${kilobytes(budget)} of the project`}
  </p>`;
}

/** A number of bytes in words. */
export function kilobytes(bytes) {
  return bytes < 1_000 ? `${bytes} bytes` : `${(bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
}
