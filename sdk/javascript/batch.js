// Events that can wait for a moment, sent together in one `batch:update`.

import { Refused } from "./errors.js";

const BATCH_MILLISECONDS = 1_000;
const MOST_IN_A_BATCH = 100;

/** What waits to be sent, as whoever was the user when it was added. */
export class Batch {
  #chains;
  #waiting = [];
  #timer;

  constructor(chains) {
    this.#chains = chains;
  }

  /** Send an event soon; resolves and rejects as `call` does for it. */
  add(event, data) {
    const result = new Promise((resolve, reject) => {
      this.#waiting.push({ event, data, resolve, reject });
      if (this.#waiting.length >= MOST_IN_A_BATCH) this.flush();
      else this.#timer ??= setTimeout(() => this.flush(), BATCH_MILLISECONDS);
    });
    // Not everybody looks at the result of what can wait.
    result.catch(() => {});
    return result;
  }

  /** Send what waits now. */
  async flush() {
    this.#stopTimer();
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    const updates = waiting.map(({ event, data }) => ({ event, data }));
    try {
      const { results } = await this.#chains.begin().call("batch:update", { updates });
      waiting.forEach(({ resolve, reject }, index) => {
        const { ok, error, ...result } = results[index];
        if (ok) resolve(result);
        else reject(new Refused(error));
      });
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** Send nothing of what waits: it rejects with errors as this one. */
  close(error) {
    this.#stopTimer();
    for (const { event, reject } of this.#waiting.splice(0)) {
      reject(new error.constructor(`${event} was not sent: ${error.message}`));
    }
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
