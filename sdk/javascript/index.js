// A client of the AI coding assistant's real-time API, on the official Socket.IO client.
//
// It authenticates on every connection, also after a reconnection, and then joins the projects and
// takes the locks again that it had. Its methods wait for acknowledgements, so what they resolve to is
// on the server's disk. Events of the client's manager, such as `reconnect`, are heard here.

import { io } from "socket.io-client";
import { acceptAction, rejectAction } from "./actions.js";
import { Arrivals } from "./arrivals.js";
import { Assistant } from "./assistant.js";
import { Batch } from "./batch.js";
import { Chains } from "./chains.js";
import { Unreachable } from "./errors.js";
import { Identity } from "./identity.js";
import { askForLock } from "./lock_request.js";
import { listAll, search } from "./pages.js";
import { Participation } from "./participation.js";
import { replaceAll } from "./replacing.js";
import { Sending } from "./sending.js";
import { download, readText, upload } from "./transfers.js";
import { TypingNotice } from "./typing.js";

export { SharedDocument } from "./document.js";
export { Refused, SDKError, SessionEnded, Unreachable } from "./errors.js";
export { FileLock } from "./lock.js";

const MANAGER_EVENTS = new Set([
  "reconnect",
  "reconnect_attempt",
  "reconnect_error",
  "reconnect_failed",
]);

/** A client, made of parts that each have one idea. */
export class AICodingAssistantSocket {
  #socket;
  #baseURL;
  #identity;
  #arrivals;
  #sending;
  #participation;
  #assistant;
  #chains = new Chains(this);
  #batch = new Batch(this.#chains);
  #typing = new TypingNotice((event, payload) => this.emit(event, payload));

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
    if (maxReconnectionAttempts !== undefined) {
      options.reconnectionAttempts ??= maxReconnectionAttempts;
    }
    this.#socket = io(baseURL, {
      forceNew: true,
      auth: (answer) => answer(this.#identity.credentials()),
      ...options,
      autoConnect: false,
    });
    this.#participation = new Participation(this.#socket, this.#chains);
    const { documents } = this.#participation;
    this.#identity = new Identity(this, this.#chains, documents, this.#end.bind(this), sessionId, userId);
    const introduce = async () => {
      await this.#identity.present();
      await this.#participation.takeUp();
    };
    const finish = (milliseconds) => {
      this.#participation.pause();
      return this.#sending.settled(milliseconds);
    };
    this.#arrivals = new Arrivals(this.#socket, baseURL, introduce, finish);
    this.#sending = new Sending(this.#socket);
    this.#assistant = new Assistant(this, this.#socket, this.#chains, this.#participation);
    this.#socket.on("auth:session", (data) => this.#identity.hear(data));
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
    return this.#identity.user;
  }

  /** The session, which `login` and `auth:refresh` change. */
  get sessionId() {
    return this.#identity.sessionId;
  }

  // -- connecting

  /**
   * Connect and authenticate. Rejects with `Unreachable`, also when `disconnect` is called meanwhile,
   * or with `Refused` when the session is over. Where the server runs in open mode, a client with such
   * a session goes on as a guest.
   */
  async connect() {
    await this.#arrivals.connect();
    return this.user;
  }

  /** Leave, for good. */
  disconnect() {
    this.#arrivals.leave();
    this.#sending.close();
    this.#end(new Unreachable("disconnect() was called"));
    this.#socket.disconnect();
    this.#arrivals.giveUp();
  }

  /** Open a session with a name and a password; nothing goes on that was begun as another user. */
  async login(username, password) {
    await this.flush();
    return this.#identity.login(username, password);
  }

  /** End the session, and what there is of projects with it. What is queued is sent before. */
  async logout() {
    await this.flush();
    await this.#identity.logout();
  }

  #end(error) {
    this.#chains.end(error);
    this.#batch.close(error);
    this.#typing.close();
    this.#participation.end(error);
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
    this.#arrivals.whenIn(() => this.#sending.emit(event, payload));
    return this;
  }

  /**
   * Send an event and wait for its acknowledgement. Rejects with `Refused` or `Unreachable`. Before the
   * client is let in, and while it comes back after a lost connection, it waits for that.
   */
  async call(event, payload = {}) {
    // What is sent at once keeps its place among the events that are emitted.
    if (this.#arrivals.isAway) await this.#arrivals.untilIn(event);
    return this._ask(event, payload);
  }

  /** Do what `call` does, at once: for what is said to come back. */
  async _ask(event, payload = {}) {
    return this.#sending.call(event, payload);
  }

  /** Wait until the client is where it was, before an event is sent. */
  async _untilIn(event) {
    if (this.#arrivals.isAway) await this.#arrivals.untilIn(event);
  }

  // -- projects and files

  /**
   * Enter a project; resolves to all that there is to show of it. Entered again when reconnected. Of
   * the chat it has the last messages; `ai:history` has those before, after `nextMessage`.
   */
  async joinProject(projectId) {
    const chain = this.#chains.begin();
    const result = await this.#participation.join(chain, projectId);
    chain.check();
    this.#identity.user = result.user;
    return result;
  }

  /**
   * List all items of `bin:list`, `file:list`, `file:locks`, `history:list`, `user:list`,
   * `version:list`, `project:list` or `notification:list`, page by page; or those after the `next` of
   * a page.
   */
  async listAll(event, payload = {}, after = undefined) {
    return listAll(this.#chains.begin().call, event, payload, after);
  }

  /** Read a file of any size, part by part: `{filePath, content, size, hash, file?}`. */
  async readFile(projectId, filePath, { versionId, saveId } = {}) {
    return readText(this.#chains.begin().call, { projectId, filePath, versionId, saveId });
  }

  /**
   * Read a file of any kind as bytes: `{filePath, data, size, hash, mediaType?, file?}`; without a
   * `mediaType` it is a text.
   */
  async downloadFile(projectId, filePath, { versionId, saveId } = {}) {
    return download(this.#chains.begin().call, { projectId, filePath, versionId, saveId });
  }

  /**
   * Create a file of any kind, of at most 5 MB, or replace it with `overwrite` or if it has the
   * `baseRevision`; resolves to the file. Bytes that are UTF-8 become a text. Done as a whole or not
   * at all: after an `Unreachable` it may be called again.
   */
  async uploadFile(projectId, filePath, given, { overwrite = false, baseRevision } = {}) {
    const { call } = this.#chains.begin();
    return upload(call, { projectId, filePath, overwrite, baseRevision }, given);
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
    return search(this.#chains.begin().call, { ...options, projectId, query });
  }

  /**
   * Search in all files of a project, and put `replacement` in the place of what is found, as if it was
   * typed: `[{filePath, replaced, left}]`, where `left` counts what was something else by then. The
   * options are those of `search`.
   */
  async replace(projectId, query, replacement, options = {}) {
    return replaceAll(this, this.#chains.begin(), { ...options, projectId, query, replacement });
  }

  /** Make a file what it was at a save of its history, which `listAll("history:list", …)` has. */
  async restoreSave(projectId, filePath, saveId) {
    return this.call("history:restore", { projectId, filePath, saveId });
  }

  /** Leave a project; `forGood` also as a member. */
  async leaveProject(projectId, { forGood = false } = {}) {
    this.#participation.forget(projectId, "was left");
    return this.call("project:leave", { projectId, forGood });
  }

  /**
   * Open a file to edit it together with others, as they type. The project is joined for it. With
   * `await using document = await socket.openDocument(…)` it is closed at the end.
   */
  async openDocument(projectId, filePath) {
    return this.#participation.open(this, projectId, filePath);
  }

  /** Lock a file. `await using lock = await socket.lockFile(…)` releases it at the end. */
  async lockFile(projectId, filePath, { lockType = "exclusive" } = {}) {
    return this.#participation.lock(this, { projectId, filePath, lockType });
  }

  /**
   * Ask whoever holds a file exclusively to hand it over; resolves to whether that was done: then
   * `lockFile` has it at once. The server waits a minute for the holder.
   */
  async askForLock(projectId, filePath) {
    const chain = this.#chains.begin();
    const outcome = await askForLock(this.#socket, chain.call, { projectId, filePath });
    return chain.confirm(outcome === "handed-over");
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
    return (await this.call("chat:message", { projectId, message, place, key })).message;
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
  async sendAIMessage(message) {
    return this.#assistant.ask(message);
  }

  /**
   * Do what an action of a response proposes, and say so: it is not offered again. Rejects with a
   * Refused of VERSION_CONFLICT if the file has changed since.
   */
  async acceptAction(projectId, response, action) {
    return acceptAction(this.#chains.begin().call, projectId, response, action);
  }

  /** Say that what an action of a response proposes is not wanted: it is not offered again. */
  async rejectAction(projectId, response, action) {
    await rejectAction(this.#chains.begin().call, projectId, response, action);
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
