// Keeps a copy of a file in step with the server's: opens the file, sends what is typed, one change at
// a time, and takes what is heard. docs/coediting.md tells why so.
//
// The documents of programs and those of the page have one each. What only one of them does, such as
// drafts in the browser or the listeners of a program, is behind the functions of a host.

import { Pauses, retryAfter } from "./patience.js";
import { difference } from "./replica.js";

// After which what the server could not take is sent again, if it does not say when.
const RETRY_MILLISECONDS = 1_000;
// Refusals after which the same is sent again, soon or on the next connection.
const PASSING = new Set([
  "FILE_LOCKED",
  "INTERNAL_ERROR",
  "RATE_LIMIT_EXCEEDED",
  "STORAGE_ERROR",
  "UNAUTHORIZED",
]);

/**
 * The way between a replica and the server, over lost connections. A host has these functions:
 *
 * - `ask(event, payload)` sends an event about the file, and resolves to its acknowledgement;
 * - `isLoss(error)` returns whether an event was lost, or its answer, and not refused;
 * - `opened(answer)` hears the answer to `file:open`;
 * - `changed(change)` hears what others have changed of the text;
 * - `settled()` hears that all is acknowledged, and `failed(error)` that it never will be.
 *
 * It may have these, too:
 *
 * - `heard(change)` hears each change of the server's text in its JSON form;
 * - `launched()` and `landed()` hear that a change is on its way, and that it has come;
 * - `updated()` hears that the replica is another than before;
 * - `accepted()` hears that the server takes what is sent, and `delayed(error)` that it does not yet.
 */
export class Synchronizer {
  #replica;
  #host;
  // What is heard while the answer to `file:open` is on its way comes after it.
  #early = null;
  // There is no connection, or the project is not joined yet.
  #isAway = true;
  #isOpen = false;
  #isSending = false;
  // Whether more may be due than was found when it was last looked for.
  #isDue = false;
  #isOver = false;
  #timer;
  #goOn = () => {};
  // Since the server has taken something.
  #pauses = new Pauses();

  constructor(replica, host) {
    this.#replica = replica;
    this.#host = host;
  }

  /** Whether the server tells of each change. */
  get isOpen() {
    return this.#isOpen;
  }

  /** Whether what is typed now leaves at once. */
  get isReady() {
    return !this.#isAway && this.#isOpen && !this.#isSending;
  }

  /** Open the file for the first time. Rejects if the server refuses that. */
  async open() {
    this.#isAway = false;
    await this.#open();
    this.send();
  }

  /** Take an update that was heard. */
  hear(data) {
    const replica = this.#replica;
    if (this.#early !== null) this.#early.push(data);
    else if (data.epoch !== replica.epoch || data.version < replica.version) return;
    else if (data.version > replica.version) this.#openAgain();
    else this.#take(data);
  }

  /** Take note that the connection is gone; nothing is heard until the file is open again. */
  lose() {
    this.#isAway = true;
    this.#isOpen = false;
  }

  /** Go on: there is a connection again, and the project is joined. */
  comeBack() {
    this.#isAway = false;
    this.#openAgain();
  }

  /** Send at once what was refused: the reason is gone. */
  sendAgain() {
    this.#goOn();
  }

  /** Send nothing more. */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#goOn();
  }

  /** Send what is due, unless that is under way. */
  async send() {
    this.#isDue = true;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (!this.#isOver && !this.#isAway) {
        this.#isDue = false;
        // More may be typed in the very moment in which nothing was found.
        if (!(await this.#sendOne()) && !this.#isDue) break;
      }
    } catch (error) {
      if (!this.#isOver) this.#host.failed(error);
    } finally {
      this.#isSending = false;
    }
  }

  #openAgain() {
    this.#isOpen = false;
    this.#goOn();
    this.send();
  }

  async #open() {
    const replica = this.#replica;
    const host = this.#host;
    this.#early = [];
    try {
      const { since, author } = replica;
      const answer = await host.ask("file:open", { since, author });
      // One may have typed meanwhile.
      const before = replica.text;
      const wasInFlight = replica.inFlight !== null;
      replica.opened(answer);
      host.opened(answer);
      if (answer.content === undefined) {
        for (const { change } of answer.updates) host.heard?.(change);
      }
      if (wasInFlight && replica.inFlight === null) host.landed?.();
      // The connection may be on its way to another server.
      this.#isOpen = !this.#isAway;
      if (!replica.text.eq(before)) host.changed(difference(before, replica.text));
    } finally {
      const early = this.#early;
      this.#early = null;
      if (this.#isOpen) for (const data of early) this.hear(data);
    }
    host.updated?.();
  }

  #take(data) {
    const host = this.#host;
    const change = this.#replica.hear(data);
    host.heard?.(data.change);
    if (change !== null) host.changed(change);
    else host.landed?.();
    host.updated?.();
  }

  // Returns whether to go on.
  async #sendOne() {
    const replica = this.#replica;
    const host = this.#host;
    try {
      if (!this.#isOpen) await this.#open();
      if (this.#isAway || this.#isOver) return false;
      const isOnItsWay = replica.inFlight !== null;
      const outgoing = replica.outgoing();
      if (outgoing === null) {
        host.settled();
        return false;
      }
      if (!isOnItsWay) host.launched?.();
      await host.ask("file:edit", outgoing);
      this.#pauses = new Pauses();
      host.accepted?.();
      // One's own is heard before the acknowledgement.
      if (replica.inFlight !== null && replica.number === outgoing.number) this.#isOpen = false;
    } catch (error) {
      await this.#recover(error);
    }
    return true;
  }

  async #recover(error) {
    if (error.code === "VERSION_CONFLICT") {
      this.#isOpen = false;
    } else if (PASSING.has(error.code)) {
      this.#host.delayed?.(error);
      const isAsked = retryAfter(error) !== undefined;
      await this.#pause(isAsked ? this.#pauses.after(error) : RETRY_MILLISECONDS);
    } else if (this.#host.isLoss(error)) {
      // Sent again when there is a connection; a slow one has lost the answer only.
      this.#isOpen = false;
      if (!this.#isAway) await this.#pause(RETRY_MILLISECONDS);
    } else {
      throw error;
    }
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.#goOn = resolve;
      this.#timer = setTimeout(resolve, milliseconds);
    });
  }
}
