// CodeMirror's change sets behind a pipe: one JSON request a line in, one JSON answer a line out.
//
//   {text, a, b, c} -> {map, before, compose, applied, mappedText}
//
// `a` and `b` are for `text`, `c` is for the text after `a`. With a number as its argument it writes
// so many random cases with their answers instead: `node codemirror.mjs 300 > changes.json`.

import { createInterface } from "node:readline";
import { ChangeSet, Text } from "../../../server/web/node_modules/@codemirror/state/dist/index.js";

function answer({ text, a, b, c }) {
  const doc = Text.of(text.split("\n"));
  const [one, other, next] = [a, b, c].map((json) => ChangeSet.fromJSON(json));
  return {
    map: one.map(other).toJSON(),
    before: one.map(other, true).toJSON(),
    compose: one.compose(next).toJSON(),
    applied: one.apply(doc).toString(),
    mappedText: one.map(other).apply(other.apply(doc)).toString(),
  };
}

// Mulberry32: the same cases each time.
function chance(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const PIECES = ["a", "b", "\n", "word", "\n\n", "é", "漢", "😀", "\ud83d", "\ude00", "x\ny"];

function randomText(below, most) {
  let text = "";
  for (let count = below(most); count > 0; count--) text += PIECES[below(PIECES.length)];
  return text;
}

function randomChange(below, doc) {
  const specs = [];
  for (let count = below(5); count > 0; count--) {
    const from = below(doc.length + 1);
    const to = below(2) ? from : Math.min(doc.length, from + below(6));
    specs.push({ from, to, insert: Text.of(randomText(below, 4).split("\n")) });
  }
  return ChangeSet.of(specs, doc.length);
}

function randomCase(below) {
  const text = randomText(below, 12);
  const doc = Text.of(text.split("\n"));
  const a = randomChange(below, doc);
  const b = randomChange(below, doc);
  const c = randomChange(below, a.apply(doc));
  const asked = { text, a: a.toJSON(), b: b.toJSON(), c: c.toJSON() };
  return { ...asked, ...answer(asked) };
}

// As ASCII, so that halves of surrogate pairs survive the pipe.
function line(value) {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

const count = Number(process.argv[2] ?? 0);
if (count > 0) {
  const below = chance(7);
  const cases = Array.from({ length: count }, () => line(randomCase(below)));
  console.log(`[\n${cases.join(",\n")}\n]`);
} else {
  for await (const request of createInterface({ input: process.stdin })) {
    console.log(line(answer(JSON.parse(request))));
  }
}
