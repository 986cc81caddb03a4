// Reads an AsyncAPI document and prints what the official parser makes of it, as one line of JSON.
// Usage: node asyncapi.mjs FILE
//
// The parser checks the whole channel again for each operation that names it. So it gets the
// operations in parts, each with what these refer to: documents like the whole one, which together
// have all of it.

import { readFileSync } from "node:fs";

import { Parser } from "@asyncapi/parser";
import yaml from "js-yaml";

const OPERATIONS = 25;
const MESSAGES = "channels/main/messages";
const SCHEMAS = "components/schemas";

const whole = yaml.load(readFileSync(process.argv[2], "utf8"));
const { channels, components } = whole;

/** Those of a section that the content refers to, also by what it refers to. */
function named(path, section, content, found = {}) {
  for (const [, key] of JSON.stringify(content).matchAll(new RegExp(`"#/${path}/([^"]+)"`, "g"))) {
    if (key in found) continue;
    found[key] = section[key];
    named(path, section, section[key], found);
  }
  return found;
}

/** The document with these operations alone. */
function part(operations) {
  const { main } = channels;
  const ours = named(MESSAGES, main.messages, operations);
  const messages = Object.fromEntries(
    Object.entries(components.messages).filter(([name]) => name in ours),
  );
  const others = { ...components, messages, schemas: {} };
  return {
    ...whole,
    operations,
    channels: { ...channels, main: { ...main, messages: ours } },
    components: { ...others, schemas: named(SCHEMAS, components.schemas, others) },
  };
}

const parser = new Parser();
const found = { diagnostics: [], operations: [], messages: [], schemas: [] };
const operations = Object.entries(whole.operations);
while (operations.length) {
  const some = part(Object.fromEntries(operations.splice(0, OPERATIONS)));
  const { document, diagnostics } = await parser.parse(some);
  found.diagnostics.push(...diagnostics);
  if (!document) break;
  found.operations.push(...document.operations().all().map((one) => [one.id(), one.action()]));
  for (const kind of ["messages", "schemas"]) found[kind].push(...Object.keys(some.components[kind]));
}
// What nothing refers to has been in no part.
const unused = (kind) => Object.keys(components[kind]).filter((name) => !found[kind].includes(name));
console.log(
  JSON.stringify({
    diagnostics: found.diagnostics,
    operations: found.operations,
    unused: [...unused("messages"), ...unused("schemas")],
  }),
);
