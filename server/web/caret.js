// The caret of the editor blinks only while nothing is typed: CodeMirror's own begins its blinking anew
// with each key, which costs the browser a quarter of a key's work.

import { ViewPlugin, drawSelection } from "@codemirror/view";

const REST_MILLISECONDS = 600;

const resting = ViewPlugin.fromClass(
  class {
    #layer;
    #timer;

    constructor(view) {
      this.#rest(view);
    }

    update({ view, docChanged, selectionSet, focusChanged }) {
      if (docChanged || selectionSet || focusChanged) this.#rest(view);
    }

    destroy() {
      clearTimeout(this.#timer);
    }

    #rest(view) {
      clearTimeout(this.#timer);
      this.#layer?.classList.remove("blinking");
      this.#timer = setTimeout(() => {
        this.#layer = view.dom.querySelector(".cm-cursorLayer");
        this.#layer?.classList.add("blinking");
      }, REST_MILLISECONDS);
    }
  },
);

/** The caret and the selection, drawn by CodeMirror. */
export const caret = [drawSelection({ cursorBlinkRate: 0 }), resting];
