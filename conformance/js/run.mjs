// Runs the test files that are named, or all, each in a process of its own; see README.md.
// Usage: node run.mjs [FLAG OF NODE]… [FILE]…
import { spawn } from "node:child_process";
import { once } from "node:events";
import { startForks } from "./processes.mjs";

if ((process.env.FIXTURE ?? "python") === "python") process.env.FORKS = await startForks();
const flags = ["--test", "--test-concurrency=4", "--test-timeout=240000"];
const tests = spawn(process.execPath, [...flags, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => tests.kill(signal));
[process.exitCode] = await once(tests, "exit");
