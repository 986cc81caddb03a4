// What was typed and is not acknowledged yet, in the browser's storage: it outlives the tab.
//
// A draft is a text that the server had, the changes of it that were heard since, and one's own that
// are due: small things to write with each key. The text itself is written with the first key, and now
// and then in idle time, in one of two places: what is written with each key says in which, so that
// both belong together whenever the tab ends. Each editor has its own draft, under its author's name. A
// lock of the same name tells whether its tab still lives.

import { ChangeSet } from "@codemirror/state";
import { Replica, textOf } from "./replica.js";

// The places of the text.
const TEXTS = ["text", "text2"];
// After so many changes the text is written anew.
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
  #replica;
  // Where the text was written last, and whether it is still the one that `#heard` goes on from.
  #place;
  #hasText = false;
  #heard = [];
  #mostHeard = MOST_HEARD;
  #isWritten = false;
  #isTidying = false;
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
    this.#place = undefined;
    this.#isWritten = false;
    this.#claim(path);
  }

  /** The server's text has changed, by an update in its JSON form. */
  heard(change) {
    if (!this.#hasText) return;
    if (this.#heard.push(change) <= this.#mostHeard || this.#isTidying) return;
    this.#isTidying = true;
    whenIdle(() => this.#tidy());
  }

  /** The server's text is another one. */
  begin() {
    this.#heard = [];
    this.#hasText = false;
  }

  /** Write the text with all that was heard. */
  #tidy() {
    this.#isTidying = false;
    if (!this.#hasText) return;
    try {
      this.#write({ withText: true });
    } catch {
      // There is no room for two.
      this.#mostHeard *= 2;
    }
  }

  #write({ withText }) {
    const before = this.#place;
    if (withText) {
      const place = TEXTS.find((one) => one !== before);
      localStorage.setItem(`${this.#name}/${place}`, this.#replica.base);
      this.#place = place;
      this.#heard = [];
      this.#hasText = true;
    }
    if (!this.#replica.isSettled) {
      const { snapshot } = this.#replica;
      const due = { ...snapshot, text: this.#place, heard: this.#heard, alive: Date.now() };
      localStorage.setItem(`${this.#name}/changes`, JSON.stringify(due));
    }
    if (before && this.#place !== before) localStorage.removeItem(`${this.#name}/${before}`);
  }

  /** Write what is due, or that nothing is. Returns whether it is kept. */
  keep(replica) {
    this.#replica = replica;
    if (replica.isSettled) {
      if (this.#isWritten) localStorage.removeItem(`${this.#name}/changes`);
      this.#isWritten = false;
      clearInterval(this.#timer);
      return true;
    }
    try {
      this.#write({ withText: !this.#hasText });
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
    remove(this.#name);
    this.leave();
  }

  /** Leave what is due to whoever opens the file next, as if the tab was gone. */
  leave() {
    this.begin();
    clearInterval(this.#timer);
    this.#release?.();
  }
}

/**
 * The drafts of a file whose tabs are gone, as {author, replica, forget, leave}. Waits for tabs that
 * are just being closed.
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
      return { author, replica: restored(name, userId, author), forget, leave: release };
    })
    .filter(({ replica, forget }) => replica !== null || forget());
}

/** Drop the texts of drafts of which nothing is due, of tabs that are gone. */
export function sweep() {
  for (const key of Object.keys(localStorage)) {
    const name = key.replace(/\/text2?$/, "");
    if (!key.startsWith("draft/") || name === key || `${name}/changes` in localStorage) continue;
    navigator.locks?.request(name, { ifAvailable: true }, (lock) => lock && remove(name));
  }
}

function whenIdle(work) {
  // Safari has no idle time.
  if (globalThis.requestIdleCallback) requestIdleCallback(work);
  else setTimeout(work, ALIVE_MILLISECONDS);
}

function nameOf(...parts) {
  return `draft/${parts.map(encodeURIComponent).join("/")}`;
}

function remove(name) {
  for (const part of ["changes", ...TEXTS]) localStorage.removeItem(`${name}/${part}`);
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
  const text = localStorage.getItem(`${name}/${due?.text ?? TEXTS[0]}`);
  if (due === null || text === null) return null;
  const change = (base, json) => ChangeSet.fromJSON(json).apply(base);
  const base = due.heard.reduce(change, textOf(text)).toString();
  return Replica.restored(userId, author, { ...due, base });
}
