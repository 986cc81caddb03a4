// A file that is open, and edited by others at the same time. docs/coediting.md tells how a client
// goes about it: replica.js keeps the text, synchronizer.js keeps it in step with the server's, and
// drafts.js keeps what is not acknowledged.

import { Draft } from "./drafts.js";
import { randomName } from "./random_name.js";
import { Replica } from "./replica.js";
import { Refusal, ask, patience } from "./session.js";
import { Synchronizer } from "./synchronizer.js";

// After which it is said that all is saved: while one types on, that is not so for long.
const REST_MILLISECONDS = 300;
// Refusals of which nothing is said: a lock is shown, and whoever is out comes in again.
const SHOWN = new Set(["FILE_LOCKED", "UNAUTHORIZED"]);

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
  #synchronizer;
  #tell;
  // Those that are in flight, of the unsaved ones.
  #flying = 0;
  #ended = false;
  #settled = [];
  #resting;

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
      const { forget, leave } = draft;
      const kept = { begin: nothing, heard: nothing, keep: () => true, moveTo: nothing };
      this.#draft = { ...kept, forget, leave };
      this.unsaved = 1;
      this.isBusy = true;
    } else {
      const author = randomName();
      this.#replica = new Replica(userId, author);
      this.#draft = new Draft(userId, projectId, path, author);
    }
    this.#synchronizer = new Synchronizer(this.#replica, {
      ask: (event, payload) => ask(event, { projectId, filePath: this.path, ...payload }),
      isLoss: (error) => !(error instanceof Refusal),
      opened: (answer) => this.#opened(answer),
      heard: (change) => this.#draft.heard(change),
      changed: (change) => this.show(change),
      launched: () => this.#launched(),
      landed: () => this.#landed(),
      updated: () => this.#keep(),
      accepted: () => this.#tell({ problem: null }),
      delayed: (error) => !SHOWN.has(error.code) && this.#tell({ problem: { message: patience(error) } }),
      settled: () => this.#rest(),
      failed: (error) => this.#failed(error),
    });
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
    await this.#synchronizer.open();
  }

  /** Something was typed: a `ChangeSet` of the text as it is here. */
  edit(change) {
    if (this.#ended || change.empty) return;
    this.#replica.edit(change);
    this.unsaved += 1;
    this.isBusy = true;
    clearTimeout(this.#resting);
    // What is sent at once is kept by that.
    const isSent = this.#synchronizer.isReady;
    this.#synchronizer.send();
    if (isSent) this.#tell({});
    else this.#keep();
  }

  /** An update was heard. */
  hear(data) {
    this.#synchronizer.hear(data);
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
    this.#synchronizer.lose();
    this.#tell({});
  }

  /** There is a connection again, and the project is joined. */
  comeBack() {
    this.#synchronizer.comeBack();
  }

  /** Others may be let in again: what was refused is sent once more. */
  unlocked() {
    this.#synchronizer.sendAgain();
  }

  /** Wait until nothing is unsaved. Returns whether that is so: not if it ended before. */
  async settle() {
    if (this.unsaved > 0 && !this.#ended) await new Promise((done) => this.#settled.push(done));
    return this.unsaved === 0;
  }

  /** Hear and send nothing more. What is unsaved stays as a draft, unless it is `forgotten`. */
  end({ forgotten = this.unsaved === 0 } = {}) {
    this.#ended = true;
    this.#synchronizer.end();
    if (forgotten) this.#draft.forget();
    else this.#draft.leave();
    for (const done of this.#settled.splice(0)) done();
  }

  #opened({ filePath, content, revision }) {
    if (filePath !== this.path) {
      this.moveTo(filePath);
      this.#tell({ movedTo: filePath });
    }
    if (content !== undefined) this.#draft.begin();
    this.revision = revision;
  }

  #launched() {
    this.#flying = this.unsaved;
    this.isKept = this.#draft.keep(this.#replica);
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

  #rest() {
    this.unsaved = 0;
    for (const done of this.#settled.splice(0)) done();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.isBusy = this.unsaved > 0;
      this.#tell({});
    }, REST_MILLISECONDS);
  }

  #failed(error) {
    if (!this.#ended) this.#tell({ problem: error, isOver: true });
    this.end({ forgotten: false });
  }
}
