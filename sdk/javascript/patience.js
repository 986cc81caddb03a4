// Trying again what failed only for now: the server is too busy, or cannot get at its data.

const FIRST_MILLISECONDS = 1_000;
const LONGEST_MILLISECONDS = 15_000;
// Whoever is too fast is not made slower by asking at once again.
const SHORTEST_MILLISECONDS = 250;

/**
 * The pauses between tries: each is twice as long as the one before, up to a longest one. By chance each
 * is up to a half longer, so that those who were refused together do not come back together. Where the
 * server says when to come back, the pauses begin with that: what else the client sends may take its
 * place each time, if it always comes as soon as there is one.
 */
export class Pauses {
  #chance;
  #next = FIRST_MILLISECONDS;
  #least = SHORTEST_MILLISECONDS;

  constructor(chance = Math.random) {
    this.#chance = chance;
  }

  /** Return the milliseconds to wait after an error, at least what the server asks for. */
  after(error) {
    const asked = retryAfter(error);
    let milliseconds;
    if (asked === undefined) {
      milliseconds = this.#next;
      this.#next = Math.min(2 * this.#next, LONGEST_MILLISECONDS);
    } else {
      milliseconds = Math.max(asked * 1_000, this.#least);
      this.#least = Math.min(2 * this.#least, LONGEST_MILLISECONDS);
    }
    return milliseconds * (1 + this.#chance() / 2);
  }
}

/** Return in how many seconds the server takes what it has refused; undefined if it does not say. */
export function retryAfter(error) {
  return error.details?.retryAfter;
}

/**
 * Do something, again after a pause for as long as the error `passes` and the connection, or whatever it
 * is done for, `lasts`. Resolves to its result, and rejects with the last error.
 */
export async function persist(work, passes, lasts) {
  const pauses = new Pauses();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error) || !lasts()) throw error;
      await new Promise((done) => setTimeout(done, pauses.after(error)));
      if (!lasts()) throw error;
    }
  }
}

/**
 * Return a function that does what `ask` does, again while that is refused only because it comes too
 * fast, and the connection of the `socket` lasts.
 */
export function insisting(socket, ask) {
  const isTooFast = (error) => retryAfter(error) !== undefined;
  return (event, payload) => {
    const { id } = socket;
    return persist(() => ask(event, payload), isTooFast, () => socket.id === id);
  };
}
