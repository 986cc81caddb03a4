// A key does not wait for the colours of a long text, and these become the same as without a key.

import assert from "node:assert/strict";
import test from "node:test";
import { createRequire } from "node:module";
import { PatientParser, quickly } from "../../server/web/patient_parser.js";

const require = createRequire(new URL("../../server/web/package.json", import.meta.url));
const { javascriptLanguage } = require("@codemirror/lang-javascript");
const { Parser, TreeFragment } = require("@lezer/common");

const FUNCTION = "function f(a, b) {\n  if (a > b) return `${a}`;\n  return [b, { a: 1 }];\n}\n";
const TEXT = FUNCTION.repeat(1_000);

/** A parser that counts its steps. */
class Counting extends Parser {
  steps = 0;

  createParse(...args) {
    const parse = javascriptLanguage.parser.createParse(...args);
    const { advance } = parse;
    parse.advance = () => {
      this.steps += 1;
      return advance.call(parse);
    };
    return parse;
  }
}

/** What a parser makes of the text as long as it may, as CodeMirror keeps it. */
function parsed(parser, fragments) {
  const parse = parser.startParse(TEXT, fragments);
  for (;;) {
    const tree = parse.advance();
    if (tree) return { tree, fragments: TreeFragment.addTree(tree, fragments, parse.stoppedAt !== null) };
  }
}

test("keys go a few steps each, one after the other, and the rest is for idle time", () => {
  const counting = new Counting();
  let now = 0;
  // Time passes only while somebody looks at the clock: 4 milliseconds are 200 times 25 steps.
  const clock = () => (now += 0.02);
  const parser = new PatientParser(counting, clock);
  let state = { tree: null, fragments: [] };
  let length = 0;
  for (let key = 0; key < 5; key++) {
    const before = counting.steps;
    state = quickly(() => parsed(parser, state.fragments), clock);
    assert.ok(counting.steps - before < 5_300, `${counting.steps - before} steps`);
    assert.ok(length < state.tree.length && state.tree.length < TEXT.length);
    length = state.tree.length;
  }
  const { tree } = parsed(parser, state.fragments);
  assert.equal(tree.toString(), javascriptLanguage.parser.parse(TEXT).toString());
});

test("a key takes a parse that was cut for all that it asked for", () => {
  const clock = () => performance.now();
  let parse;
  quickly(
    () => {
      parse = new PatientParser(javascriptLanguage.parser, () => Infinity).startParse(TEXT);
      while (!parse.advance());
    },
    clock,
  );
  assert.equal(parse.stoppedAt, TEXT.length);
});
