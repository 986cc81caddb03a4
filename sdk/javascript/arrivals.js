// Connecting, and being let in by the server on each connection anew.

import { FAILURES, Unreachable, mayPass } from "./errors.js";
import { persist } from "./patience.js";

// How long what is to be sent waits for a client that comes back.
const WAIT_MILLISECONDS = 20_000;
// How long acknowledgements are waited for before a server that is about to end is left.
const LEAVE_MILLISECONDS = 10_000;

/** The connections of one of the official client's sockets. */
export class Arrivals {
  #socket;
  #baseURL;
  #introduce;
  #introduction = null;
  // The one at a server that was left before it had let the client in.
  #left = null;
  // Whether this client, since it was told to connect, has been let in.
  #cameIn = false;
  // Each ends one call of `connect` that waits, because `leave` was called.
  #leaving = new Set();
  #finish;
  // Whether one has to be let in before anything is sent; and what waits for that.
  #isAway = true;
  // Whether it is about to go to another server.
  #isMoving = false;
  #held = new Set();

  /**
   * `introduce()` says who one is, and takes up what there was before. `finish(milliseconds)` lets
   * nothing more be sent, and waits for what is due, at most so long.
   */
  constructor(socket, baseURL, introduce, finish) {
    this.#socket = socket;
    this.#baseURL = baseURL;
    this.#introduce = introduce;
    this.#finish = finish;
    socket.on("disconnect", () => {
      this.#isAway = true;
      if (!socket.active || !socket.io.reconnection()) this.#goOn(false);
      // The server was faster.
      if (this.#isMoving) this.#hurry();
    });
    socket.on("server:draining", () => {
      if (this.#cameIn && !this.#isAway) this.#move();
      else if (socket.io.reconnection()) {
        // It is introducing itself: that is not worth the while here.
        this.#left = this.#introduction;
        this.#reconnect();
      }
    });
    socket.on("connect", () => {
      if (socket.io.engine.readyState !== "open") {
        // The official client reads a packet a moment after it came, so it may tell of a connection
        // that it has lost meanwhile. What is sent now waits for the next one.
        socket.connected = false;
        return;
      }
      this.#introduction = this.#surelyIntroduce();
      // Whoever waits for it hears of a failure; nobody else has to.
      this.#introduction.catch(() => {});
    });
  }

  /** Connect, and wait until one is let in. Rejects with `Unreachable`, or with `Refused`. */
  async connect() {
    for (;;) {
      if (!this.#socket.connected) await this.#connected();
      const introduction = this.#introduction;
      try {
        return await introduction;
      } catch (error) {
        // Unless it has gone on to another server.
        if (introduction !== this.#left) throw error;
      }
    }
  }

  #connected() {
    return new Promise((resolve, reject) => {
      const socket = this.#socket;
      const end = (settle, value) => {
        socket.off("connect", connected);
        socket.off("connect_error", failed);
        socket.io.off("reconnect_failed", gaveUp);
        this.#leaving.delete(left);
        settle(value);
      };
      const unreachable = (reason) =>
        new Unreachable(`cannot reach ${this.#baseURL}: ${reason}; is the server running?`);
      const connected = () => socket.connected && end(resolve);
      const left = () => end(reject, unreachable("disconnect() was called"));
      const fail = (error) => {
        // Or the client would count as connecting for ever.
        socket.disconnect();
        end(reject, error);
      };
      const gaveUp = () => fail(unreachable("no attempt was successful"));
      const failed = (error) => {
        // The client tries again by itself while it is active.
        if (!socket.active || !socket.io.reconnection()) fail(unreachable(error.message));
      };
      socket.on("connect", connected);
      socket.on("connect_error", failed);
      socket.io.on("reconnect_failed", gaveUp);
      this.#leaving.add(left);
      // While it comes back by itself, a second CONNECT would end the connection.
      if (!socket.active) socket.connect();
    });
  }

  /** Take note that the client disconnects: the next connection is as its first. */
  leave() {
    this.#cameIn = false;
    this.#left = null;
    this.#isMoving = false;
    this.#goOn(false);
  }

  // -- what is to be sent before one is in

  get isAway() {
    return this.#isAway;
  }

  /** Do something, now or when one is in. */
  whenIn(send) {
    if (!this.#isAway) send();
    // In its place among those who wait.
    else this.#held.add((isIn) => isIn && queueMicrotask(send));
  }

  /** Wait until one is in, before an event is sent. Rejects with `Unreachable`. */
  untilIn(event) {
    return new Promise((resolve, reject) => {
      const end = (isIn) => {
        clearTimeout(timer);
        this.#held.delete(end);
        if (isIn) resolve();
        else reject(new Unreachable(`${event} was not sent: there is no connection`));
      };
      const timer = setTimeout(() => end(false), WAIT_MILLISECONDS);
      this.#held.add(end);
    });
  }

  #goOn(isIn) {
    this.#isAway = !isIn;
    const held = [...this.#held];
    this.#held.clear();
    for (const end of held) end(isIn);
  }

  // -- a server that is about to end

  async #move() {
    const { id } = this.#socket;
    this.#isAway = this.#isMoving = true;
    await this.#finish(LEAVE_MILLISECONDS);
    if (this.#socket.id === id) this.#reconnect();
  }

  #reconnect() {
    this.#hurry();
    this.#socket.io.engine.close();
  }

  /** Let the next attempt wait for nothing. */
  #hurry() {
    this.#isMoving = false;
    const { io: manager } = this.#socket;
    const delay = manager.reconnectionDelay();
    manager.reconnectionDelay(0);
    manager.once("reconnect_attempt", () => manager.reconnectionDelay(delay));
  }

  /** Let every call of `connect` that waits reject: the client has disconnected. */
  giveUp() {
    for (const left of [...this.#leaving]) left();
  }

  /**
   * Introduce oneself, again and again to a server that fails: one that is stopping says so, and one
   * whose database is away will have it back. Whoever is refused is disconnected.
   */
  async #surelyIntroduce() {
    const { id } = this.#socket;
    // Another connection introduces itself.
    const lasts = () => this.#socket.id === id;
    const passes = (error) => this.#socket.io.reconnection() && this.#passes(error);
    try {
      await persist(this.#introduce, passes, lasts);
    } catch (error) {
      // Nobody is left half connected; whoever asks again begins anew.
      if (lasts()) this.#socket.disconnect();
      throw error;
    }
    this.#cameIn = true;
    this.#goOn(true);
  }

  /** Return whether the server may let the client in later. */
  #passes(error) {
    if (FAILURES.has(error.code)) return true;
    // Who connects hears that nothing answers, or that there is too much of something. Who comes back
    // has been let in before: what the server still counts of the former connection ends.
    return this.#cameIn && mayPass(error);
  }
}
