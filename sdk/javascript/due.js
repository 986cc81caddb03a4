// The events whose acknowledgements are due, and which of them the server has dropped.
//
// A server that gets more events than it is set to take drops some, and says so only the first time,
// with `rate_limited`. It acknowledges the others in the order in which they were sent, so each
// acknowledgement tells that those still due from before it were dropped. Where nothing follows that
// could tell, a `test:ping` is sent after a while.

// Until an acknowledgement is asked for; it may just be on its way.
const SHORTEST_WAIT_MILLISECONDS = 250;

export class Due {
  #ping;
  #slowDown;
  #calls = new Set();
  #slowed = 0;
  #retryAfter = 0;
  #timer;
  #settled = [];

  /**
   * `ping()` sends an event that is acknowledged, or returns false while there is no connection;
   * `slowDown(ms)` is called when one was dropped.
   */
  constructor(ping, slowDown = () => {}) {
    this.#ping = ping;
    this.#slowDown = slowDown;
  }

  /** Count an event that is sent now; `drop(seconds)` hears if the server has dropped it. */
  add(drop) {
    const call = { drop, slowed: this.#slowed };
    this.#calls.add(call);
    this.#watch();
    return call;
  }

  /** Take note that the acknowledgement of a call has come. */
  acknowledged(call) {
    // Otherwise the server has not said that it drops anything.
    if (this.#slowed > 0 && this.#calls.has(call)) this.#dropBefore(call);
    this.forget(call);
  }

  /** Forget a call: nobody waits for it any more. */
  forget(call) {
    this.#calls.delete(call);
    if (this.#calls.size === 0) for (const done of this.#settled.splice(0)) done();
  }

  /** Wait until no acknowledgement is due, at most so many milliseconds. */
  settled(milliseconds) {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.#settled.push(() => {
        clearTimeout(timer);
        done();
      });
    });
  }

  /** Take note that the server dropped an event, and takes the next in so many milliseconds. */
  limited(retryAfter) {
    this.#retryAfter = retryAfter;
    this.#slow();
    this.#watch();
  }

  /** Ask for nothing any more. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #dropBefore(acknowledged) {
    for (const call of this.#calls) {
      if (call === acknowledged) return;
      this.#calls.delete(call);
      if (call.slowed === this.#slowed) this.#slow();
      call.drop(this.#retryAfter / 1_000);
    }
  }

  #slow() {
    this.#slowed += 1;
    this.#slowDown(this.#retryAfter);
  }

  #watch() {
    if (this.#slowed === 0 || this.#timer !== undefined || this.#calls.size === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#calls.size > 0 && !this.#ping()) this.#watch();
      },
      Math.max(SHORTEST_WAIT_MILLISECONDS, this.#retryAfter),
    );
  }
}
