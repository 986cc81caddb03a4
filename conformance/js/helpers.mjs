// What every test file uses: a server fixture in its own process, official clients that close with
// their test, and waiting that ends with a message instead of hanging.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { io } from "socket.io-client";
import { startProcess } from "./processes.mjs";

export const FIXTURE = process.env.FIXTURE ?? "python";
assert.ok(["node", "python"].includes(FIXTURE), `FIXTURE=${FIXTURE}: expected "node" or "python"`);

// A limit for what happens at once; being slower or faster below it decides no test.
const PATIENCE = 60_000;
// Signs of an error that the server neither expected nor handled.
const ACCIDENT =
  /Traceback|never retrieved|was destroyed but it is pending|never awaited|Uncaught|at .*\.[cm]?js:\d/;

/** The ways to connect that most cases run over. The last one waits for the upgrade to finish. */
export const TRANSPORTS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  "polling upgraded to websocket": { transports: ["polling", "websocket"] },
};

/** Add a test for each way to connect; `body(t, options)` gets the options of the client. */
export function overEachTransport(test, name, body) {
  for (const [transport, options] of Object.entries(TRANSPORTS)) {
    test(`${name}, over ${transport}`, (t) => body(t, options, transport));
  }
}

/** Return the promise, with a limit; `expectation()` tells what was awaited when that is reached. */
export function bounded(promise, expectation) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${expectation()}: nothing within ${PATIENCE / 1000} s`));
    }, PATIENCE);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/**
 * A server fixture: one process, told what to do by lines on stdin, telling what it saw by lines on
 * stdout.
 */
export class Server {
  #process = null;
  #options;
  #waiting = new Set();
  #commands = 0;

  constructor(options = {}) {
    this.#options = options;
    this.reports = [];
    this.errors = "";
  }

  /** Start the process; after a stop, on the same port again. */
  async start() {
    const given = typeof this.#options === "function" ? this.#options() : this.#options;
    const options = { ...given, port: this.port ?? 0 };
    let isReady;
    const ready = new Promise((done) => (isReady = done));
    this.#process = await startProcess(FIXTURE, options, (line) => {
      if (line.startsWith("ready ")) isReady(line.slice("ready ".length));
      else if (line.startsWith("{")) this.#receive(JSON.parse(line));
      else this.errors += `${line}\n`;
    });
    const failed = this.#process.ended.then((code) => {
      throw new Error(`the server ended with code ${code} before it was ready\n${this.errors}`);
    });
    failed.catch(() => {});
    this.url = await bounded(Promise.race([ready, failed]), () => "waiting for the server");
    this.port = Number(new URL(this.url).port);
  }

  /**
   * End the process, for which the end of its input is the signal, and check that it had no
   * accident.
   */
  async stop() {
    this.#process?.input.end();
    this.#process?.kill("SIGCONT");
    await bounded(Promise.resolve(this.#process?.ended), () => "waiting for the end of the server");
    assert.doesNotMatch(this.errors, ACCIDENT);
  }

  /** Kill the process. */
  async kill() {
    this.#process.kill("SIGKILL");
    await this.#process.ended;
  }

  /** Let the whole server fall silent but keep its connections, as if the network were gone. */
  suspend() {
    this.#process.kill("SIGSTOP");
  }

  resume() {
    this.#process.kill("SIGCONT");
  }

  #receive(report) {
    this.reports.push(report);
    for (const waiting of this.#waiting) waiting(report);
  }

  /** Wait for the first report, past or coming, whose fields equal the `expected` ones. */
  report(expected) {
    const fits = (report) =>
      Object.entries(expected).every(([key, value]) => report[key] === value);
    const seen = this.reports.find(fits);
    if (seen) return Promise.resolve(seen);
    let waiting;
    const coming = new Promise((done) => {
      waiting = (report) => fits(report) && done(report);
      this.#waiting.add(waiting);
    });
    return bounded(coming, () => {
      const last = this.reports.slice(-5).map((report) => JSON.stringify(report));
      return `waiting for the report ${JSON.stringify(expected)}, the last ones were ${last.join(" ")}`;
    }).finally(() => this.#waiting.delete(waiting));
  }

  /** Let the server act. Return the result. */
  async command(what, fields = {}) {
    const number = ++this.#commands;
    this.#process.input.write(`${JSON.stringify({ do: what, number, ...fields })}\n`);
    return (await this.report({ reply: number })).value;
  }
}

/**
 * Make a server for all tests of the file or suite that calls this; `options` may be a function,
 * called when the server starts.
 */
export function useServer(options) {
  const server = new Server(options);
  before(() => server.start());
  after(() => server.stop());
  return server;
}

/** Start a server for one test only: for those that stop it. */
export async function startServer(t, options) {
  const server = new Server(options);
  t.after(() => server.stop());
  await server.start();
  return server;
}

/**
 * Return a client that has not connected yet, reconnects quickly, and closes with the test.
 * `beside`: another client, whose connection it shares.
 */
export function open(t, server, { namespace = "", client = io, beside, ...options } = {}) {
  const socket = beside
    ? beside.io.socket(namespace, options)
    : client(server.url + namespace, {
        forceNew: true,
        reconnectionDelay: 20,
        reconnectionDelayMax: 50,
        randomizationFactor: 0,
        ...options,
      });
  t.after(() => {
    socket.disconnect();
    socket.io.reconnection(false);
    socket.io.engine?.close();
  });
  return socket;
}

/** Return a connected client; if it may upgrade, an upgraded one. */
export async function connect(t, server, options = {}) {
  const socket = open(t, server, options);
  await connected(socket);
  const { transports = ["polling", "websocket"], upgrade = true } = socket.io.opts;
  if (upgrade && transports.join() === "polling,websocket") await upgraded(socket);
  return socket;
}

/** Wait until the client is connected; rejects with the reason of a refusal. */
export function connected(socket) {
  if (socket.connected) return Promise.resolve();
  return until(socket, "connect", "connect_error");
}

/** Wait until the connection uses WebSocket. */
export async function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name !== "websocket") await once(engine, "upgrade");
}

function until(emitter, event, failure) {
  let listen, fail;
  const promise = new Promise((done, failed) => {
    listen = (...args) => done(args);
    fail = (error) => failed(error);
    emitter.on(event, listen);
    if (failure) emitter.on(failure, fail);
  });
  return bounded(promise, () => `waiting for "${event}"`).finally(() => {
    emitter.off(event, listen);
    if (failure) emitter.off(failure, fail);
  });
}

/** Wait for the next `event`. Return its arguments. */
export function once(emitter, event) {
  return until(emitter, event);
}

/** Wait for the next `count` events. Return their arguments, in order. */
export function several(emitter, event, count) {
  const all = [];
  let listen;
  const promise = new Promise((done) => {
    listen = (...args) => all.push(args) === count && done(all);
    emitter.on(event, listen);
  });
  return bounded(promise, () => `waiting for ${count} times "${event}", got ${all.length}`).finally(
    () => {
      emitter.off(event, listen);
    },
  );
}

/** Return a list that fills with the arguments of every `event` from now on. */
export function collect(emitter, event) {
  const all = [];
  emitter.on(event, (...args) => all.push(args));
  return all;
}

/** Send an event. Return all arguments of its acknowledgement. */
export function ask(socket, event, ...args) {
  const answer = new Promise((done) => socket.emit(event, ...args, (...values) => done(values)));
  return bounded(answer, () => `waiting for the acknowledgement of "${event}"`);
}

/**
 * Wait until everything that was sent before has arrived, by a round trip of each client: messages
 * keep their order. The client that acted comes first, then those that may have heard of it. So
 * "nothing came" is a fact, and no matter of waiting long enough.
 */
export async function settled(actor, ...others) {
  for (const socket of [actor, ...others]) await ask(socket, "acknowledge");
}
