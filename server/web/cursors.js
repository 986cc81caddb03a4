// The cursors of others in the editor: a bar with a name, moved along with what is typed before it.

import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";
import { hue } from "./html.js";

const setPlaces = StateEffect.define();

class Caret extends WidgetType {
  constructor(user) {
    super();
    this.user = user;
  }

  eq(other) {
    return other.user.id === this.user.id;
  }

  toDOM() {
    const caret = document.createElement("span");
    caret.className = `caret ${hue(this.user)}`;
    const name = document.createElement("span");
    name.textContent = this.user.name;
    caret.append(name);
    return caret;
  }
}

const field = StateField.define({
  create: () => Decoration.none,
  update(decorations, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setPlaces)) return decorate(transaction.state.doc, effect.value);
    }
    return decorations.map(transaction.changes);
  },
  provide: (own) => EditorView.decorations.from(own),
});

function decorate(document, places) {
  const ranges = [];
  for (const { user, position, selection } of places) {
    const at = offsetOf(document, position);
    ranges.push(Decoration.widget({ widget: new Caret(user), side: 1 }).range(at));
    if (!selection) continue;
    const [from, to] = [selection.start, selection.end].map((end) => offsetOf(document, end));
    if (from < to) ranges.push(Decoration.mark({ class: `chosen ${hue(user)}` }).range(from, to));
  }
  return Decoration.set(ranges, true);
}

/** Return the protocol's position as an offset in a document, within what there is of it. */
export function offsetOf(document, { line, column }) {
  // What others have may be a moment ahead of what is here.
  const found = document.line(Math.min(line + 1, document.lines));
  return Math.min(found.from + column, found.to);
}

/** The extension; `showPlaces` tells it where the others are. */
export const othersCursors = field;

/** Show others at these places, as `cursor:updated` has them. */
export function showPlaces(view, places) {
  view.dispatch({ effects: setPlaces.of(places) });
}

/** Return an offset in a document as the protocol's position. */
export function positionOf(document, offset) {
  const line = document.lineAt(offset);
  return { line: line.number - 1, column: offset - line.from };
}
