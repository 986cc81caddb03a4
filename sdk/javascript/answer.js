// An answer of the assistant that is waited for, also across a lost connection.

import { Refused, Unreachable } from "./errors.js";

// For so long the server goes on with an answer for a project whose asker it has lost.
const GRACE_MILLISECONDS = 15_000;

/** The events of one answer. It listens from before the message is sent, so that none is missed. */
export class Answer {
  #socket;
  #projectId;
  #onChunk;
  #early = [];
  #requestId;
  // What the project said when it was entered again before the request was known.
  #joined;
  #isBack;
  #setBack;
  #result;
  #timer;
  #grace;
  #settle;
  #listeners = {
    "code:chunk": (data) => this.#take(data, () => this.#onChunk?.(data.content)),
    "ai:response": (data) => this.#take(data, () => this.#settle.resolve(data.response)),
    "ai:processing": (data) =>
      data.status === "error" &&
      this.#take(data, () => this.#settle.reject(new Refused(data.error))),
    disconnect: (reason) =>
      this.lose(reason, this.#socket.active && this.#socket.io.reconnection()),
  };

  constructor(socket, projectId, onChunk, timeout) {
    this.#socket = socket;
    this.#projectId = projectId;
    this.#onChunk = onChunk;
    this.#result = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#isBack = new Promise((resolve) => (this.#setBack = resolve));
    // It may fail before anybody waits for it.
    this.#result.catch(() => {});
    const late = () => this.#settle.reject(new Unreachable(`no response within ${timeout} ms`));
    this.#timer = setTimeout(late, timeout);
    for (const [event, listener] of Object.entries(this.#listeners)) socket.on(event, listener);
  }

  #take({ requestId }, handle) {
    if (this.#requestId === undefined) this.#early.push({ requestId, handle });
    else if (this.#requestId === requestId) handle();
  }

  of(requestId) {
    this.#requestId = requestId;
    for (const early of this.#early) this.#take(early, early.handle);
    if (this.#joined) this.#look(this.#joined);
    return this.#result;
  }

  /** Wait until the project was entered again in a new connection. Rejects as `of` does. */
  async comeBack() {
    await Promise.race([this.#isBack, this.#result]);
  }

  get projectId() {
    return this.#projectId;
  }

  /** Wait for the lost connection for as long as the server goes on, if it `comesBack`. */
  lose(reason, comesBack) {
    const lost = `the connection was lost before the response: ${reason}`;
    if (!comesBack) {
      this.fail(new Unreachable(lost));
    } else if (this.#projectId === undefined) {
      this.fail(new Unreachable(`${lost}; an answer for no project ends with its connection`));
    } else {
      const late = `${lost}; it was not back within ${GRACE_MILLISECONDS / 1_000} seconds`;
      this.#grace ??= setTimeout(() => this.fail(new Unreachable(late)), GRACE_MILLISECONDS);
    }
  }

  /** Go on in a new connection; `joined` is what the project told when it was entered. */
  back(joined) {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    this.#setBack();
    if (this.#requestId === undefined) this.#joined = joined;
    else this.#look(joined);
  }

  /** Look for the answer in what the project has; it may have failed. */
  #look({ messages, answering }) {
    const id = this.#requestId;
    const found = messages.filter((one) => one.requestId === id);
    const answer = found.find((one) => one.role === "assistant");
    if (answer) this.#settle.resolve(answer.response);
    // A server of before does not say. What was asked after this has no message there.
    else if (found.length > 0 && answering?.includes(id) === false) {
      this.fail(new Unreachable("the answer failed while the connection was lost"));
    }
  }

  /** End the answer with an error, if it has not ended. */
  fail(error) {
    clearTimeout(this.#grace);
    this.#settle.reject(error);
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#grace);
    for (const [event, listener] of Object.entries(this.#listeners)) {
      this.#socket.off(event, listener);
    }
  }
}
