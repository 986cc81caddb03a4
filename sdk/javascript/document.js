// A file that is edited together with others, as they type.

import { ChangeSet } from "@codemirror/state";
import { Refused, Unreachable } from "./errors.js";
import { Replica, difference, textOf } from "./replica.js";

// After which what the server could not take is sent again, if it does not say when.
const RETRY_MILLISECONDS = 1_000;
// Refusals after which the same is sent again, soon or on the next connection.
const PASSING = new Set(["INTERNAL_ERROR", "RATE_LIMIT_EXCEEDED", "STORAGE_ERROR", "UNAUTHORIZED"]);

/** Made by `AICodingAssistantSocket.openDocument`. It goes on over lost connections. */
export class SharedDocument {
  #socket;
  #forget;
  #replica;
  #listeners = new Set();
  // What is heard while the answer to `file:open` is on its way comes after it.
  #early = null;
  #isLost = true;
  // There is no connection, or the project is not joined yet.
  #isAway = false;
  #isSending = false;
  #error = null;
  #waiters = [];
  #timer;
  #goOn = () => {};

  constructor(socket, projectId, filePath, forget) {
    this.#socket = socket;
    this.projectId = projectId;
    this.filePath = filePath;
    this.#forget = forget;
    const author = crypto.randomUUID();
    this.#replica = new Replica(socket.user.id, author);
  }

  /** The text as it is here, with what is not acknowledged yet. Lines end with "\n". */
  get text() {
    return this.#replica.text.toString();
  }

  /** Whether the server has acknowledged all that was typed here. */
  get isSettled() {
    return this.#replica.isSettled;
  }

  /** Call `listener(text)` after each change of others; the result ends that. */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // -- typing; places count UTF-16 units, as those of a string do

  insert(at, text) {
    this.replace(at, at, text);
  }

  delete(start, end) {
    this.replace(start, end, "");
  }

  append(text) {
    const { length } = this.#replica.text;
    this.replace(length, length, text);
  }

  /** Put a text in the place of what is from `start` to before `end`. Throws a `RangeError`. */
  replace(start, end, text) {
    const { length } = this.#replica.text;
    this.#edit(ChangeSet.of({ from: start, to: end, insert: textOf(text) }, length), text);
  }

  /** Make the text what `make(text)` returns; only what differs is changed. */
  update(make) {
    const text = make(this.text);
    this.#edit(difference(this.#replica.text, textOf(text)), text);
  }

  #edit(change, text) {
    if (this.#error !== null) throw this.#error;
    if (text.includes("\0")) throw new RangeError("got a text with U+0000, which no file can have");
    if (change.empty) return;
    this.#replica.edit(change);
    this.#send();
  }

  /**
   * Wait until all that was typed here is on the server's disk, however long that takes. Rejects when
   * it never will be: with `Refused`, or with `Unreachable` after `disconnect`.
   */
  async wait() {
    if (!this.isSettled && this.#error === null) {
      await new Promise((resolve) => this.#waiters.push(resolve));
    }
    if (this.#error !== null) throw this.#error;
  }

  /** Wait until everything is acknowledged, and hear no more. */
  async close() {
    const { projectId, filePath } = this;
    try {
      await this.wait();
      if (this.#socket.connected && !this.#isLost) {
        await this.#socket._ask("file:close", { projectId, filePath });
      }
    } finally {
      this._giveUp(new Unreachable(`${filePath} was closed: open it again`));
    }
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  // -- what the socket tells

  async _open() {
    const { projectId, filePath } = this;
    const replica = this.#replica;
    const before = replica.text;
    const isNew = replica.epoch === undefined;
    const { since, author } = replica;
    this.#early = [];
    try {
      const payload = { projectId, filePath, since, author };
      const answer = await this.#socket._ask("file:open", payload);
      replica.opened(answer);
      // It may have been moved meanwhile.
      this.filePath = answer.filePath;
      // The connection may be on its way to another server.
      this.#isLost = this.#isAway;
    } finally {
      const early = this.#early;
      this.#early = null;
      if (!this.#isLost) for (const data of early) this.#take(data);
    }
    if (!isNew && !replica.text.eq(before)) this.#tell();
  }

  _hear(event, data, projectId) {
    if (projectId !== this.projectId || data.filePath !== this.filePath) return;
    if (event === "file:unlocked") this.#goOn();
    else if (this.#early !== null) this.#early.push(data);
    else this.#take(data);
  }

  /** Take note that the connection is gone; nothing is heard until the document is open again. */
  _lose() {
    this.#isLost = this.#isAway = true;
  }

  /** Go on: there is a connection again, and the project is joined. */
  _comeBack() {
    this.#isAway = false;
    this.#openAgain();
  }

  #openAgain() {
    this.#isLost = true;
    this.#goOn();
    this.#send();
  }

  /** Send and hear nothing more. */
  _giveUp(error) {
    this.#error ??= error;
    clearTimeout(this.#timer);
    this.#goOn();
    this.#forget(this);
    this.#settle();
  }

  // -- sending

  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#error === null && !this.#isAway && (await this.#sendOne()));
    } catch (error) {
      console.error(`${this.filePath} cannot be edited any more: ${error.message}`);
      this._giveUp(error);
    } finally {
      this.#isSending = false;
    }
  }

  // Whether to go on.
  async #sendOne() {
    const { projectId, filePath } = this;
    const replica = this.#replica;
    try {
      if (this.#isLost) await this._open();
      if (this.#isAway) return false;
      const outgoing = replica.outgoing();
      if (outgoing === null) {
        this.#settle();
        return false;
      }
      await this.#socket._ask("file:edit", { projectId, filePath, ...outgoing });
      // One's own is heard before the acknowledgement.
      if (replica.inFlight !== null && replica.number === outgoing.number) this.#isLost = true;
    } catch (error) {
      if (error instanceof Refused && error.code === "VERSION_CONFLICT") {
        this.#isLost = true;
      } else if (error instanceof Refused && error.code === "FILE_LOCKED") {
        await this.#pause(RETRY_MILLISECONDS);
      } else if (error instanceof Refused && PASSING.has(error.code)) {
        await this.#pause((error.details?.retryAfter ?? 0) * 1_000 || RETRY_MILLISECONDS);
      } else if (error instanceof Unreachable) {
        // Sent again when there is a connection; a slow one has lost the answer only.
        this.#isLost = true;
        if (!this.#isAway) await this.#pause(RETRY_MILLISECONDS);
      } else {
        throw error;
      }
    }
    return true;
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.#goOn = resolve;
      this.#timer = setTimeout(resolve, milliseconds);
    });
  }

  #settle() {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #take(data) {
    const replica = this.#replica;
    if (data.epoch !== replica.epoch || data.version < replica.version) return;
    if (data.version > replica.version) this.#openAgain();
    else if (replica.hear(data)) this.#tell();
  }

  #tell() {
    for (const listener of this.#listeners) {
      try {
        listener(this.text);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
