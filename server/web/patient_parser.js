// Colours of code that never keep a key waiting.
//
// CodeMirror goes on parsing for up to 20 ms within each key for as long as a text is not parsed to its
// end, which takes seconds for a long one. Here a key parses for a few milliseconds and leaves the rest
// to CodeMirror's idle time, which gives way to keys. Until then lines keep the colours they have.

import { Language, LanguageSupport } from "@codemirror/language";
import { Parser } from "@lezer/common";

const KEY_MILLISECONDS = 4;
// Steps of a parser from one look at the clock to the next: a step takes microseconds, and CodeMirror's
// question whether a key is waiting as long as that.
const STEPS = 25;

// When parsing has to end; none outside `quickly`.
let deadline = Infinity;

/** Do what a key waits for: parsing in it ends after a few milliseconds. */
export function quickly(work, clock = () => performance.now()) {
  if (deadline < Infinity) return work();
  deadline = clock() + KEY_MILLISECONDS;
  try {
    return work();
  } finally {
    deadline = Infinity;
  }
}

/** Return a language whose parser ends in time; `support` is CodeMirror's. */
export function patient({ language, support }) {
  const { data, parser, name } = language;
  return new LanguageSupport(new Language(data, new PatientParser(parser), [], name), support);
}

export class PatientParser extends Parser {
  #parser;
  #clock;

  constructor(parser, clock = () => performance.now()) {
    super();
    this.#parser = parser;
    this.#clock = clock;
  }

  createParse(input, fragments, ranges) {
    const parse = this.#parser.createParse(input, fragments, ranges);
    return new PatientParse(parse, input.length, this.#clock);
  }
}

/** One run of a parser. When it has to end, what it has until there is the result. */
class PatientParse {
  #parse;
  #length;
  #clock;
  #isCut = false;

  constructor(parse, length, clock) {
    this.#parse = parse;
    this.#length = length;
    this.#clock = clock;
  }

  get parsedPos() {
    return this.#parse.parsedPos;
  }

  // Where it was to end. CodeMirror takes a parse that ended there for all that it asked for, and goes
  // on in its idle time from where the tree ends.
  get stoppedAt() {
    return this.#isCut ? this.#length : this.#parse.stoppedAt;
  }

  stopAt(position) {
    this.#parse.stopAt(position);
  }

  advance() {
    const parse = this.#parse;
    let done = null;
    for (let step = 0; step < STEPS && !done; step++) done = parse.advance();
    if (done || deadline === Infinity || this.#clock() < deadline) return done;
    this.#isCut = true;
    parse.stopAt(Math.min(parse.parsedPos, parse.stoppedAt ?? Infinity));
    for (;;) {
      const tree = parse.advance();
      if (tree) return tree;
    }
  }
}
