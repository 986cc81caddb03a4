// The Markdown that assistants write, as elements and never as HTML text: fenced code, tables, lists,
// headings, links, inline code, bold and italics. Everything else stays as it is. A link leads to
// http, https or mail, and nowhere else.

import { CodeBlock } from "./code_block.js";
import { html } from "./html.js";

/** `reviewOf(info)` is what the Review button of a block with that info string does, if it has one. */
export function Markdown({ text, reviewOf = () => undefined }) {
  return blocksOf(text).map((block) =>
    block.code === undefined
      ? html`<${Prose} lines=${block.lines} />`
      : html`<${CodeBlock} info=${block.info} code=${block.code} review=${reviewOf(block.info)} />`,
  );
}

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const NESTING = /\.(md|markdown|mdx)\b/;

/** Prose and fenced code, as the server takes an answer apart. An answer may end within a fence. */
export function blocksOf(text) {
  const blocks = [];
  let fence = null;
  for (const line of text.split(/\r?\n/)) {
    const opening = FENCE.exec(line);
    if (fence === null) {
      if (opening) {
        const [, indent, signs, info] = opening;
        fence = { indent: indent.length, signs, isNested: false };
        blocks.push({ info: info.trim(), code: "" });
      } else if (blocks.at(-1)?.lines) blocks.at(-1).lines.push(line);
      else blocks.push({ lines: [line] });
      continue;
    }
    const { info } = blocks.at(-1);
    if (closes(line, fence)) {
      if (!fence.isNested) {
        fence = null;
        continue;
      }
      fence.isNested = false;
    } else if (opening?.[3].trim() && NESTING.test(info)) fence.isNested = true;
    const spaces = /^ */.exec(line)[0].length;
    blocks.at(-1).code += `${line.slice(Math.min(spaces, fence.indent))}\n`;
  }
  if (fence !== null) blocks.at(-1).code = blocks.at(-1).code.replace(/\n$/, "");
  return blocks;
}

function closes(line, { signs }) {
  const bare = line.trim();
  return (
    /^ {0,3}\S/.test(line) && bare.length >= signs.length && bare === signs[0].repeat(bare.length)
  );
}

const DELIMITER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

function Prose({ lines }) {
  const blocks = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const item = /^\s*(?:([-*+])|\d{1,9}[.)])\s+(.*)/.exec(line);
    const heading = /^#{1,6}\s+(.*)/.exec(line);
    const last = blocks.at(-1);
    const list = item && (item[1] ? "ul" : "ol");
    if (line.includes("|") && isTable(line, lines[at + 1])) {
      const rows = [];
      const head = cellsOf(line);
      for (at += 2; at < lines.length && lines[at].includes("|"); at++) rows.push(cellsOf(lines[at]));
      at -= 1;
      blocks.push({ head, rows });
    } else if (item && last?.list === list) last.items.push(item[2]);
    else if (item) blocks.push({ list, items: [item[2]] });
    else if (heading) blocks.push({ heading: heading[1] });
    else if (line.trim() === "") blocks.push({});
    else if (last?.words) last.words += `\n${line}`;
    else blocks.push({ words: line });
  }
  return blocks.map(({ head, rows, list, items, heading, words }) => {
    if (head) return html`<${Table} head=${head} rows=${rows} />`;
    if (items) {
      return html`<${list}>${items.map((item) => html`<li><${Inline} text=${item} /></li>`)}</${list}>`;
    }
    if (heading) return html`<h4><${Inline} text=${heading} /></h4>`;
    return words && html`<p><${Inline} text=${words} /></p>`;
  });
}

function isTable(head, delimiter) {
  return (
    delimiter !== undefined &&
    DELIMITER.test(delimiter) &&
    cellsOf(head).length === cellsOf(delimiter).length
  );
}

/** Return the cells of a row; a \| is no end of one. */
function cellsOf(row) {
  const cells = row.trim().replace(/^\|/, "").split(/(?<!\\)\|/);
  if (cells.length > 1 && cells.at(-1).trim() === "") cells.pop();
  return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function Table({ head, rows }) {
  return html`<div class="table" tabindex="0" role="region" aria-label="Table">
    <table>
      <thead>
        <tr>${head.map((cell) => html`<th><${Inline} text=${cell} /></th>`)}</tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>${head.map((_, at) => html`<td><${Inline} text=${row[at] ?? ""} /></td>`)}</tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const INLINE = new RegExp(
  [
    "(`[^`\\n]+`)",
    "(\\*\\*[^*\\n]+\\*\\*)",
    "(?<![\\w*])(\\*[^*\\s][^*\\n]*\\*)(?![\\w*])",
    "\\[([^\\]\\n]{1,500})\\]\\(([^()\\s]{1,2000})\\)",
    "\\b(https?://[^\\s<>()\"'`]{1,2000}[^\\s<>()\"'`.,;:!?])",
  ].join("|"),
);

function Inline({ text }) {
  const pieces = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    const [whole, code, strong, emphasis, label, target, bare] = found;
    pieces.push(rest.slice(0, found.index));
    if (code) pieces.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (strong) pieces.push(html`<strong>${strong.slice(2, -2)}</strong>`);
    else if (emphasis) pieces.push(html`<em>${emphasis.slice(1, -1)}</em>`);
    else pieces.push(link(target ?? bare, label ?? bare) ?? whole);
    rest = rest.slice(found.index + whole.length);
  }
  return [...pieces, rest];
}

const SAFE = new Set(["http:", "https:", "mailto:"]);

/** Return a link that says where it leads, or null if that is no place that a link may lead to. */
function link(target, label) {
  const url = URL.parse ? URL.parse(target) : parsed(target);
  if (!url || !SAFE.has(url.protocol)) return null;
  return html`<a href=${url.href} title=${url.href} target="_blank" rel="noopener noreferrer">
    ${label}
  </a>`;
}

function parsed(target) {
  try {
    return new URL(target);
  } catch {
    return null;
  }
}
