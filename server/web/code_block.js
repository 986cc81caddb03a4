// A block of code in the chat: copied with a button, and reviewed if it is for a file.

import { useState } from "preact/hooks";
import { copyText } from "./clipboard.js";
import { Icon, html } from "./html.js";
import { attempt } from "./state.js";

const COPIED_MILLISECONDS = 2_000;

export function CodeBlock({ info, code, review }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () =>
    attempt(async () => {
      await copyText(code);
      setCopied(true);
      setTimeout(() => setCopied(false), COPIED_MILLISECONDS);
    });
  return html`<figure class="code">
    <figcaption class="row">
      <span class="name">${info}</span>
      ${
        review &&
        html`<button onClick=${() => attempt(review)}><${Icon} name="review" /> Review</button>`
      }
      <button onClick=${copy}>
        <${Icon} name=${isCopied ? "check" : "copy"} /> ${isCopied ? "Copied" : "Copy"}
      </button>
    </figcaption>
    <pre tabindex="0" aria-label=${info ? `Code: ${info}` : "Code"}><code>${code}</code></pre>
  </figure>`;
}
