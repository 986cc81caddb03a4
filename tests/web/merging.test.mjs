// How a proposal is put into a text that has gone on since (server/web/merging.js).
//
// Invariants:
// - What both sides change apart from each other is all there, and what both do alike is there once.
// - Accepting all changes one by one, in whatever order, gives the proposal.
// - A proposal that is half written leaves the rest of the text as it is.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { DIFF, Streaming, acceptance, difference, merged, textOf } from "../../server/web/merging.js";

const require = createRequire(new URL("../../server/web/package.json", import.meta.url));
const { Chunk } = require("@codemirror/merge");

let seed = 1;
/** The next of a row of numbers below `most`, the same in every run. */
function random(most) {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % most;
}

/** A text of distinct lines, each as `side` has left it: as it was, changed, taken out, or followed. */
function made(sides, side) {
  return textOf(
    sides
      .map((one, at) => [`line ${at} of it`, one === side || one === "both" ? at % 3 : null])
      .flatMap(([line, what], at) => {
        if (what === 0) return [`${line} by ${sides[at]}`];
        if (what === 1) return [];
        return what === 2 ? [line, `after ${at} by ${sides[at]}`] : [line];
      })
      .join("\n"),
  );
}

test("what both sides change apart from each other is all there", () => {
  for (let round = 0; round < 300; round++) {
    const sides = [];
    // An unchanged line is between any two that are changed.
    for (let at = 0; at < 30; at++) sides.push(at % 2 ? "" : ["", "me", "them", "both"][random(4)]);
    const base = textOf(sides.map((_, at) => `line ${at} of it`).join("\n"));
    const [mine, theirs] = [made(sides, "me"), made(sides, "them")];
    const all = made(
      sides.map((one) => (one ? "both" : "")),
      "both",
    );
    const named = (text) => text.toString().replace(/ by \w+/g, "");
    const result = merged(base, mine, theirs);
    assert.equal(named(result), named(all));
    // Where the others have done nothing, the proposal is all; so is what they did, where it is nothing.
    assert.equal(merged(base, mine, base).toString(), mine.toString());
    assert.equal(merged(base, base, theirs).toString(), theirs.toString());
    // Once more changes nothing.
    assert.equal(merged(base, mine, result).toString(), result.toString());
  }
});

test("accepting change by change gives the proposal", () => {
  const letters = ["a", "b", "", "c d", "\u{1f600}"];
  const text = () => textOf(Array.from({ length: random(9) }, () => letters[random(5)]).join("\n"));
  for (let round = 0; round < 2_000; round++) {
    let present = text();
    const proposal = text();
    assert.equal(difference(present, proposal).apply(present).toString(), proposal.toString());
    let chunks = Chunk.build(present, proposal, DIFF);
    for (let left = 50; chunks.length > 0 && left > 0; left--) {
      const chunk = chunks[random(chunks.length)];
      present = acceptance(chunk, present, proposal).apply(present);
      chunks = Chunk.build(present, proposal, DIFF);
    }
    assert.equal(present.toString(), proposal.toString());
  }
});

test("accepting a change takes its lines and no others", () => {
  const [present, proposal] = [textOf("a\nb\nc\nd\ne"), textOf("a\nB\nc\nd\ne\nf")];
  assert.deepEqual(
    Chunk.build(present, proposal, DIFF).map((chunk) => acceptance(chunk, present, proposal).apply(present).toString()),
    ["a\nB\nc\nd\ne", "a\nb\nc\nd\ne\nf"],
  );
});

test("a proposal that is half written leaves the rest as it is", () => {
  assert.equal(new Streaming(textOf("a\nb\nc\nd")).text("a\n").toString(), "a\nb\nc\nd");
  const streaming = new Streaming(textOf("a\nb\nc\nd"));
  assert.equal(streaming.text("").toString(), "a\nb\nc\nd");
  assert.equal(streaming.text("A").toString(), "A\na\nb\nc\nd");
  assert.equal(streaming.text("A\nb\n").toString(), "A\nb\nc\nd");
  assert.equal(streaming.text("A\nb\nx").toString(), "A\nb\nx\nc\nd");
  assert.equal(streaming.text("A\nb\nx\nd\n").toString(), "A\nb\nx\nd\n");
});
