// Reads an AsyncAPI document and prints what the official parser makes of it, as one line of JSON.
// Usage: node asyncapi.mjs FILE

import { readFileSync } from "node:fs";

import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
console.log(
  JSON.stringify({
    diagnostics,
    operations: document?.operations().all().map((one) => [one.id(), one.action()]) ?? [],
  }),
);
