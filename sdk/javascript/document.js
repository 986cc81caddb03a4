// A file that is edited together with others, as they type.

import { ChangeSet } from "@codemirror/state";
import { Unreachable } from "./errors.js";
import { randomName } from "./random_name.js";
import { Replica, difference, textOf } from "./replica.js";
import { Synchronizer } from "./synchronizer.js";

/** Made by `AICodingAssistantSocket.openDocument`. It goes on over lost connections. */
export class SharedDocument {
  #socket;
  #chain;
  #forget;
  #replica;
  #synchronizer;
  #listeners = new Set();
  #error = null;
  #waiters = [];

  constructor(socket, chain, projectId, filePath, forget) {
    this.#socket = socket;
    this.#chain = chain;
    this.projectId = projectId;
    this.filePath = filePath;
    this.#forget = forget;
    this.#replica = new Replica(socket.user.id, randomName());
    this.#synchronizer = new Synchronizer(this.#replica, {
      ask: (event, payload) => chain.ask(event, { ...this.#file, ...payload }),
      isLoss: (error) => error instanceof Unreachable,
      // It may have been moved meanwhile.
      opened: ({ filePath, revision }) => Object.assign(this, { filePath, _revision: revision }),
      changed: () => this.#tell(),
      settled: () => this.#settle(),
      failed: (error) => {
        console.error(`${this.filePath} cannot be edited any more: ${error.message}`);
        this._giveUp(error);
      },
    });
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
    this.#synchronizer.send();
  }

  /**
   * Wait until all that was typed here is on the server's disk, however long that takes. Rejects when
   * it never will be: with `Refused`, with `Unreachable` after `disconnect`, or with `SessionEnded`.
   */
  async wait() {
    if (!this.isSettled && this.#error === null) {
      await new Promise((resolve) => this.#waiters.push(resolve));
    }
    if (this.#error !== null) throw this.#error;
  }

  /** Wait until everything is acknowledged, and hear no more. */
  async close() {
    try {
      await this.wait();
      if (this.#socket.connected && this.#synchronizer.isOpen) {
        await this.#chain.ask("file:close", this.#file);
      }
    } finally {
      this._giveUp(new Unreachable(`${this.filePath} was closed: open it again`));
    }
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  // -- what the socket tells

  async _open() {
    await this.#synchronizer.open();
  }

  _hear(event, data, projectId) {
    if (projectId !== this.projectId || data.filePath !== this.filePath) return;
    if (event === "file:unlocked") this.#synchronizer.sendAgain();
    else this.#synchronizer.hear(data);
  }

  _lose() {
    this.#synchronizer.lose();
  }

  _comeBack() {
    this.#synchronizer.comeBack();
  }

  /** Take note that what the guest typed is a user's from now on. */
  _become(userId) {
    this.#replica.userId = userId;
  }

  /** Send and hear nothing more. */
  _giveUp(error) {
    this.#error ??= error;
    this.#synchronizer.end();
    this.#forget(this);
    this.#settle();
  }

  get #file() {
    const { projectId, filePath } = this;
    return { projectId, filePath };
  }

  #settle() {
    for (const resolve of this.#waiters.splice(0)) resolve();
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
