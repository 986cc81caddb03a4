// Which paths a few letters mean, how addresses are written and read, and what the server says.

import assert from "node:assert/strict";
import test from "node:test";
import { format, parse } from "../../server/web/address.js";
import { best, places, prepared } from "../../server/web/fuzzy.js";
import { visible } from "../../server/web/paths.js";
import { sentence } from "../../server/web/sentence.js";

test("an address says what it was made of, and reads what people write", () => {
  for (const place of [
    { id: "p", path: "a b/ü:1#?%.txt", line: 12 },
    { id: "p-1", path: "x:9", line: undefined },
    { id: "p", path: "", line: undefined },
  ]) {
    assert.deepEqual(parse(format(place)), place);
  }
  assert.equal(format({ id: "p", path: "a:1/b", line: 1 }), "#p/a%3A1/b");
  assert.equal(format({ id: "p", path: "a", line: 2 }), "#p/a:2");
  assert.equal(format({ id: "p", path: "", line: 7 }), "#p");
  assert.equal(format({ id: undefined, path: "a" }), "");
  assert.deepEqual(parse(""), { id: "", path: "", line: undefined });
  assert.deepEqual(parse("#p/%zz:0"), { id: "p", path: "%zz", line: 1 });
  assert.deepEqual(parse("#p/a:1234567890"), { id: "p", path: "a:1234567890", line: undefined });
});

test("a name that differs only in what cannot be seen looks like no other one", () => {
  for (const [name, shown] of [
    ["one.txt ", "one.txt␣"],
    ["  one\u200b.txt", "␣␣one⟨200B⟩.txt"],
    ["one\u00a0", "one⟨00A0⟩"],
    ["one\u3164", "one⟨3164⟩"],
    ["a name.txt", "a name.txt"],
    ["نامه\u200cها.txt", "نامه\u200cها.txt"],
    ["👩\u200d💻.md", "👩\u200d💻.md"],
  ]) {
    assert.equal(visible(name), shown);
  }
});

test("the best paths come first", () => {
  const paths = ["src/app/helper.js", "src/App.jsx", "docs/snap.md", "lib/a_p_p.txt", "zap/x.js"];
  const order = (query, recent = []) => best(query, prepared(paths, recent));
  assert.deepEqual(order("app"), ["src/App.jsx", "src/app/helper.js", "lib/a_p_p.txt"]);
  assert.deepEqual(best("app", prepared(["src/snapper.js", "app.js"], [])), ["app.js", "src/snapper.js"]);
  assert.deepEqual(order("sah"), ["src/app/helper.js"]);
  assert.deepEqual(order("ap", ["docs/snap.md"]).slice(0, 2), ["src/App.jsx", "docs/snap.md"]);
  assert.deepEqual(order("", ["zap/x.js", "gone.txt", "src/App.jsx"]), ["zap/x.js", "src/App.jsx"]);
  assert.deepEqual(order("SRC APP.J"), ["src/App.jsx", "src/app/helper.js"]);
  assert.deepEqual(order("xyz"), []);
  assert.deepEqual(places("aj", "src/App.jsx"), [4, 8]);
  assert.deepEqual(places("src", "src/App.jsx"), [0, 1, 2]);
  assert.deepEqual(places("sjx", "src/App.jsx"), [0, 8, 10]);
});

test("letters at the beginnings of words count more than letters in a row", () => {
  assert.deepEqual(best("afb", prepared(["azfb.js", "a_f_b.js"], [])), ["a_f_b.js", "azfb.js"]);
});

test("of many paths the fifty best are there, whatever their order", () => {
  // The shorter, the better. A step of 37 goes through all of a hundred.
  const paths = Array.from({ length: 100 }, (_, number) => `x${"y".repeat((number * 37) % 100)}.js`);
  const shortest = paths.toSorted((one, other) => one.length - other.length);
  assert.deepEqual(best("x", prepared(paths, [])), shortest.slice(0, 50));
});

test("what the server says of a failure is a sentence", () => {
  for (const [said, shown] of [
    ["the name or the password is wrong", "The name or the password is wrong"],
    ["'ada' may not change files", "'ada' may not change files"],
    ["$.query is no regular expression", "The query is no regular expression"],
    ["$.include[0] is 1, expected a glob", "The include is 1, expected a glob"],
    ["$.file.baseRevision is -1", "The base revision is -1"],
    ["$ is 2 arguments", "$ is 2 arguments"],
    ["", ""],
  ]) {
    assert.equal(sentence(said), shown);
  }
});
