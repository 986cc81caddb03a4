// A lock on a file that one holds. With `await using` it is released at the end of the block.

import { SessionEnded } from "./errors.js";

/** Made by `AICodingAssistantSocket.lockFile`. */
export class FileLock {
  #socket;
  #chain;

  constructor(socket, chain, projectId, lock) {
    this.#socket = socket;
    this.#chain = chain;
    this.projectId = projectId;
    this.lock = lock;
    this.held = true;
  }

  get filePath() {
    return this.lock.filePath;
  }

  /** Each lock has a greater one; the server refuses a change with the token of a lock that is gone. */
  get token() {
    return this.lock.token;
  }

  /** Write the file under this lock. Rejects with `Refused` when the lock is gone. */
  async write(content, { action = "updated" } = {}) {
    // With another connection the lock has another token.
    await this.#socket._untilIn("file:change");
    const file = { path: this.filePath, action, content };
    const { projectId, token: lockToken } = this;
    return this.#chain.call("file:change", { projectId, file, lockToken });
  }

  /** Release the lock; does nothing if it is gone already, or if somebody else has it by now. */
  async unlock() {
    if (!this.held) return;
    try {
      // Whoever comes back takes it again before: the former connection keeps it for a while.
      await this.#socket._untilIn("file:unlock");
    } finally {
      this.held = false;
    }
    await this._giveBack(this.#chain.call);
  }

  /** Tell the server that the lock is released. */
  async _giveBack(send) {
    const { projectId, filePath } = this;
    try {
      await send("file:unlock", { projectId, filePath });
    } catch (error) {
      // Or it ended with the session.
      if (error.code !== "FILE_LOCKED" && !(error instanceof SessionEnded)) throw error;
    }
  }

  async [Symbol.asyncDispose]() {
    await this.unlock();
  }
}
