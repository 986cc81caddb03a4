// Who the user of a client is, which is said on every connection.

/**
 * The session of a client, or the user's id in open mode. `call` sends an event, and `insist` sends it
 * again while it comes too fast.
 */
export class Identity {
  #call;
  #insist;
  #userId;

  constructor(call, insist, sessionId, userId) {
    this.#call = call;
    this.#insist = insist;
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
      this.user = user;
    } catch (error) {
      if (error.code !== "UNAUTHORIZED") throw error;
      // Only a server in open mode lets somebody without a session see projects.
      await this.#insist("project:list").catch((refused) => {
        // Whatever else it is, it does not say which server this is.
        throw refused.code === "UNAUTHORIZED" ? error : refused;
      });
      this.user = null;
      console.warn(`${error.message}; going on as a guest, because the server is in open mode`);
    }
  }

  async #presentName() {
    const { user } = await this.#insist("user:join", { userId: this.#userId });
    this.user = user;
  }

  /** Open a session with a name and a password. */
  async login(username, password) {
    const { user, session } = await this.#call("auth:login", { username, password });
    this.user = user;
    this.sessionId = session.id;
    return { user, session };
  }

  /** End the session. */
  async logout() {
    await this.#call("auth:logout");
    this.user = null;
    this.sessionId = undefined;
  }
}
