// Processes of the fixtures: of Node each is started; of Python each is a fork of one process that has
// read its modules, which all test files of a run share (run.mjs).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const ROOT = here("../../");

/**
 * Start a server with these options; each line that it prints goes to `told`, also of its errors. It
 * has `input`, `kill(signal)`, and `ended`: a promise of its exit code.
 */
export function startProcess(fixture, options, told) {
  return fixture === "node" ? spawned(options, told) : forked(options, told);
}

async function spawned(options, told) {
  const child = spawn(process.execPath, [here("fixtures/node.mjs"), JSON.stringify(options)]);
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", told);
  }
  await once(child, "spawn");
  // Its output has ended by then.
  const ended = new Promise((done) => child.once("close", done));
  return { input: child.stdin, kill: (signal) => child.kill(signal), ended };
}

let ownForks;

async function forked(options, told) {
  const port = process.env.FORKS ?? (await (ownForks ??= startForks()));
  const connection = connect({ host: "127.0.0.1", port, noDelay: true });
  connection.write(`${JSON.stringify(options)}\n`);
  let id, code;
  const started = new Promise((done, failed) => {
    connection.on("error", failed);
    createInterface({ input: connection }).on("line", (line) => {
      const [, word, number] = /^(process|ended) (-?\d+)$/.exec(line) ?? [];
      if (word === "process") done((id = Number(number)));
      else if (word === "ended") code = Number(number);
      else told(line);
    });
  });
  await started;
  const ended = new Promise((done) => connection.once("close", () => done(code)));
  const kill = (signal) => code === undefined && signalTo(id, signal);
  return { input: connection, kill, ended };
}

/** Send a signal to a process, if it is still there. */
function signalTo(id, signal) {
  try {
    process.kill(id, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Start the process that forks servers, until this one ends. Return the port that it listens on. */
export async function startForks() {
  const python = process.env.PYTHON ?? "../../.venv/bin/python";
  const program = python.includes("/") ? resolve(here("."), python) : python;
  const child = spawn(program, [here("fixtures/python_forks.py")], {
    env: { ...process.env, PYTHONPATH: ROOT },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const failed = once(child, "exit").then(
    ([code]) => Promise.reject(new Error(`${program} ended with code ${code}`)),
    (error) => Promise.reject(new Error(`cannot start ${program}: ${error.message}`)),
  );
  const printed = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(printed, "line"), failed]);
  failed.catch(() => {});
  // It ends with its input, and keeps nobody waiting.
  for (const one of [child, child.stdin, child.stdout]) one.unref();
  return line.slice("ready ".length);
}
