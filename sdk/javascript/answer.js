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
    return this.#result;
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
  back({ messages, answering }) {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    const id = this.#requestId;
    if (id === undefined) return;
    const answer = messages.find((one) => one.requestId === id && one.role === "assistant");
    if (answer) this.#settle.resolve(answer.response);
    // A server of before does not say.
    else if (answering?.includes(id) === false) {
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
