// Runs the test files that are named, or all, in as many processes as --test-concurrency says; see
// README.md. To start a process and to read the client takes as long as what is in most files, so a
// process has several.
// Usage: node run.mjs [FLAG OF NODE]… [FILE]…
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startForks } from "./processes.mjs";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const CONCURRENCY = "--test-concurrency=";
// Milliseconds; only what hangs takes as long.
const PATIENCE = 600_000;

const running = [];
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => running.forEach((tests) => tests.kill(signal)));
}

const words = process.argv.slice(2);
const isFile = (word) => word.endsWith(".test.mjs");
const named = words.filter(isFile);
const all = () => readdirSync(FOLDER).filter(isFile).map((name) => join(FOLDER, name));
const files = named.length ? named : all();
const asked = words.find((word) => word.startsWith(CONCURRENCY))?.slice(CONCURRENCY.length) ?? 4;
const count = Math.min(Number(asked), files.length);
if (!(count >= 1)) throw new Error(`${CONCURRENCY}${asked}: expected a number of processes`);
const flags = words.filter((word) => !isFile(word) && !word.startsWith(CONCURRENCY));
if (!flags.some((flag) => flag.startsWith("--test-reporter"))) flags.push("--test-reporter=spec");

/** Run every `count`th file in one process. Return whether all tests passed. */
async function passes(first) {
  const own = files.filter((_, at) => at % count === first);
  const tests = spawn(process.execPath, [...flags, join(FOLDER, "several.mjs"), ...own], {
    stdio: ["ignore", count === 1 ? "inherit" : "pipe", "inherit"],
    timeout: PATIENCE,
  });
  running.push(tests);
  // Not line by line between what the others print.
  let printed = "";
  tests.stdout?.setEncoding("utf8").on("data", (text) => (printed += text));
  const [code] = await once(tests, "close");
  process.stdout.write(printed);
  return code === 0;
}

if ((process.env.FIXTURE ?? "python") === "python") process.env.FORKS = await startForks();
const passed = await Promise.all(Array.from({ length: count }, (_, first) => passes(first)));
process.exitCode = passed.every(Boolean) ? 0 : 1;
