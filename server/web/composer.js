// Where one writes a message. What is typed is kept until it is sent, and an @ offers what it may mean.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { sayTyping } from "./chat.js";
import { Icon, html } from "./html.js";
import { attempt, toast } from "./state.js";
import { wordsOf } from "./words.js";

/**
 * `names` are those of what is kept, `send(text, key)` sends it, `offer(word, isFirst)` returns what is
 * offered after an @, as {shown, inserted}; `isFirst` where the text begins with it. `disabled` says
 * why nothing can be written.
 */
export function Composer(props) {
  const { app, names, label, placeholder, maxlength, disabled, offer, send, children } = props;
  const field = useRef(null);
  const words = wordsOf(...names);
  const [word, setWord] = useState(null);
  const offered = word === null ? [] : offer(word.text, word.isFirst);
  useLayoutEffect(() => {
    field.current.value = words.text;
  }, [words]);
  const submit = async (event) => {
    event.preventDefault();
    const text = field.current.value;
    if (!text.trim()) return;
    // Before one is known again, it would be sent as somebody else's.
    if (app.connection !== "online") return toast("Offline: what you typed stays here", "problem");
    field.current.value = "";
    setWord(null);
    sayTyping(false);
    const key = words.send(text);
    const isThere = await attempt(() => send(text, key).then(() => true));
    words.sent(key, isThere);
    // It may have been drawn anew for another project.
    if (!isThere && field.current) field.current.value = words.text;
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
    words.type(field.current.value);
    sayTyping(field.current.value !== "");
    setWord(wordBefore(field.current));
  };
  function choose({ inserted }) {
    const { selectionStart: at } = field.current;
    field.current.setRangeText(`${inserted} `, at - word.text.length - 1, at, "end");
    setWord(null);
    words.type(field.current.value);
    field.current.focus();
  }
  return html`<form class="composer" onSubmit=${submit}>
    ${children}
    ${
      offered.length > 0 &&
      html`<div class="offered" role="group" aria-label="What the @ may mean">
        ${offered.map(
          (one) => html`<button type="button" onClick=${() => choose(one)}>${one.shown}</button>`,
        )}
      </div>`
    }
    <div class="row">
      <textarea
        ref=${field}
        rows="2"
        maxlength=${maxlength}
        disabled=${disabled !== undefined}
        placeholder=${disabled ?? placeholder}
        aria-label=${label}
        onInput=${input}
        onKeyDown=${keyDown}
      ></textarea>
      <button class="primary" aria-label="Send" disabled=${disabled !== undefined}>
        <${Icon} name="send" />
      </button>
    </div>
  </form>`;
}

/** What is typed after the last @ before the cursor, and whether the text begins there; or null. */
function wordBefore({ value, selectionStart }) {
  const before = value.slice(0, selectionStart);
  const found = /(?:^|\s)@(\S{0,200})$/.exec(before);
  return found && { text: found[1], isFirst: /^\s*@\S*$/.test(before) };
}
