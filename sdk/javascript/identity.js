// Who the user of a client is, which is said on every connection.

import { SessionEnded } from "./errors.js";
import { insisting } from "./patience.js";

/**
 * The session of a client, or the user's id in open mode. `end(error)` hears when the client is not that
 * user's any more; the `documents` of a guest become the user's who logs in.
 */
export class Identity {
  #client;
  #chains;
  #documents;
  #end;
  #insist;
  #userId;
  // Whether the user is no guest: what is a guest's becomes the next user's.
  #isNamed = false;

  constructor(client, chains, documents, end, sessionId, userId) {
    this.#client = client;
    this.#chains = chains;
    this.#documents = documents;
    this.#end = end;
    this.#insist = insisting(client.socket, (...args) => client._ask(...args));
    this.#userId = userId;
    this.sessionId = sessionId;
    /** Who the server says that one is; null before, and for a guest in no project. */
    this.user = null;
  }

  /** Return what a connection is opened with. */
  credentials() {
    return this.sessionId ? { sessionId: this.sessionId } : {};
  }

  /** Take the event `auth:session`: the session may have another id. */
  hear({ session }) {
    if (session.id) this.sessionId = session.id;
  }

  /**
   * Say who one is. Whose session is over is a guest where the server runs in open mode; elsewhere it
   * rejects with `Refused`.
   */
  async present() {
    if (this.sessionId) await this.#presentSession();
    else if (this.#userId) await this.#presentName();
  }

  async #presentSession() {
    try {
      const { user } = await this.#insist("auth:session", { sessionId: this.sessionId });
      this.#become(user);
    } catch (error) {
      if (error.code !== "UNAUTHORIZED") throw error;
      // Only a server in open mode lets somebody without a session see projects.
      await this.#insist("project:list").catch((refused) => {
        // Whatever else it is, it does not say which server this is.
        throw refused.code === "UNAUTHORIZED" ? error : refused;
      });
      this.user = null;
      this.#isNamed = false;
      console.warn(`${error.message}; going on as a guest, because the server is in open mode`);
    }
  }

  async #presentName() {
    const { user } = await this.#insist("user:join", { userId: this.#userId });
    this.#become(user);
  }

  /** Open a session with a name and a password. */
  async login(username, password) {
    await this.#client._untilIn("auth:login");
    return this.#chains.pause(async () => {
      const { user, session } = await this.#client._ask("auth:login", { username, password });
      this.#become(user);
      this.sessionId = session.id;
      return { user, session };
    });
  }

  #become(user) {
    const isAnother = this.user !== null && this.user.id !== user.id;
    if (isAnother && this.#isNamed) this.#end(new SessionEnded("another user has logged in"));
    if (isAnother) for (const document of this.#documents) document._become(user.id);
    this.user = user;
    this.#isNamed = true;
  }

  /** End the session. */
  async logout() {
    await this.#client._untilIn("auth:logout");
    await this.#chains.pause(async () => {
      await this.#client._ask("auth:logout");
      this.user = null;
      this.sessionId = undefined;
      this.#isNamed = false;
      this.#end(new SessionEnded("the session was ended"));
    });
  }
}
