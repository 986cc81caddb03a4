// Messages to the assistant, whose answers are waited for across lost connections.

import { Answer } from "./answer.js";
import { Unreachable } from "./errors.js";
import { randomName } from "./random_name.js";

// The server gives the assistant two minutes unless AI_TIMEOUT says otherwise.
const RESPONSE_MILLISECONDS = 150_000;

/** The assistant, as one client asks it. `client` sends events, and `socket` hears them. */
export class Assistant {
  #client;
  #socket;
  #chains;
  #participation;

  constructor(client, socket, chains, participation) {
    this.#client = client;
    this.#socket = socket;
    this.#chains = chains;
    this.#participation = participation;
  }

  /**
   * Send a message and wait for its response, at most `timeout` milliseconds. A `key` is one that may
   * have been sent before; without one the message gets a key that no other has.
   */
  async ask({ message, projectId, context, key, onChunk, signal, timeout = RESPONSE_MILLISECONDS }) {
    const chain = this.#chains.begin();
    const answer = new Answer(this.#socket, projectId, onChunk, timeout);
    this.#participation.answers.add(answer);
    try {
      const payload = { message, projectId, context, key: key ?? randomName() };
      const requestId = await this.#asked(chain, payload, answer);
      // It may have been asked before, and be answered.
      if (key !== undefined && projectId !== undefined) {
        await this.#participation.enterAgain(chain, projectId);
      }
      const stop = () => chain.goesOn() && this.#client.emit("ai:cancel", { requestId });
      if (signal?.aborted) stop();
      signal?.addEventListener("abort", stop, { once: true });
      try {
        return await chain.confirm(await answer.of(requestId));
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    } finally {
      answer.close();
      this.#participation.answers.delete(answer);
    }
  }

  /** Send a message; resolves to the id of the request. */
  async #asked(chain, payload, answer) {
    const wasConnected = this.#client.connected;
    try {
      return (await chain.call("ai:message", payload)).requestId;
    } catch (error) {
      const isLost = error instanceof Unreachable && wasConnected && !this.#client.connected;
      if (!isLost || payload.projectId === undefined) throw error;
    }
    // Whether it was taken is not known: with the same key it is asked once.
    await answer.comeBack();
    return (await chain.call("ai:message", payload)).requestId;
  }
}
