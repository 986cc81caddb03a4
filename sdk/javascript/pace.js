// How fast events are sent.
//
// The server takes 200 events of a connection at once and 100 a second, and drops what is beyond. A
// loop that waits for each acknowledgement is faster than that on a fast network, so events wait here
// for their turn, in their order, and stay a little below both limits: what a script notices is that it
// takes longer. A server that is set to take less says so, and is sent less from then on.

const AT_ONCE = 150;
const A_SECOND = 90;
// Events a second; no server can be set to take fewer.
const SLOWEST = 1;

export class Pace {
  #rate = A_SECOND;
  #most = AT_ONCE;
  #left = AT_ONCE;
  #countedAt = performance.now();
  #waiting = [];
  #timer;

  /** Call `send`, at once or when its turn comes; `drop` instead if it never does. */
  add(send, drop = () => {}) {
    if (this.#waiting.length === 0 && this.#count()) {
      send();
    } else {
      this.#waiting.push({ send, drop });
      this.#wait();
    }
  }

  /** Send less often: the server dropped an event, and takes the next in so many milliseconds. */
  slowDown(retryAfter) {
    this.#rate = Math.max(SLOWEST, Math.min(this.#rate / 2, 1_000 / retryAfter));
    this.#most = 1;
    this.#countUp();
    this.#left = Math.min(this.#left, 1 - (retryAfter / 1_000) * this.#rate);
  }

  /** Send nothing of what waits. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { drop } of this.#waiting.splice(0)) drop();
  }

  #countUp() {
    const now = performance.now();
    const earned = ((now - this.#countedAt) / 1_000) * this.#rate;
    this.#left = Math.min(this.#most, this.#left + earned);
    this.#countedAt = now;
  }

  #count() {
    this.#countUp();
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  #wait() {
    if (this.#timer !== undefined || this.#waiting.length === 0) return;
    const milliseconds = Math.ceil(((1 - this.#left) / this.#rate) * 1_000);
    this.#timer = setTimeout(() => this.#goOn(), Math.max(0, milliseconds));
  }

  #goOn() {
    this.#timer = undefined;
    while (this.#waiting.length > 0 && this.#count()) this.#waiting.shift().send();
    this.#wait();
  }
}
