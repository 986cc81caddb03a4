// The requests whose acknowledgements are due, and which of them the server has dropped.
//
// A server drops what is more than it takes of a connection, and says so only the first time, with
// `rate_limited`. It acknowledges the others in the order in which they were sent, so each
// acknowledgement tells that those still due from before it were dropped. Where nothing follows that
// could tell, a `test:ping` is sent after a while. The SDKs keep to the same rule.

// Until an acknowledgement is asked for; it may just be on its way.
const SHORTEST_WAIT_MILLISECONDS = 250;

export class Due {
  #ping;
  #requests = new Set();
  #retryAfter = 0; // milliseconds; 0 until the server has dropped something
  #timer;
  #settled = [];

  /** `ping()` sends an event that is acknowledged, or returns false while there is no connection. */
  constructor(ping) {
    this.#ping = ping;
  }

  /** A request is sent now. `drop(retryAfter)` hears, in seconds, if the server has dropped it. */
  add(drop) {
    const request = { drop };
    this.#requests.add(request);
    this.#watch();
    return request;
  }

  /** Its acknowledgement has come. */
  acknowledged(request) {
    if (this.#retryAfter > 0 && this.#requests.has(request)) {
      for (const earlier of this.#requests) {
        if (earlier === request) break;
        this.#requests.delete(earlier);
        earlier.drop(this.#retryAfter / 1_000);
      }
    }
    this.forget(request);
  }

  /** Nobody waits for it any more. */
  forget(request) {
    this.#requests.delete(request);
    if (this.#requests.size === 0) for (const done of this.#settled.splice(0)) done();
  }

  /** Wait until no acknowledgement is due, at most so many milliseconds. */
  settled(milliseconds) {
    if (this.#requests.size === 0) return Promise.resolve();
    return new Promise((done) => {
      this.#settled.push(done);
      setTimeout(done, milliseconds);
    });
  }

  /** The server has dropped an event, and takes the next one in so many milliseconds. */
  limited(retryAfter) {
    this.#retryAfter = retryAfter;
    this.#watch();
  }

  #watch() {
    if (this.#retryAfter === 0 || this.#timer !== undefined || this.#requests.size === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#requests.size > 0 && !this.#ping()) this.#watch();
      },
      Math.max(SHORTEST_WAIT_MILLISECONDS, this.#retryAfter),
    );
  }
}
