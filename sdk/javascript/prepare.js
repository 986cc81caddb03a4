// Run by npm when it has installed this package.
//
// Of a folder (`npm install PATH`) npm makes a link, and leaves it without what it depends on: Node.js
// looks for that beside the folder, not beside the link.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

try {
  const { resolve } = createRequire(import.meta.url);
  for (const name of ["socket.io-client", "@codemirror/state"]) resolve(name);
} catch {
  // Without scripts, or this one would run again.
  execFileSync("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: "inherit",
    shell: process.platform === "win32",
  });
}
