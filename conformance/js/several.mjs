// Runs test files in this process, each as a suite: its hooks are for its own tests.
// Usage: node several.mjs FILE…
import { basename, resolve } from "node:path";
import { describe } from "node:test";
import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
  describe(basename(file), () => import(pathToFileURL(resolve(file))));
}
