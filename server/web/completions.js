// What the editor offers to complete a word with. The names of a text are gathered from all of it, which
// in a long one takes longer than a key may: there they are offered when one asks, with Ctrl+Space.

import { autocompletion } from "@codemirror/autocomplete";
import { Compartment, EditorState } from "@codemirror/state";

// Characters, of which names are gathered in about a millisecond.
const LONG = 100_000;

const offering = new Compartment();

const isLong = (doc) => doc.length > LONG;
const offered = (doc) => autocompletion({ activateOnTyping: !isLong(doc) });

/** The extension for an editor that begins with a text, a string or a CodeMirror `Text`. */
export function completions(doc) {
  return [
    offering.of(offered(doc)),
    EditorState.transactionExtender.of(({ docChanged, startState, newDoc }) =>
      docChanged && isLong(newDoc) !== isLong(startState.doc)
        ? { effects: offering.reconfigure(offered(newDoc)) }
        : null,
    ),
  ];
}
