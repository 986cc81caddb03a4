// A file that is open, and edited by others at the same time. docs/coediting.md tells how a client
// goes about it; replica.js keeps the text, drafts.js what is not acknowledged.

import { Draft } from "./drafts.js";
import { Replica, difference } from "./replica.js";
import { Refusal, ask } from "./session.js";

// After which what the server could not take is sent again, if it does not say when.
const RETRY_MILLISECONDS = 1_000;
// After which it is said that all is saved: while one types on, that is not so for long.
const REST_MILLISECONDS = 300;
// Refusals after which the same is sent again.
const PASSING = new Set(["FILE_LOCKED", "INTERNAL_ERROR", "RATE_LIMIT_EXCEEDED", "STORAGE_ERROR"]);

export class SharedFile {
  revision = 0;
  /** How many times one has typed what is not acknowledged yet. */
  unsaved = 0;
  /** Whether something is unsaved, or just was. */
  isBusy = false;
  /** Whether what is not acknowledged would outlive the tab. */
  isKept = true;
  /** Hears what others changed, a `ChangeSet`: the editor's way to follow. */
  show = () => {};
  #draft;
  #replica;
  #tell;
  // Those that are in flight, of the unsaved ones.
  #flying = 0;
  // What is heard while the answer to `file:open` is on its way comes after it.
  #early = null;
  #isOnline = false;
  #isOpen = false;
  #isSending = false;
  #ended = false;
  #settled = [];
  #resting;
  #goOn = () => {};

  /**
   * `tell(document, {problem, isOver})` hears whenever what is unsaved may be another, of a `problem`
   * or null if there is none any more, and whether it ends all typing here. A `draft` is gone on with.
   */
  constructor({ projectId, path, userId, tell, draft }) {
    this.projectId = projectId;
    this.path = path;
    this.#tell = (news) => tell(this, news);
    if (draft) {
      this.#replica = draft.replica;
      const nothing = () => {};
      const { forget } = draft;
      this.#draft = { begin: nothing, forget, heard: nothing, keep: () => true, moveTo: nothing };
      this.unsaved = 1;
      this.isBusy = true;
    } else {
      const author = randomName();
      this.#replica = new Replica(userId, author);
      this.#draft = new Draft(userId, projectId, path, author);
    }
  }

  /** Return the text as it is here, a CodeMirror `Text`. */
  get text() {
    return this.#replica.text;
  }

  get version() {
    return this.#replica.version;
  }

  /** Open it for the first time. Rejects if the server refuses that. */
  async open() {
    this.#isOnline = true;
    await this.#open();
    this.#send();
  }

  /** Something was typed: a `ChangeSet` of the text as it is here. */
  edit(change) {
    if (this.#ended || change.empty) return;
    this.#replica.edit(change);
    this.unsaved += 1;
    this.isBusy = true;
    clearTimeout(this.#resting);
    // What is sent at once is kept by that.
    const isSent = this.#isOnline && this.#isOpen && !this.#isSending;
    this.#send();
    if (isSent) this.#tell({});
    else this.#keep();
  }

  /** An update was heard. */
  hear(data) {
    const replica = this.#replica;
    if (this.#early !== null) this.#early.push(data);
    else if (data.epoch !== replica.epoch || data.version < replica.version) return;
    else if (data.version === replica.version) this.#take(data);
    else this.comeBack();
  }

  /** The file has another path. What is not acknowledged is kept under it. */
  moveTo(path) {
    if (path === this.path) return;
    this.path = path;
    this.#draft.moveTo(path);
    if (!this.#replica.isSettled) this.#keep();
  }

  /** The connection is gone. */
  lose() {
    this.#isOnline = this.#isOpen = false;
    this.#tell({});
  }

  /** There is a connection again, and the project is joined. */
  comeBack() {
    this.#isOnline = true;
    this.#isOpen = false;
    this.#goOn();
    this.#send();
  }

  /** Others may be let in again: what was refused is sent once more. */
  unlocked() {
    this.#goOn();
  }

  /** Wait until nothing is unsaved. Returns whether that is so: not if it ended before. */
  async settle() {
    if (this.unsaved > 0 && !this.#ended) await new Promise((done) => this.#settled.push(done));
    return this.unsaved === 0;
  }

  /** Hear and send nothing more. What is unsaved stays as a draft, unless it is `forgotten`. */
  end({ forgotten = this.unsaved === 0 } = {}) {
    this.#ended = true;
    this.#goOn();
    if (forgotten) this.#draft.forget();
    for (const done of this.#settled.splice(0)) done();
  }

  async #open() {
    const replica = this.#replica;
    const { projectId, path: filePath } = this;
    let before;
    this.#early = [];
    try {
      const { since, author } = replica;
      const answer = await ask("file:open", { projectId, filePath, since, author });
      // One may have typed meanwhile.
      before = replica.text;
      const hadFlight = replica.inFlight !== null;
      replica.opened(answer);
      if (answer.filePath !== this.path) {
        this.moveTo(answer.filePath);
        this.#tell({ movedTo: answer.filePath });
      }
      if (answer.content === undefined) {
        for (const { change } of answer.updates) this.#draft.heard(change);
      } else {
        this.#draft.begin();
      }
      if (hadFlight && replica.inFlight === null) this.#landed();
      this.revision = answer.revision;
      // The connection may be on its way to another server.
      this.#isOpen = this.#isOnline;
    } finally {
      const early = this.#early;
      this.#early = null;
      if (this.#isOpen) for (const data of early) this.hear(data);
    }
    if (!replica.text.eq(before)) this.show(difference(before, replica.text));
    this.#keep();
  }

  #take(data) {
    const wasInFlight = this.#replica.inFlight !== null;
    const change = this.#replica.hear(data);
    this.#draft.heard(data.change);
    if (change !== null) this.show(change);
    else if (wasInFlight) this.#landed();
    this.#keep();
  }

  #landed() {
    this.unsaved -= this.#flying;
    this.#flying = 0;
    if (this.#replica.isSettled) this.unsaved = 0;
  }

  #keep() {
    this.isKept = this.#draft.keep(this.#replica);
    this.#tell({});
  }

  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (!this.#ended && this.#isOnline && (await this.#sendOne()));
    } catch (error) {
      if (!this.#ended) this.#tell({ problem: error, isOver: true });
      this.end({ forgotten: false });
    } finally {
      this.#isSending = false;
    }
  }

  // Whether to go on.
  async #sendOne() {
    const { projectId, path: filePath } = this;
    const replica = this.#replica;
    try {
      if (!this.#isOpen) await this.#open();
      if (!this.#isOnline) return false;
      const flying = replica.inFlight;
      const outgoing = replica.outgoing();
      if (outgoing === null) {
        this.unsaved = 0;
        for (const done of this.#settled.splice(0)) done();
        this.#rest();
        return false;
      }
      if (flying === null) {
        this.#flying = this.unsaved;
        this.isKept = this.#draft.keep(replica);
      }
      await ask("file:edit", { projectId, filePath, ...outgoing });
      this.#tell({ problem: null });
      // One's own is heard before the acknowledgement.
      if (replica.inFlight !== null && replica.number === outgoing.number) this.#isOpen = false;
    } catch (error) {
      if (error.code === "VERSION_CONFLICT") this.#isOpen = false;
      else if (PASSING.has(error.code)) await this.#refused(error);
      else if (error instanceof Refusal && error.code !== "UNAUTHORIZED") throw error;
      else if (this.#isOnline) await this.#pause(RETRY_MILLISECONDS);
    }
    return true;
  }

  #rest() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.isBusy = this.unsaved > 0;
      this.#tell({});
    }, REST_MILLISECONDS);
  }

  async #refused(error) {
    if (error.code !== "FILE_LOCKED") this.#tell({ problem: error });
    await this.#pause((error.details?.retryAfter ?? 0) * 1_000 || RETRY_MILLISECONDS);
  }

  #pause(milliseconds) {
    return new Promise((done) => {
      this.#goOn = done;
      setTimeout(done, milliseconds);
    });
  }
}

/** Unguessable also where `crypto.randomUUID` is not, outside https and localhost. */
function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
