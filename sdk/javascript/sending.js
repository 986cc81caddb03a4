// Sending events, no faster than the server takes them, and waiting for acknowledgements.

import { Due } from "./due.js";
import { LIMIT, Refused, Unreachable } from "./errors.js";
import { Pace } from "./pace.js";

const ANSWER_MILLISECONDS = 20_000;

/** The events that are sent on one of the official client's sockets, each in its turn. */
export class Sending {
  #socket;
  #pace = new Pace();
  #due = new Due(
    () => this.#socket.connected && this.call("test:ping", {}).catch(() => {}),
    (retryAfter) => this.#pace.slowDown(retryAfter),
  );

  constructor(socket) {
    this.#socket = socket;
    socket.on("rate_limited", ({ retryAfter }) => {
      console.warn("the server drops what comes too fast: going on more slowly");
      this.#due.limited(retryAfter);
    });
  }

  /** Send an event without waiting for its acknowledgement. */
  emit(event, payload) {
    this.#pace.add(() => this.#socket.emit(event, payload));
  }

  /** Send an event and wait for its acknowledgement. Rejects with `Refused` or `Unreachable`. */
  async call(event, payload) {
    const { ok, error, ...result } = await new Promise((resolve, reject) => {
      const lose = () =>
        reject(
          new Unreachable(`${event} was not acknowledged: the connection was lost, or is slow`),
        );
      this.#pace.add(() => this.#ask(event, payload, resolve, reject, lose), lose);
    });
    if (!ok) throw new Refused(error);
    return result;
  }

  /** Wait until no acknowledgement is due, at most so many milliseconds. */
  settled(milliseconds) {
    return this.#due.settled(milliseconds);
  }

  #ask(event, payload, resolve, reject, lose) {
    const call = this.#due.add((retryAfter) => reject(dropped(retryAfter)));
    this.#socket.timeout(ANSWER_MILLISECONDS).emit(event, payload, (late, answer) => {
      if (late) {
        this.#due.forget(call);
        lose();
      } else {
        this.#due.acknowledged(call);
        resolve(answer);
      }
    });
  }

  /** Send nothing of what waits for its turn. */
  close() {
    this.#pace.close();
    this.#due.close();
  }
}

function dropped(retryAfter) {
  return new Refused({
    code: LIMIT,
    message:
      "the server dropped the event, because too many came at once: " +
      `try again in ${retryAfter} seconds, or queue what can be sent in one batch`,
    details: { retryAfter },
  });
}
