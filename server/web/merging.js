// Putting a proposal into a text that has gone on since it was made.

import { Change } from "@codemirror/merge";
import { ChangeSet, Text } from "@codemirror/state";

export const textOf = (content) => Text.of(content.split(/\r\n?|\n/));

/**
 * The change that makes one text another: lines that are once in each hold the two together, and what
 * is between them is replaced, but for its equal beginning and end. Comparing letter by letter would
 * put parts of lines that are alike into each other.
 */
export function difference(before, after) {
  const parts = partsOf(before.toJSON(), after.toJSON());
  return ChangeSet.of(parts.map(withText), before.length);
}

const withText = ({ from, to, insert }) => ({ from, to, insert: textOf(insert) });

/** The same for the view of both. */
export const DIFF = {
  override(before, after) {
    let moved = 0;
    return partsOf(before.split("\n"), after.split("\n")).map(({ from, to, insert }) => {
      const start = from + moved;
      moved += insert.length - (to - from);
      return new Change(from, to, start, start + insert.length);
    });
  },
};

/** `{from, to, insert}` of each part that differs, of lines. */
function partsOf(old, text) {
  const length = old.reduce((sum, line) => sum + line.length + 1, -1);
  const parts = [];
  let from = 0;
  let [atOld, at] = [0, 0];
  for (const [one, other] of [...anchors(old, text), [old.length, text.length]]) {
    const [gone, come] = [old.slice(atOld, one), text.slice(at, other)];
    // As many lines are most likely those lines.
    const blocks = gone.length === come.length ? gone.map((line, n) => [[line], [come[n]]]) : [[gone, come]];
    for (const [before, after] of blocks) {
      const block = ended(before);
      const part = trimmed(block, ended(after), from);
      if (part) parts.push(within(part, length));
      from += block.length;
    }
    from += (old[one] ?? "").length + 1;
    [atOld, at] = [one + 1, other + 1];
  }
  return parts;
}

/** Lines, each with its end: the last line of a text has one here as well. */
function ended(lines) {
  return lines.map((line) => `${line}\n`).join("");
}

/** Return a part of a text without the end that its last line has only here. */
function within({ from, to, insert }, length) {
  // Lines after the last one; or the last ones go, with the end of the one before.
  if (from > length) return { from: length, to: length, insert: `\n${insert.slice(0, -1)}` };
  if (to > length) return { from: Math.max(0, from - 1), to: length, insert };
  return { from, to, insert };
}

const isWord = (unit) => unit !== undefined && /[\p{L}\p{N}\ud800-\udfff]/u.test(unit);
const cuts = (text, at) => isWord(text[at - 1]) && isWord(text[at]);

function trimmed(old, text, offset) {
  const most = Math.min(old.length, text.length);
  let start = 0;
  while (start < most && old[start] === text[start]) start++;
  while (start > 0 && (cuts(old, start) || cuts(text, start))) start--;
  let end = 0;
  while (end < most - start && old.at(-1 - end) === text.at(-1 - end)) end++;
  while (end > 0 && (cuts(old, old.length - end) || cuts(text, text.length - end))) end--;
  const [from, to] = [offset + start, offset + old.length - end];
  const insert = text.slice(start, text.length - end);
  return from === to && insert === "" ? null : { from, to, insert };
}

/** Return the places of lines that are once in each, as many as have one order in both. */
function anchors(old, text) {
  const places = onceIn(text);
  const pairs = [...onceIn(old)]
    .filter(([line]) => places.has(line))
    .map(([line, at]) => [at, places.get(line)]);
  // The longest increasing row of places: of each length the smallest end, and where it came from.
  const ends = [];
  const from = [];
  for (let number = 0; number < pairs.length; number++) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]][1] < pairs[number][1]) low = middle + 1;
      else high = middle;
    }
    from[number] = low > 0 ? ends[low - 1] : -1;
    ends[low] = number;
  }
  const row = [];
  for (let number = ends.at(-1) ?? -1; number >= 0; number = from[number]) row.push(pairs[number]);
  return row.reverse();
}

/** Return the lines that are in a text once, in their order, and where. */
function onceIn(lines) {
  const found = new Map();
  lines.forEach((line, at) => found.set(line, found.has(line) ? -1 : at));
  return new Map([...found].filter(([, at]) => at >= 0));
}

/** Return the change that accepts one chunk: whole lines. */
export function acceptance(chunk, before, after) {
  const end = Math.min(Math.max(chunk.fromB, chunk.toB - 1), after.length);
  let insert = after.slice(chunk.fromB, end);
  if (chunk.fromB !== chunk.toB && chunk.toA <= before.length) insert = insert.append(Text.of(["", ""]));
  const to = Math.min(before.length, chunk.toA);
  return ChangeSet.of({ from: chunk.fromA, to, insert }, before.length);
}

/**
 * What a proposal makes of the text as it is now: `content` was made from `base`, and so was `present`
 * by others. What they have done as well, such as a part that was accepted before, is not done twice.
 */
export function merged(base, content, present) {
  if (base.eq(present)) return content;
  const theirs = partsOf(base.toJSON(), present.toJSON());
  const done = new Set(theirs.map(nameOf));
  const proposed = partsOf(base.toJSON(), content.toJSON());
  const left = proposed.filter((part) => !done.has(nameOf(part)));
  return ChangeSet.of(left.map(withText), base.length)
    .map(ChangeSet.of(theirs.map(withText), base.length))
    .apply(present);
}

function nameOf({ from, to, insert }) {
  return `${from} ${to} ${insert}`;
}

/**
 * A proposal that is still being written, as it would be with the rest of the text left as it is.
 * `Streaming` remembers how far in the text it has come, so that each line is looked for once.
 */
export class Streaming {
  #present;
  #lines = 0;
  #at = 0;

  constructor(present) {
    this.#present = present;
  }

  /** The whole text for what has been written until now. */
  text(content) {
    const written = content.split("\n");
    // The last line may not be whole.
    for (; this.#lines < written.length - 1; this.#lines++) this.#pass(written[this.#lines]);
    const rest = [];
    for (let number = this.#at + 1; number <= this.#present.lines; number++) {
      rest.push(this.#present.line(number).text);
    }
    if (rest.length === 0) return Text.of(written);
    const start = written.at(-1) === "" ? written.slice(0, -1) : written;
    return Text.of([...start, ...rest]);
  }

  #pass(line) {
    const most = Math.min(this.#present.lines, this.#at + LINES_AHEAD);
    for (let number = this.#at + 1; line.trim() && number <= most; number++) {
      if (this.#present.line(number).text === line) {
        this.#at = number;
        return;
      }
    }
  }
}

const LINES_AHEAD = 100;
