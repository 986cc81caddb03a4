// What is typed into a field for messages and not sent yet, in the browser's storage: it outlives the
// tab, and so does what is on its way until the server has it. Whoever sends it again sends it under
// the same key, so that it is not there twice.

import { randomName } from "./random_name.js";

const MOST_CHARACTERS = 100_000;

/** The words of one field, by the user, the project and whom they are for. */
export class Words {
  #name;
  // The keys of what is on its way from this page.
  #sending = new Set();

  constructor(...names) {
    this.#name = `words/${names.map(encodeURIComponent).join("/")}`;
  }

  /** Return the text that belongs into the field: what came back, and what was typed since. */
  get text() {
    const { typed, due } = this.#read();
    return [...this.#back(due).map(({ text }) => text), typed].filter(Boolean).join("\n");
  }

  /** The field has this text. */
  type(text) {
    const { due } = this.#read();
    const back = this.#back(due);
    // As it was sent: it keeps its key.
    if (back.length === 1 && back[0].text === text) return;
    this.#write({ typed: text, due: due.filter((one) => !back.includes(one)) });
  }

  /** The text goes to the server, and out of the field. Returns the key that it is known by. */
  send(text) {
    const { due } = this.#read();
    const back = this.#back(due);
    const key = back.find((one) => one.text === text)?.key ?? randomName();
    this.#sending.add(key);
    const others = due.filter((one) => !back.includes(one));
    this.#write({ typed: "", due: [...others, { text, key }] });
    return key;
  }

  /** The server has it, or not: then it comes back into the field. */
  sent(key, isThere) {
    this.#sending.delete(key);
    const { typed, due } = this.#read();
    if (isThere) this.#write({ typed, due: due.filter((one) => one.key !== key) });
  }

  #back(due) {
    return due.filter(({ key }) => !this.#sending.has(key));
  }

  #read() {
    const none = { typed: "", due: [] };
    try {
      return JSON.parse(localStorage.getItem(this.#name)) ?? none;
    } catch {
      return none;
    }
  }

  #write(words) {
    try {
      if (!words.typed && words.due.length === 0) localStorage.removeItem(this.#name);
      else if (words.typed.length <= MOST_CHARACTERS) {
        localStorage.setItem(this.#name, JSON.stringify(words));
      }
    } catch {
      // The browser's storage is full, or closed to the page: nothing is kept.
    }
  }
}

const fields = new Map();

/** The same object for the same names: a field may be drawn anew while something is on its way. */
export function wordsOf(...names) {
  const name = names.join("\n");
  if (!fields.has(name)) fields.set(name, new Words(...names));
  return fields.get(name);
}
