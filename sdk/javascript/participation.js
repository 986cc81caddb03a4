// What a client takes part in, which it takes up again on each connection.

import { SharedDocument } from "./document.js";
import { FAILURES, Refused, SessionEnded, Unreachable, mayPass } from "./errors.js";
import { FileLock } from "./lock.js";
import { addFurtherPages } from "./pages.js";
import { persist } from "./patience.js";

// How often, and how long after the first refusal, a lock is taken back that oneself has elsewhere; after
// each further one twice as long.
const RETAKINGS = 6;
const RETAKE_MILLISECONDS = 50;

/**
 * The projects that a client is in, the locks that it holds, the documents that it has open, and the
 * answers that it waits for.
 */
export class Participation {
  projects = new Set();
  locks = new Set();
  documents = new Set();
  answers = new Set();
  #socket;
  #chains;
  // The locks that are asked for, each with the tokens of locks that have ended meanwhile. Its own may
  // be one of them, since it is known only when the acknowledgement is read.
  #asked = new Set();

  constructor(socket, chains) {
    this.#socket = socket;
    this.#chains = chains;
    socket.on("disconnect", (reason) => this.#lose(reason));
    for (const event of ["file:edited", "file:unlocked"]) {
      socket.on(event, (data, { projectId }) => {
        for (const document of this.documents) document._hear(event, data, projectId);
      });
    }
    socket.on("file:unlocked", ({ token }) => this.#hearEnded(token));
    // Or not shared with the user any more.
    socket.on("project:deleted", ({ projectId }) => this.forget(projectId, "is gone"));
    socket.on("file:moved", (data, { projectId }) => this.#follow(data, projectId));
    socket.on("server:resync", () => this.#lookAgain());
  }

  /** Let documents and locks go where their files went. */
  #follow({ filePath: source, newPath, revision }, projectId) {
    const moved = (path) => (isWithin(path, source) ? newPath + path.slice(source.length) : path);
    for (const one of this.documents) {
      // Of several servers one may tell of a move after others have told what came to its path later.
      const isLater = revision < one._revision;
      if (one.projectId === projectId && !isLater) one.filePath = moved(one.filePath);
    }
    for (const one of this.locks) {
      if (one.projectId === projectId) one.lock = { ...one.lock, filePath: moved(one.filePath) };
    }
  }

  // -- a lost connection, and the next one

  #lose(reason) {
    const comesBack = this.#socket.active && this.#socket.io.reconnection();
    for (const document of this.documents) {
      if (comesBack) document._lose();
      else document._giveUp(new Unreachable(`the connection was lost: ${reason}`));
    }
  }

  /** Let documents send nothing more until it is taken up: the connection is about to go. */
  pause() {
    for (const document of this.documents) document._lose();
  }

  /** Take up on a new connection what there was on the one before. */
  async takeUp(chain = this.#chains.begin()) {
    await this.#enterAll(chain);
    for (const lock of this.locks) await this.#takeAgain(chain, lock);
    this.#openDocuments();
  }

  /** The server was cut off from others: what happened there may not have been told. */
  async #lookAgain() {
    const { id } = this.#socket;
    const lasts = () => this.#socket.id === id;
    this.pause();
    const chain = this.#chains.begin();
    try {
      await persist(() => this.takeUp(chain), mayPass, lasts);
    } catch (error) {
      // Otherwise the next connection begins anew, or nothing is left of what there was.
      if (!lasts() || error instanceof SessionEnded) return;
      console.warn(`cannot look again at what there is: ${error.message}`);
      this.#openDocuments();
    }
  }

  #openDocuments() {
    for (const document of this.documents) document._comeBack();
  }

  async #enterAll(chain) {
    const asked = [...this.answers].map(({ projectId }) => projectId);
    for (const projectId of new Set([...this.projects, ...asked])) {
      if (projectId !== undefined) await this.enterAgain(chain, projectId);
    }
  }

  /** Enter a project, and let the answers for it look at what it has. */
  async enterAgain(chain, projectId) {
    try {
      const joined = await chain.insist("project:join", { projectId });
      for (const answer of this.#answersOf(projectId)) answer.back(joined);
    } catch (error) {
      if (error.code !== "NOT_FOUND") throw error;
      for (const answer of this.#answersOf(projectId)) answer.fail(error);
      // It was deleted, or is not shared any more; the other projects are still there.
      console.warn(`cannot enter it again: ${error.message}`);
      this.forget(projectId, "is gone");
    }
  }

  #answersOf(projectId) {
    return [...this.answers].filter((answer) => answer.projectId === projectId);
  }

  async #takeAgain(chain, lock) {
    if (!lock.held) return void this.locks.delete(lock);
    const { projectId, filePath } = lock;
    const { lockType } = lock.lock;
    for (let attempt = 0; attempt < RETAKINGS; attempt += 1) {
      try {
        const payload = { projectId, filePath, lockType };
        lock.lock = await this.#take(chain.insist, payload);
        // It may have been released meanwhile.
        if (!lock.held) await lock._giveBack(chain.insist);
        return;
      } catch (error) {
        if (!(error instanceof Refused) || FAILURES.has(error.code)) throw error;
        if (!lock.held || error.details?.holder?.id !== lock.lock.user.id) break;
        // The server that was left does not know yet that the connection is gone.
        await new Promise((resolve) => setTimeout(resolve, RETAKE_MILLISECONDS * 2 ** attempt));
      }
    }
    // Somebody else was faster.
    this.#loseLock(lock);
  }

  /** Ask for a lock with `send`; resolves to it. Rejects with `Refused` also when it has ended by now. */
  async #take(send, payload) {
    const asked = { projectId: payload.projectId, ended: new Set() };
    this.#asked.add(asked);
    try {
      const { lock } = await send("file:lock", payload);
      const isLeft = !this.#asked.has(asked);
      if (!isLeft && !asked.ended.has(lock.token)) return lock;
      const message = `file '${lock.filePath}': the lock has ended at once: lock it again`;
      throw new Refused({ code: "FILE_LOCKED", message });
    } finally {
      this.#asked.delete(asked);
    }
  }

  /** Take note that the lock of a token has ended, which may be one of those here. */
  #hearEnded(token) {
    for (const { ended } of this.#asked) ended.add(token);
    for (const lock of this.locks) if (lock.token === token) this.#loseLock(lock);
  }

  #loseLock(lock) {
    lock.held = false;
    this.locks.delete(lock);
  }

  // -- what is begun

  /** Enter a project; resolves to all that there is to show of it. */
  async join(chain, projectId) {
    const joined = await chain.call("project:join", { projectId });
    await addFurtherPages(chain.call, projectId, joined);
    chain.check();
    joined.users = joined.presence.map(({ user }) => user);
    this.projects.add(projectId);
    return joined;
  }

  /** Lock a file for the `client`. */
  async lock(client, { projectId, filePath, lockType }) {
    const payload = { projectId, filePath, lockType };
    const chain = this.#chains.begin();
    const lock = await this.#take(chain.call, payload);
    chain.check();
    const held = new FileLock(client, chain, projectId, lock);
    // Those that were released are forgotten with the next one.
    for (const other of this.locks) if (!other.held) this.locks.delete(other);
    this.locks.add(held);
    return held;
  }

  /** Open a file of a project, which the `client` joins if it has not yet. */
  async open(client, projectId, filePath) {
    const chain = this.#chains.begin();
    if (!this.projects.has(projectId)) await client.joinProject(projectId);
    await client._untilIn("file:open");
    chain.check();
    const forget = (document) => this.documents.delete(document);
    const document = new SharedDocument(client, chain, projectId, filePath, forget);
    this.documents.add(document);
    try {
      await this.#openJoined(client, chain, document);
    } catch (error) {
      this.documents.delete(document);
      throw error;
    }
    return document;
  }

  async #openJoined(client, chain, document) {
    try {
      await document._open();
    } catch (error) {
      if (error.code !== "FORBIDDEN") throw error;
      // It waited for a connection, and was sent before the project was joined again on that.
      chain.check();
      await client.joinProject(document.projectId);
      await document._open();
    }
  }

  // -- leaving

  /** Lose all that there is of a project, which `was left` or `is gone`. */
  forget(projectId, outcome) {
    this.projects.delete(projectId);
    for (const lock of this.locks) if (lock.projectId === projectId) this.#loseLock(lock);
    for (const asked of this.#asked) if (asked.projectId === projectId) this.#asked.delete(asked);
    for (const document of this.documents) {
      if (document.projectId !== projectId) continue;
      document._giveUp(new Unreachable(`the project '${projectId}' ${outcome}`));
    }
  }

  /** Lose everything; whoever waits for some of it gets the error. */
  end(error) {
    for (const lock of this.locks) this.#loseLock(lock);
    for (const document of this.documents) document._giveUp(error);
    this.projects.clear();
    for (const answer of this.answers) answer.fail(error);
  }
}

/** Return whether a path is that of a file or folder, or inside of it. */
function isWithin(path, place) {
  return path === place || path.startsWith(`${place}/`);
}
