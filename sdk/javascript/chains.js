// Events that follow from each other, such as the parts of an upload, all sent as one user.
//
// A program may log out, and in as another user, on one connection. An event that follows from the
// answer to one of before would be the next user's. So each chain belongs to whoever began it: while
// the user may be about to change its next event waits, and then is sent, or fails with what ended it.

import { insisting } from "./patience.js";

/** The chains of one client's events; `client` is an `AICodingAssistantSocket`. */
export class Chains {
  #client;
  // The time in which the client is one user's, and the error with which it has ended.
  #stay = { ended: null };
  // While events are under way that may make another user of the client.
  #changing;

  constructor(client) {
    this.#client = client;
  }

  /**
   * Begin a chain of the present user's: `call`, `ask` and `insist` do what they do elsewhere, and
   * reject besides with what the chain has ended with. `check()` throws that, `confirm(result)` resolves
   * to a result when it is known that the user stays the same, and `goesOn()` returns whether what is
   * sent now is still sent as that user.
   */
  begin() {
    const stay = this.#stay;
    const check = () => {
      if (stay.ended) throw like(stay.ended, stay.ended.message);
    };
    const following = (send) => async (event, payload) => {
      while (this.#changing) await this.#changing;
      if (stay.ended) throw like(stay.ended, `${event} was not sent: ${stay.ended.message}`);
      const answer = await send(event, payload);
      check();
      return answer;
    };
    // Looked up each time: a program may have put another function in its place.
    const client = this.#client;
    const ask = following((...args) => client._ask(...args));
    return {
      call: following((...args) => client.call(...args)),
      ask,
      insist: insisting(client.socket, ask),
      check,
      confirm: async (result) => {
        while (this.#changing) await this.#changing;
        check();
        return result;
      },
      goesOn: () => stay.ended === null && !this.#changing,
    };
  }

  /** Let all chains wait while `work` logs another user in, or the present one out. */
  async pause(work) {
    const done = work();
    const changing = Promise.allSettled([this.#changing, done]);
    this.#changing = changing;
    try {
      return await done;
    } finally {
      if (this.#changing === changing) this.#changing = undefined;
    }
  }

  /** Let all chains reject that were begun so far, with errors as this one. */
  end(error) {
    this.#stay.ended = error;
    this.#stay = { ended: null };
  }
}

function like(error, message) {
  return new error.constructor(message);
}
