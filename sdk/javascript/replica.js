// A copy of a file that others edit at the same time: what is typed here, and what is heard.
//
// One change is in flight, and what is typed meanwhile is composed into one that waits. What is heard
// of others is mapped over both for the text that is shown, and both are mapped over it, one change
// after the other: never over several composed into one. Nothing here sends or waits; how a client goes
// about it is in docs/coediting.md.

import { ChangeSet, Text } from "@codemirror/state";

// What one change inserts at most, in units and for each line some more: this is below the server's limit.
const PIECE = 16_384;
const LINE = 8;
// Parts that it has at most: it may get more while it is mapped.
const PARTS = 400;

export const textOf = (string) => Text.of(string.split(/\r\n?|\n/));

/** The copy of one open editor; `userId` and `author` are whose it is. */
export class Replica {
  epoch;
  version = 0;
  text = Text.empty;
  /** Of the change that is in flight, or of the last one that was. */
  number = 0;
  inFlight = null;
  waiting = null;
  // What the server had at `version`.
  #base = Text.empty;

  constructor(userId, author) {
    this.userId = userId;
    this.author = author;
  }

  /** Return the copy that `snapshot` was taken of, as it was then. */
  static restored(userId, author, { epoch, version, number, base, inFlight, waiting }) {
    const replica = new Replica(userId, author);
    Object.assign(replica, { epoch, version, number });
    replica.#base = replica.text = textOf(base);
    for (const [name, json] of Object.entries({ inFlight, waiting })) {
      if (json === null) continue;
      replica[name] = ChangeSet.fromJSON(json);
      replica.text = replica[name].apply(replica.text);
    }
    return replica;
  }

  /** Return what is not acknowledged as JSON; with `base` it makes the same copy again. */
  get snapshot() {
    const { epoch, version, number, inFlight, waiting } = this;
    const json = (change) => change?.toJSON() ?? null;
    return { epoch, version, number, inFlight: json(inFlight), waiting: json(waiting) };
  }

  /** The text that the server had at `version`. */
  get base() {
    return this.#base.toString();
  }

  get isSettled() {
    return this.inFlight === null && this.waiting === null;
  }

  /** Type: change the text that is shown. */
  edit(change) {
    this.text = change.apply(this.text);
    this.waiting = this.waiting === null ? change : this.waiting.compose(change);
  }

  /** Return what `file:edit` is to say beside the file, or null; what is in flight once more. */
  outgoing() {
    if (this.inFlight === null) {
      if (this.waiting === null) return null;
      [this.inFlight, this.waiting] = split(this.waiting);
      this.number += 1;
    }
    const { epoch, version, author, number } = this;
    return { epoch, version, author, number, change: this.inFlight.toJSON() };
  }

  get since() {
    return this.epoch === undefined ? undefined : { epoch: this.epoch, version: this.version };
  }

  /** Take the answer to `file:open`. */
  opened({ epoch, version, content, updates = [], number }) {
    if (content !== undefined) this.#replace(textOf(content), number);
    this.epoch = epoch;
    for (const update of updates) this.hear(update);
    this.version = version;
  }

  /** Take the next update, of whomever. Return what it changes of the text, or null. */
  hear({ user, author, number, change: json }) {
    const change = ChangeSet.fromJSON(json);
    this.version += 1;
    this.#base = change.apply(this.#base);
    const isOwn = user.id === this.userId && author === this.author && number === this.number;
    if (isOwn && this.inFlight !== null) {
      this.inFlight = null;
      return null;
    }
    return this.#merge(change);
  }

  // Its difference from what the server had is one change of another.
  #replace(content, number) {
    if (this.epoch !== undefined && this.inFlight !== null && number >= this.number) {
      // It was taken before the history went.
      this.#base = this.inFlight.apply(this.#base);
      this.inFlight = null;
    }
    if (this.isSettled) this.text = content;
    else this.#merge(difference(this.#base, content));
    this.#base = content;
  }

  #merge(change) {
    for (const name of ["inFlight", "waiting"]) {
      const own = this[name];
      if (own === null) continue;
      this[name] = own.map(change);
      change = change.map(own, true);
    }
    this.text = change.apply(this.text);
    return change;
  }
}

const isWord = (unit) => unit !== undefined && /[\p{L}\p{N}\ud800-\udfff]/u.test(unit);

/** Return the change that makes one text another, from the first word that differs to the last. */
export function difference(before, after) {
  const [old, text] = [before.toString(), after.toString()];
  const most = Math.min(old.length, text.length);
  let start = 0;
  while (start < most && old[start] === text[start]) start++;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === text[text.length - 1 - end]) end++;
  // A word that is deleted meanwhile must not leave half of another one.
  const cuts = (string, at) => isWord(string[at - 1]) && isWord(string[at]);
  while (start > 0 && (cuts(old, start) || cuts(text, start))) start--;
  while (end > 0 && (cuts(old, old.length - end) || cuts(text, text.length - end))) end--;
  const insert = textOf(text.slice(start, text.length - end));
  return ChangeSet.of({ from: start, to: old.length - end, insert }, old.length);
}

const sizeOf = (text) => text.length + LINE * text.lines;

/** Return a change that the server takes, and the one that is left to do after it, or null. */
export function split(change) {
  const specs = [];
  let room = PIECE;
  let isWhole = true;
  change.iterChanges((from, to, _fromB, _toB, insert) => {
    if (!isWhole || 2 * specs.length >= PARTS) {
      isWhole = false;
    } else if (sizeOf(insert) > room) {
      let length = Math.min(insert.length, room);
      while (length > 0 && sizeOf(insert.slice(0, length)) > room) length >>= 1;
      specs.push({ from, to, insert: insert.slice(0, length) });
      isWhole = false;
    } else {
      specs.push({ from, to, insert });
      room -= sizeOf(insert);
    }
  });
  if (isWhole) return [change, null];
  const first = ChangeSet.of(specs, change.length);
  const rest = [];
  let count = 0;
  let moved = 0;
  change.iterChanges((from, to, _fromB, _toB, insert) => {
    const done = specs[count++];
    if (done === undefined) {
      rest.push({ from: from + moved, to: to + moved, insert });
    } else {
      moved += done.insert.length - (to - from);
      const left = insert.slice(done.insert.length);
      if (left.length > 0) rest.push({ from: to + moved, insert: left });
    }
  });
  return [first, ChangeSet.of(rest, first.newLength)];
}
