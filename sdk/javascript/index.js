// A client of the AI coding assistant's real-time API, on the official Socket.IO client.
//
// It authenticates on every connection, also after a reconnection, and then joins the projects and
// takes the locks again that it had. Its methods wait for acknowledgements, so what they resolve to is
// on the server's disk. It smooths what surprises in the official client: `reconnect` and its kin can
// be listened to here, and `maxReconnectionAttempts` counts.

import { io } from "socket.io-client";
import { Answer } from "./answer.js";
import { Batch } from "./batch.js";
import { SharedDocument } from "./document.js";
import { Due } from "./due.js";
import { FAILURES, Refused, Unreachable } from "./errors.js";
import { FileLock } from "./lock.js";
import { Pace } from "./pace.js";
import { putIn } from "./replacing.js";
import { download, readText, upload } from "./transfers.js";
import { TypingNotice } from "./typing.js";

export { SharedDocument } from "./document.js";
export { Refused, SDKError, Unreachable } from "./errors.js";
export { FileLock } from "./lock.js";

const ANSWER_MILLISECONDS = 20_000;
// How long to wait before introducing oneself again to a server that has failed.
const INTRODUCE_MILLISECONDS = 1_000;
// The server gives the assistant two minutes unless AI_TIMEOUT says otherwise.
const RESPONSE_MILLISECONDS = 150_000;
// Where the items are in the answer to each of these events.
const LISTS = {
  "bin:list": "deletions",
  "file:list": "files",
  "file:locks": "locks",
  "history:list": "saves",
  "notification:list": "notifications",
  "project:list": "projects",
  "user:list": "presence",
  "version:list": "versions",
};
// How the lists go on that joining a project begins: the event, and where it is said.
const PAGES = [
  ["file:list", "nextFile"],
  ["file:locks", "nextLock"],
  ["user:list", "nextPresence"],
];

const MANAGER_EVENTS = new Set([
  "reconnect",
  "reconnect_attempt",
  "reconnect_error",
  "reconnect_failed",
]);

export class AICodingAssistantSocket {
  #socket;
  #baseURL;
  #sessionId;
  #userId;
  #user = null;
  #introduction = null;
  // Whether this client, since it was told to connect, has been let in.
  #cameIn = false;
  // Each ends one call of `connect` that waits, because `disconnect` was called.
  #leaving = new Set();
  #projects = new Set();
  #locks = new Set();
  #answers = new Set();
  #documents = new Set();
  // Looked up each time: a program may have put another function in its place.
  #call = (...args) => this.call(...args);
  #batch = new Batch(this.#call);
  #typing = new TypingNotice((event, payload) => this.emit(event, payload));
  #pace = new Pace();
  #due = new Due(
    () => this.connected && this.call("test:ping").catch(() => {}),
    (retryAfter) => this.#pace.slowDown(retryAfter),
  );

  constructor(given = {}) {
    if (typeof given !== "object") {
      // The official client takes a URL here; without this, the default one would be used.
      throw new TypeError(`got ${typeof given}, expected options, such as { baseURL: "http://…" }`);
    }
    const {
      baseURL = "http://localhost:3001",
      sessionId,
      userId,
      maxReconnectionAttempts,
      ...options
    } = given;
    this.#baseURL = baseURL;
    this.#sessionId = sessionId;
    this.#userId = userId;
    if (maxReconnectionAttempts !== undefined) {
      options.reconnectionAttempts ??= maxReconnectionAttempts;
    }
    this.#socket = io(baseURL, {
      forceNew: true,
      // Also here, because what waited for a connection is sent before "connect" is heard.
      auth: (answer) => answer(this.#sessionId ? { sessionId: this.#sessionId } : {}),
      ...options,
      autoConnect: false,
    });
    this.#socket.on("connect", () => {
      if (this.#socket.io.engine.readyState !== "open") {
        // The official client reads a packet a moment after it came, so it may tell of a connection
        // that it has lost meanwhile. What is sent now waits for the next one.
        this.#socket.connected = false;
        return;
      }
      this.#introduction = this.#surelyIntroduce();
      // Whoever waits for it hears of a failure; nobody else has to.
      this.#introduction.catch(() => {});
    });
    this.#socket.on("disconnect", (reason) => {
      const comesBack = this.#socket.active && this.#socket.io.reconnection();
      for (const document of this.#documents) {
        if (comesBack) document._lose();
        else document._giveUp(new Unreachable(`the connection was lost: ${reason}`));
      }
    });
    for (const event of ["file:edited", "file:unlocked"]) {
      this.#socket.on(event, (data, { projectId }) => {
        for (const document of this.#documents) document._hear(event, data, projectId);
      });
    }
    this.#socket.on("file:moved", ({ filePath: source, newPath }, { projectId }) => {
      const moved = (path) => (isWithin(path, source) ? newPath + path.slice(source.length) : path);
      for (const one of this.#documents) {
        if (one.projectId === projectId) one.filePath = moved(one.filePath);
      }
      for (const one of this.#locks) {
        if (one.projectId === projectId) {
          one.lock = { ...one.lock, filePath: moved(one.filePath) };
        }
      }
    });
    this.#socket.on("auth:session", ({ session }) => {
      if (session.id) this.#sessionId = session.id;
    });
    // Whatever fails there, the next connection begins anew.
    this.#socket.on("server:resync", () => this.#lookAgain().catch(() => {}));
    this.#socket.on("rate_limited", ({ retryAfter }) => {
      console.warn("the server drops what comes too fast: going on more slowly");
      this.#due.limited(retryAfter);
    });
  }

  /** The official client's socket, for whatever this class has no method for. */
  get socket() {
    return this.#socket;
  }

  get id() {
    return this.#socket.id;
  }

  get connected() {
    return this.#socket.connected;
  }

  /** Who one is, once connected; for a guest null until the first project is joined. */
  get user() {
    return this.#user;
  }

  /** The session, which `login` and `auth:refresh` change. */
  get sessionId() {
    return this.#sessionId;
  }

  // -- connecting

  /**
   * Connect and authenticate. Rejects with `Unreachable`, also when `disconnect` is called meanwhile,
   * or with `Refused` when the session is over. Where the server runs in open mode, a client with such
   * a session goes on as a guest.
   */
  async connect() {
    if (!this.#socket.connected) await this.#connected();
    await this.#introduction;
    return this.#user;
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

  /** Leave, for good. */
  disconnect() {
    this.#cameIn = false;
    this.#batch.close();
    this.#pace.close();
    this.#due.close();
    this.#typing.close();
    for (const lock of this.#locks) lock.held = false;
    this.#locks.clear();
    for (const document of this.#documents) {
      document._giveUp(new Unreachable("disconnect() was called"));
    }
    this.#projects.clear();
    this.#socket.disconnect();
    // Also of a connection that was lost before.
    for (const answer of this.#answers) answer.lose("disconnect() was called", false);
    for (const left of [...this.#leaving]) left();
  }

  /**
   * Introduce oneself, again and again to a server that fails: one that is stopping says so, and one
   * whose database is away will have it back.
   */
  async #surelyIntroduce() {
    const { id } = this.#socket;
    for (;;) {
      try {
        await this.#introduce();
        this.#cameIn = true;
        return;
      } catch (error) {
        // Who connects hears that nothing answers; who comes back has been answered before.
        const passes = error instanceof Unreachable ? this.#cameIn : FAILURES.has(error.code);
        // Another connection introduces itself.
        if (!passes || !this.#socket.io.reconnection() || this.#socket.id !== id) throw error;
        await new Promise((resolve) => setTimeout(resolve, INTRODUCE_MILLISECONDS));
        if (this.#socket.id !== id) throw error;
      }
    }
  }

  async #introduce() {
    if (this.#sessionId) await this.#present();
    else if (this.#userId) await this.#name();
    await this.#joinAll();
    for (const lock of this.#locks) await this.#takeAgain(lock);
    for (const document of this.#documents) document._comeBack();
  }

  /** The server was cut off from others: what happened there may not have been told. */
  async #lookAgain() {
    for (const document of this.#documents) document._lose();
    try {
      await this.#joinAll();
    } finally {
      if (this.#socket.connected) for (const document of this.#documents) document._comeBack();
    }
  }

  async #joinAll() {
    const asked = [...this.#answers].map(({ projectId }) => projectId);
    for (const projectId of new Set([...this.#projects, ...asked])) {
      if (projectId !== undefined) await this.#joinAgain(projectId);
    }
  }

  async #present() {
    try {
      const { user } = await this.call("auth:session", { sessionId: this.#sessionId });
      this.#user = user;
    } catch (error) {
      if (error.code !== "UNAUTHORIZED") throw error;
      // Only a server in open mode lets somebody without a session see projects.
      await this.call("project:list").catch(() => {
        this.#socket.disconnect();
        throw error;
      });
      this.#user = null;
      console.warn(`${error.message}; going on as a guest, because the server is in open mode`);
    }
  }

  async #name() {
    const { user } = await this.call("user:join", { userId: this.#userId });
    this.#user = user;
  }

  async #joinAgain(projectId) {
    try {
      const joined = await this.call("project:join", { projectId });
      for (const answer of this.#answersOf(projectId)) answer.back(joined);
    } catch (error) {
      if (error.code !== "NOT_FOUND") throw error;
      for (const answer of this.#answersOf(projectId)) answer.fail(error);
      // It was deleted, or is not shared any more; the other projects are still there.
      console.warn(`cannot enter it again: ${error.message}`);
      this.#forget(projectId);
    }
  }

  #answersOf(projectId) {
    return [...this.#answers].filter((answer) => answer.projectId === projectId);
  }

  async #takeAgain(lock) {
    const { projectId, filePath } = lock;
    try {
      const answer = await this.call("file:lock", {
        projectId,
        filePath,
        lockType: lock.lock.lockType,
      });
      lock.lock = answer.lock;
    } catch (error) {
      if (!(error instanceof Refused) || FAILURES.has(error.code)) throw error;
      // Somebody else was faster.
      lock.held = false;
      this.#locks.delete(lock);
    }
  }

  /** Open a session with a name and a password; it is presented again after a reconnection. */
  async login(username, password) {
    const { user, session } = await this.call("auth:login", { username, password });
    this.#user = user;
    this.#sessionId = session.id;
    return { user, session };
  }

  /** End the session. */
  async logout() {
    await this.call("auth:logout");
    this.#user = null;
    this.#sessionId = undefined;
  }

  // -- events

  /** Call `handler(data, event)` for an event; see events.d.ts for all. */
  on(event, handler) {
    (MANAGER_EVENTS.has(event) ? this.#socket.io : this.#socket).on(event, handler);
    return this;
  }

  once(event, handler) {
    (MANAGER_EVENTS.has(event) ? this.#socket.io : this.#socket).once(event, handler);
    return this;
  }

  off(event, handler) {
    (MANAGER_EVENTS.has(event) ? this.#socket.io : this.#socket).off(event, handler);
    return this;
  }

  /** Send an event without waiting. A failure comes back as an event, such as "error". */
  emit(event, payload) {
    this.#pace.add(() => this.#socket.emit(event, payload));
    return this;
  }

  /** Send an event and wait for its acknowledgement. Rejects with `Refused` or `Unreachable`. */
  async call(event, payload = {}) {
    const { ok, error, ...result } = await new Promise((resolve, reject) => {
      const lose = () =>
        reject(
          new Unreachable(`${event} was not acknowledged: the connection was lost, or is slow`),
        );
      this.#pace.add(() => this.#ask(event, payload, resolve, reject, lose), lose);
    });
    if (!ok) throw new Refused(error);
    return result;
  }

  #ask(event, payload, resolve, reject, lose) {
    const call = this.#due.add(reject);
    this.#socket.timeout(ANSWER_MILLISECONDS).emit(event, payload, (late, answer) => {
      if (late) {
        this.#due.forget(call);
        lose();
      } else {
        this.#due.acknowledged(call);
        resolve(answer);
      }
    });
  }

  // -- projects and files

  /**
   * Enter a project; resolves to all that there is to show of it. Entered again when reconnected. Of
   * the chat it has the last messages; `ai:history` has those before, after `nextMessage`.
   */
  async joinProject(projectId) {
    const result = await this.call("project:join", { projectId });
    for (const [event, next] of PAGES) {
      if (result[next] === undefined) continue;
      const more = await this.listAll(event, { projectId }, result[next]);
      result[LISTS[event]].push(...more);
      delete result[next];
    }
    result.users = result.presence.map(({ user }) => user);
    this.#projects.add(projectId);
    this.#user = result.user;
    return result;
  }

  /**
   * List all items of `bin:list`, `file:list`, `file:locks`, `history:list`, `user:list`,
   * `version:list`, `project:list` or `notification:list`, page by page; or those after the `next` of
   * a page.
   */
  async listAll(event, payload = {}, after = undefined) {
    const found = [];
    do {
      const page = await this.call(event, { ...payload, after });
      found.push(...page[LISTS[event]]);
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  /** Read a file of any size, part by part: `{filePath, content, size, hash, file?}`. */
  async readFile(projectId, filePath, { versionId, saveId } = {}) {
    return readText(this.#call, { projectId, filePath, versionId, saveId });
  }

  /**
   * Read a file of any kind as bytes: `{filePath, data, size, hash, mediaType?, file?}`; without a
   * `mediaType` it is a text.
   */
  async downloadFile(projectId, filePath, { versionId, saveId } = {}) {
    return download(this.#call, { projectId, filePath, versionId, saveId });
  }

  /**
   * Create a file of any kind, of at most 5 MB, or replace it with `overwrite` or if it has the
   * `baseRevision`; resolves to the file. Bytes that are UTF-8 become a text. Done as a whole or not
   * at all: after an `Unreachable` it may be called again.
   */
  async uploadFile(projectId, filePath, given, { overwrite = false, baseRevision } = {}) {
    return upload(this.#call, { projectId, filePath, overwrite, baseRevision }, given);
  }

  /**
   * Return an address at which a file can be fetched once, within a minute. Of a folder, and of the
   * whole project without `filePath`, it is a zip archive.
   */
  async createDownload(projectId, filePath = undefined) {
    const { url } = await this.call("download:create", { projectId, filePath });
    return new URL(url, this.#baseURL).href;
  }

  /** Give a file or folder another path; a file gives way to a file with `overwrite`. */
  async moveFile(projectId, filePath, newPath, { overwrite = false } = {}) {
    return this.call("file:move", { projectId, filePath, newPath, overwrite });
  }

  /** Copy a file or folder. */
  async copyFile(projectId, filePath, newPath) {
    return this.call("file:copy", { projectId, filePath, newPath });
  }

  /** Put a file or folder into the bin, which `listAll("bin:list", …)` shows. */
  async deleteFile(projectId, filePath) {
    return this.call("file:delete", { projectId, filePath });
  }

  /** Take a file or folder out of the bin, to its own path or to `newPath`. */
  async restoreFile(projectId, deletionId, { newPath } = {}) {
    return this.call("bin:restore", { projectId, deletionId, newPath });
  }

  /**
   * Search in all files of a project, with what is being typed: `[{filePath, hits}]`. The options are
   * those of `project:search`, such as `{isRegex: true, include: ["*.js"]}`.
   */
  async search(projectId, query, options = {}) {
    const found = new Map();
    let after;
    do {
      const page = await this.call("project:search", { ...options, projectId, query, after });
      for (const { filePath, hits } of page.files) {
        found.set(filePath, [...(found.get(filePath) ?? []), ...hits]);
      }
      after = page.next;
    } while (after !== undefined);
    return Array.from(found, ([filePath, hits]) => ({ filePath, hits }));
  }

  /**
   * Search in all files of a project, and put `replacement` in the place of what is found, as if it was
   * typed: `[{filePath, replaced, left}]`, where `left` counts what was something else by then. The
   * options are those of `search`.
   */
  async replace(projectId, query, replacement, options = {}) {
    const done = [];
    for (const { filePath, hits } of await this.search(projectId, query, { ...options, replacement })) {
      const document = await this.openDocument(projectId, filePath);
      const { text, replaced } = putIn(document.text, hits);
      document.update(() => text);
      await document.close();
      done.push({ filePath, replaced, left: hits.length - replaced });
    }
    return done;
  }

  /** Make a file what it was at a save of its history, which `listAll("history:list", …)` has. */
  async restoreSave(projectId, filePath, saveId) {
    return this.call("history:restore", { projectId, filePath, saveId });
  }

  /** Leave a project; `forGood` also as a member. */
  async leaveProject(projectId, { forGood = false } = {}) {
    this.#forget(projectId);
    return this.call("project:leave", { projectId, forGood });
  }

  #forget(projectId) {
    this.#projects.delete(projectId);
    for (const lock of this.#locks) {
      if (lock.projectId !== projectId) continue;
      lock.held = false;
      this.#locks.delete(lock);
    }
    for (const document of this.#documents) {
      if (document.projectId !== projectId) continue;
      document._giveUp(new Unreachable(`the project '${projectId}' was left`));
    }
  }

  /**
   * Open a file to edit it together with others, as they type. The project is joined for it. With
   * `await using document = await socket.openDocument(…)` it is closed at the end.
   */
  async openDocument(projectId, filePath) {
    if (!this.#projects.has(projectId)) await this.joinProject(projectId);
    const forget = (document) => this.#documents.delete(document);
    const document = new SharedDocument(this, projectId, filePath, forget);
    this.#documents.add(document);
    try {
      await this.#openJoined(document);
    } catch (error) {
      this.#documents.delete(document);
      throw error;
    }
    return document;
  }

  async #openJoined(document) {
    try {
      await document._open();
    } catch (error) {
      if (error.code !== "FORBIDDEN") throw error;
      // It waited for a connection, and was sent before the project was joined again on that.
      await this.joinProject(document.projectId);
      await document._open();
    }
  }

  /** Lock a file. `await using lock = await socket.lockFile(…)` releases it at the end. */
  async lockFile(projectId, filePath, { lockType = "exclusive" } = {}) {
    const { lock } = await this.call("file:lock", { projectId, filePath, lockType });
    const held = new FileLock(this, projectId, lock);
    // Those that were released are forgotten with the next one.
    for (const other of this.#locks) if (!other.held) this.#locks.delete(other);
    this.#locks.add(held);
    return held;
  }

  /**
   * Ask whoever holds a file exclusively to hand it over; resolves to whether that was done: then
   * `lockFile` has it at once. The server waits a minute for the holder.
   */
  async askForLock(projectId, filePath) {
    const outcomes = new Map();
    let lost;
    let wake = () => {};
    const heard = ({ requestId, outcome }) => {
      outcomes.set(requestId, outcome);
      wake();
    };
    const lose = (reason) => {
      lost = new Unreachable(`the connection was lost before the answer: ${reason}`);
      wake();
    };
    this.#socket.on("lock:answered", heard);
    this.#socket.on("disconnect", lose);
    try {
      const { request } = await this.call("lock:ask", { projectId, filePath });
      while (!outcomes.has(request.id)) {
        if (lost) throw lost;
        await new Promise((done) => (wake = done));
      }
      return outcomes.get(request.id) === "handed-over";
    } finally {
      this.#socket.off("lock:answered", heard);
      this.#socket.off("disconnect", lose);
    }
  }

  // -- people

  /**
   * Make an invitation to a project: `{invitation, token}`. Whoever has the token can become a member,
   * for so many `days`, and with `uses` so often.
   */
  async invite({ projectId, role = "editor", days = 7, uses }) {
    return this.call("invitation:create", { projectId, role, days, uses });
  }

  /** Become a member by an invitation: `{project, role}`. */
  async acceptInvitation(token) {
    return this.call("invitation:accept", { token });
  }

  /**
   * Say something to the people of a project, in Markdown; resolves to the message as it is kept. No
   * assistant is asked. `@` and a name notifies somebody. `place` is what it is about, `{filePath,
   * line}` with lines from 0. Sent again with the same `key`, because no acknowledgement came, it is
   * there once.
   */
  async sendMessage({ message, projectId, place, key }) {
    const said = await this.call("chat:message", { projectId, message, place, key });
    return said.message;
  }

  // -- the assistant

  /**
   * Write to the assistant and wait for its response. `onChunk(text)` hears the pieces as they are
   * written; an aborted `signal` stops the answer, and the response has what there was.
   *
   * An answer for a project goes on while the connection is lost, up to 15 seconds; the pieces that are
   * written meanwhile are not heard, but are in the response. A message for a project whose
   * acknowledgement is lost with the connection is sent again on the next one. It is asked once, because
   * it has a `key`, one of its own if none is given. Who gives the same one again enters the project,
   * and gets the answer that was made or is being made.
   */
  async sendAIMessage({ message, projectId, context, key, onChunk, signal, timeout }) {
    const answer = new Answer(this.#socket, projectId, onChunk, timeout ?? RESPONSE_MILLISECONDS);
    this.#answers.add(answer);
    try {
      const payload = { message, projectId, context, key: key ?? newKey() };
      const requestId = await this.#asked(payload, answer);
      // It may have been asked before, and be answered.
      if (key !== undefined && projectId !== undefined) await this.#joinAgain(projectId);
      const stop = () => this.emit("ai:cancel", { requestId });
      if (signal?.aborted) stop();
      signal?.addEventListener("abort", stop, { once: true });
      try {
        return await answer.of(requestId);
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    } finally {
      answer.close();
      this.#answers.delete(answer);
    }
  }

  /** Ask the assistant; resolves to the id of the request. */
  async #asked(payload, answer) {
    const wasConnected = this.connected;
    try {
      return (await this.call("ai:message", payload)).requestId;
    } catch (error) {
      const isLost = error instanceof Unreachable && wasConnected && !this.connected;
      if (!isLost || payload.projectId === undefined) throw error;
    }
    // Whether it was taken is not known: with the same key it is asked once.
    await answer.comeBack();
    return (await this.call("ai:message", payload)).requestId;
  }

  /**
   * Do what an action of a response proposes, and say so: it is not offered again. Rejects with a
   * Refused of VERSION_CONFLICT if the file has changed since.
   */
  async acceptAction(projectId, response, action) {
    const file = {
      path: action.path,
      action: action.type === "create-file" ? "created" : "updated",
      content: action.content,
      baseRevision: action.baseRevision ?? 0,
    };
    const done = await this.call("file:change", { projectId, file });
    await this.#decide(projectId, response, action, "accepted");
    return done;
  }

  /** Say that what an action of a response proposes is not wanted: it is not offered again. */
  async rejectAction(projectId, response, action) {
    await this.#decide(projectId, response, action, "rejected");
  }

  async #decide(projectId, { requestId }, { id: actionId }, outcome) {
    await this.call("ai:applied", { projectId, requestId, actionId, outcome });
  }

  // -- what is sent often

  /**
   * Call this with each key that is pressed: the others hear of it every two seconds at most, and of
   * its end when three seconds have passed without one.
   */
  typing(projectId) {
    this.#typing.key(projectId);
  }

  /** Say that the user types no more, for example because the message was sent. */
  stopTyping(projectId) {
    this.#typing.stop(projectId);
  }

  /**
   * Send an event with others in one `batch:update`, a second later or when there are a hundred.
   * Resolves and rejects as `call` does for this one.
   */
  queue(event, data) {
    return this.#batch.add(event, data);
  }

  /** Send what is queued now. */
  async flush() {
    await this.#batch.flush();
  }
}

/** Return a key that no other message of the user has; pages without a secure context have no UUIDs. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((one) => one.toString(16).padStart(2, "0"))
    .join("");
}

/** Return whether a path is that of a file or folder, or inside of it. */
function isWithin(path, place) {
  return path === place || path.startsWith(`${place}/`);
}
