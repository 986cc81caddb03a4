// The little Markdown that assistants write, as elements and never as HTML text: fenced code,
// lists, headings, inline code and bold. Everything else stays as it is.

import { html } from "./html.js";

export function Markdown({ text }) {
  // An answer that still streams may end within a fence.
  const pieces = text.split(/^```(.*)$/m);
  const blocks = [];
  for (let at = 0; at < pieces.length; at += 4) {
    blocks.push(html`<${Prose} text=${pieces[at]} />`);
    if (at + 2 < pieces.length) {
      blocks.push(html`<pre tabindex="0"><code>${pieces[at + 2].replace(/^\n/, "")}</code></pre>`);
    }
  }
  return blocks;
}

function Prose({ text }) {
  const blocks = [];
  for (const line of text.split("\n")) {
    const item = /^\s*(?:[-*]|\d+\.)\s+(.*)/.exec(line);
    const heading = /^#{1,6}\s+(.*)/.exec(line);
    const last = blocks.at(-1);
    if (item && last?.items) last.items.push(item[1]);
    else if (item) blocks.push({ items: [item[1]] });
    else if (heading) blocks.push({ heading: heading[1] });
    else if (line.trim() === "") blocks.push({});
    else if (last?.words) last.words += `\n${line}`;
    else blocks.push({ words: line });
  }
  return blocks.map(({ items, heading, words }) => {
    if (items)
      return html`<ul>${items.map((item) => html`<li><${Inline} text=${item} /></li>`)}</ul>`;
    if (heading) return html`<h4><${Inline} text=${heading} /></h4>`;
    return words && html`<p><${Inline} text=${words} /></p>`;
  });
}

function Inline({ text }) {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((piece) => {
    if (/^`.+`$/.test(piece)) return html`<code>${piece.slice(1, -1)}</code>`;
    if (/^\*\*.+\*\*$/.test(piece)) return html`<strong>${piece.slice(2, -2)}</strong>`;
    return piece;
  });
}
