// What was typed and is not acknowledged yet, in the browser's storage: it outlives the tab.
//
// A draft is a text that the server had, the changes of it that were heard since, and one's own that
// are due: small things to write with each key, and the text itself once in a while. Each editor has
// its own, under its author's name. A lock of the same name tells whether its tab still lives.

import { ChangeSet } from "@codemirror/state";
import { Replica, textOf } from "./replica.js";

const MOST_HEARD = 200;
// Where the browser has no locks, outside https and localhost: a living tab says so this often.
const ALIVE_MILLISECONDS = 5_000;
const PATIENCE_MILLISECONDS = 20_000;

export class Draft {
  #userId;
  #projectId;
  #author;
  #name;
  #release;
  #heard = [];
  #hasText = false;
  #isWritten = false;
  #timer;

  constructor(userId, projectId, path, author) {
    this.#userId = userId;
    this.#projectId = projectId;
    this.#author = author;
    this.#claim(path);
  }

  #claim(path) {
    this.#name = nameOf(this.#userId, this.#projectId, path, this.#author);
    navigator.locks?.request(this.#name, () => new Promise((done) => (this.#release = done)));
  }

  /** The file has another path. */
  moveTo(path) {
    this.forget();
    this.begin();
    this.#isWritten = false;
    this.#claim(path);
  }

  /** The server's text has changed, by an update in its JSON form. */
  heard(change) {
    if (this.#heard.push(change) > MOST_HEARD) this.begin();
  }

  /** The server's text is another one. */
  begin() {
    this.#heard = [];
    this.#hasText = false;
  }

  /** Write what is due, or that nothing is. Returns whether it is kept. */
  keep(replica) {
    if (replica.isSettled) {
      if (this.#isWritten) localStorage.removeItem(`${this.#name}/changes`);
      this.#isWritten = false;
      clearInterval(this.#timer);
      return true;
    }
    try {
      if (!this.#hasText) localStorage.setItem(`${this.#name}/text`, replica.base);
      if (!this.#hasText) this.#heard = [];
      this.#hasText = true;
      const due = { ...replica.snapshot, heard: this.#heard, alive: Date.now() };
      localStorage.setItem(`${this.#name}/changes`, JSON.stringify(due));
    } catch {
      // The browser's storage is full, or closed to the page: there is no draft.
      return false;
    }
    if (!this.#isWritten) this.#timer = setInterval(() => this.keep(replica), ALIVE_MILLISECONDS);
    this.#isWritten = true;
    return true;
  }

  /** Nothing of it is wanted any more. */
  forget() {
    clearInterval(this.#timer);
    remove(this.#name);
    this.#release?.();
  }
}

/**
 * The drafts of a file whose tabs are gone, as {author, replica, forget}. Waits for tabs that are just
 * being closed.
 */
export async function abandoned(userId, projectId, path) {
  const prefix = nameOf(userId, projectId, path, "");
  const names = Object.keys(localStorage)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(0, key.lastIndexOf("/")));
  const found = await Promise.all([...new Set(names)].map((name) => claimed(name)));
  return found
    .filter((draft) => draft !== null)
    .map(({ name, release }) => {
      const author = decodeURIComponent(name.slice(prefix.length));
      const forget = () => {
        remove(name);
        release();
      };
      return { author, replica: restored(name, userId, author), forget };
    })
    .filter(({ replica, forget }) => replica !== null || forget());
}

/** Drop the texts of drafts of which nothing is due, of tabs that are gone. */
export function sweep() {
  for (const key of Object.keys(localStorage)) {
    const name = key.replace(/\/text$/, "");
    if (!key.startsWith("draft/") || name === key || `${name}/changes` in localStorage) continue;
    navigator.locks?.request(name, { ifAvailable: true }, (lock) => lock && remove(name));
  }
}

function nameOf(...parts) {
  return `draft/${parts.map(encodeURIComponent).join("/")}`;
}

function remove(name) {
  localStorage.removeItem(`${name}/changes`);
  localStorage.removeItem(`${name}/text`);
}

/** Become the owner of a draft, once its tab is gone; null if that lives. */
async function claimed(name) {
  if (!navigator.locks) return claimedByTime(name);
  return new Promise((claim) => {
    const signal = AbortSignal.timeout(PATIENCE_MILLISECONDS);
    const held = () => new Promise((release) => claim({ name, release }));
    navigator.locks.request(name, { signal }, held).catch(() => claim(null));
  });
}

async function claimedByTime(name) {
  const alive = () => JSON.parse(localStorage.getItem(`${name}/changes`))?.alive ?? 0;
  const before = alive();
  if (Date.now() - before < PATIENCE_MILLISECONDS) {
    await new Promise((done) => setTimeout(done, PATIENCE_MILLISECONDS));
  }
  return alive() === before ? { name, release() {} } : null;
}

/** Return the copy that a draft is of; null if nothing of it was due. */
function restored(name, userId, author) {
  const due = JSON.parse(localStorage.getItem(`${name}/changes`));
  const text = localStorage.getItem(`${name}/text`);
  if (due === null || text === null) return null;
  const change = (base, json) => ChangeSet.fromJSON(json).apply(base);
  const base = due.heard.reduce(change, textOf(text)).toString();
  return Replica.restored(userId, author, { ...due, base });
}
