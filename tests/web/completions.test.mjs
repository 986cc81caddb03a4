// When names are offered to complete a word with (completions.js).

import assert from "node:assert/strict";
import test from "node:test";
import { completionStatus } from "../../server/web/node_modules/@codemirror/autocomplete/dist/index.js";
import { javascript } from "../../server/web/node_modules/@codemirror/lang-javascript/dist/index.js";
import { EditorState } from "../../server/web/node_modules/@codemirror/state/dist/index.js";
import { completions } from "../../server/web/completions.js";

const LINE = "const name = 1;\n";

/** Return whether names are looked for when a key is typed, and the state after it. */
function typed(state) {
  const next = state.update({ changes: { from: 0, insert: "n" }, userEvent: "input.type" }).state;
  return [completionStatus(next), next];
}

test("in a long text names are offered on request only, also once it has become one", () => {
  const opened = (doc) => EditorState.create({ doc, extensions: [javascript(), completions(doc)] });
  let [status, state] = typed(opened(LINE));
  assert.equal(status, "pending");
  [status, state] = typed(state.update({ changes: { from: 0, insert: LINE.repeat(7_000) } }).state);
  assert.equal(status, null);
  [status] = typed(opened(LINE.repeat(7_000)));
  assert.equal(status, null);
  [status] = typed(state.update({ changes: { from: LINE.length, to: state.doc.length } }).state);
  assert.equal(status, "pending");
});
