// A proposal of the assistant beside the text that it is for: what it adds and takes away, change by
// change, also while it is being written. The text is that of the live editor, so what others type
// flows in; what is accepted is typed there.

import { undo } from "@codemirror/commands";
import {
  getChunks,
  getOriginalDoc,
  goToNextChunk,
  goToPreviousChunk,
  originalDocChangeEffect,
  rejectChunk,
  unifiedMergeView,
} from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { isOfEdits } from "./chat.js";
import { lookOf } from "./editor_look.js";
import { createWith } from "./file_actions.js";
import { foreignLock } from "./file_locks.js";
import { Icon, IconButton, html } from "./html.js";
import { liveEditorOf, onLiveUpdate } from "./live_editor.js";
import { DIFF, Streaming, acceptance, difference, merged, textOf } from "./merging.js";
import { mayEdit } from "./project.js";
import {
  NO_TEXT,
  closeReview,
  decide,
  keepBefore,
  proposalFor,
  proposedText,
  putIn,
} from "./proposals.js";
import { isMe } from "./session.js";
import { attempt, toast } from "./state.js";

// What may yet become edits.
const MARKER = /^\s*<{0,9}( ?SEARCH|$)/;

/** One review: the texts, and what was accepted and rejected of the changes. */
class Session {
  accepted = 0;
  rejected = 0;
  #streaming = null;
  // The action that is shown: its id and its content.
  #shown = null;
  #isOurs = false;
  #tell;
  #forget;

  /** `tell()` is called after each change of the review. */
  constructor(path, parent, mayAccept, tell) {
    this.path = path;
    this.live = liveEditorOf(path);
    this.mayAccept = mayAccept;
    this.#tell = tell;
    const original = this.live?.state.doc ?? NO_TEXT;
    const listener = EditorView.updateListener.of(() => this.#tell());
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        doc: original,
        extensions: [
          lookOf(path),
          lineNumbers(),
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.contentAttributes.of({ "aria-label": `Proposal for ${path}`, tabindex: "0" }),
          unifiedMergeView({
            original,
            gutter: true,
            diffConfig: DIFF,
            syntaxHighlightDeletions: false,
            collapseUnchanged: { margin: 3, minSize: 6 },
            mergeControls: (type) => this.#control(type),
          }),
          keymap.of([
            { key: "Mod-z", run: () => this.undo(), preventDefault: true },
            { key: "Alt-ArrowDown", run: goToNextChunk },
            { key: "Alt-ArrowUp", run: goToPreviousChunk },
          ]),
          listener,
        ],
      }),
    });
    this.#forget = onLiveUpdate((update) => this.#follow(update));
  }

  get changes() {
    return getChunks(this.view.state).chunks;
  }

  get present() {
    return getOriginalDoc(this.view.state);
  }

  /** Show as much as is written of a whole file. */
  write(content) {
    if (MARKER.test(content)) return;
    this.#shown = null;
    this.#streaming ??= new Streaming(this.present);
    this.#become(this.#streaming.text(content));
  }

  /** Show what is proposed until now. What was rejected of it before stays so. */
  propose(proposal) {
    const { id, content } = proposal.action;
    const before = this.#shown;
    if (before?.id === id && before.content === content) return;
    this.#streaming = null;
    this.#shown = { id, content };
    this.#become(
      before?.id === id
        ? merged(textOf(before.content), textOf(content), this.view.state.doc)
        : proposedText(proposal, this.live ? this.present : null),
    );
  }

  end() {
    this.#forget();
    this.view.destroy();
  }

  accept(chunk) {
    const { view } = this;
    this.accepted += 1;
    this.#ours(() => putIn(this.live, acceptance(chunk, this.present, view.state.doc)));
  }

  acceptAll() {
    this.accepted += this.changes.length;
    const change = difference(this.present, this.view.state.doc);
    this.#ours(() => putIn(this.live, change));
  }

  reject(chunk) {
    this.rejected += 1;
    rejectChunk(this.view, chunk.fromB);
  }

  /** Take back what was accepted last, and nothing else. */
  undo() {
    if (this.accepted > 0 && this.live) {
      this.accepted -= 1;
      this.#ours(() => undo(this.live));
    }
    return true;
  }

  // What the review does to the text is in the proposal already.
  #ours(work) {
    this.#isOurs = true;
    try {
      work();
    } finally {
      this.#isOurs = false;
    }
  }

  #become(text) {
    if (text.eq(this.view.state.doc)) return;
    this.view.dispatch({ changes: difference(this.view.state.doc, text) });
  }

  #follow(update) {
    if (!update.docChanged || update.view !== this.live) return;
    const { changes } = update;
    const proposed = this.#isOurs ? null : this.#proposed(changes);
    this.view.dispatch({ effects: originalDocChangeEffect(this.view.state, changes) });
    if (proposed) this.view.dispatch({ changes: proposed });
    if (this.#streaming) this.#streaming = new Streaming(this.present);
  }

  /** What others do to the text, as a change of the proposal. */
  #proposed(changes) {
    return changes.map(difference(this.present, this.view.state.doc));
  }

  #control(type) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `control ${type}`;
    button.textContent = type === "accept" ? "Accept" : "Reject";
    button.hidden = !this.mayAccept;
    button.addEventListener("click", () => {
      const at = this.view.posAtDOM(button);
      const chunk = this.changes.find(({ fromB, endB }) => fromB <= at && at <= endB);
      if (chunk) this.onControl(type, chunk);
    });
    return button;
  }
}

/** A review in the place of the editor. It begins anew with another `key`. */
export function Review({ app, review }) {
  const place = useRef(null);
  const session = useRef(null);
  const [, draw] = useState(0);
  const proposal = proposalFor(review.requestId, review.path);
  const { action, coming } = proposal ?? {};
  const isComing = coming !== undefined;
  const isNew = !app.project.files.has(review.path);
  const lock = foreignLock(review.path);
  const isShut = lock?.lockType === "exclusive" && !isMe(lock.user);
  const mayAccept = mayEdit() && !isShut;
  const isDecided = action?.decision !== undefined;

  // The next key is for it: after the frame would be too late.
  useLayoutEffect(() => {
    const redraw = () => draw((count) => count + 1);
    session.current = new Session(review.path, place.current, mayEdit() && !isNew, redraw);
    session.current.onControl = (type, chunk) => attempt(() => act(type, chunk));
    session.current.view.focus();
    return () => session.current.end();
  }, []);
  useEffect(() => {
    const current = session.current;
    if (action && !isDecided && (!isComing || isOfEdits(coming))) current.propose(proposal);
    else if (isComing) current.write(coming);
    if (!isComing && action && !isDecided && current.accepted + current.rejected > 0) {
      // All that came was looked at while the rest was written.
      attempt(concluded);
    }
    draw((count) => count + 1);
  }, [coming, action?.id, action?.content]);
  useEffect(() => {
    if (!proposal) closeReview();
    else if (isDecided && !isComing) {
      const { user, outcome } = action.decision;
      if (!isMe(user)) toast(`${user.name} has decided on ${review.path}: ${outcome}`);
      closeReview();
    }
  }, [!proposal, isDecided, isComing]);

  async function act(type, chunk) {
    const current = session.current;
    if (type === "accept") {
      if (!mayChange()) return;
      const { doc } = current.view.state;
      await keepBefore(review.requestId);
      if (current.view.state.doc !== doc) throw new Error("The text has changed: look again");
      current.accept(chunk);
    } else {
      current.reject(chunk);
    }
    // The button is gone with its change.
    current.view.focus();
    await concluded();
  }

  function mayChange() {
    const { live } = session.current;
    if (live && !live.state.readOnly) return true;
    toast("This file cannot be changed at the moment", "problem");
    return false;
  }

  async function acceptAll() {
    const current = session.current;
    if (isNew) {
      await keepBefore(review.requestId);
      if (!undecided()) return;
      await createWith(review.path, action.content);
      await decide(review.requestId, action, "accepted");
      return;
    }
    if (!mayChange()) return;
    await keepBefore(review.requestId);
    if (!undecided()) return;
    current.acceptAll();
    await concluded();
  }

  async function rejectRest() {
    const { accepted } = session.current;
    await decide(review.requestId, action, accepted > 0 ? "partly" : "rejected");
  }

  /** When nothing is left, say what became of it. */
  async function concluded() {
    const { accepted, rejected, changes } = session.current;
    const written = undecided();
    if (changes.length > 0 || !written) return;
    await decide(
      review.requestId,
      written,
      rejected === 0 ? "accepted" : accepted === 0 ? "rejected" : "partly",
    );
  }

  /** Return the action if it is written to its end and nobody has decided on it. */
  function undecided() {
    // Not what was drawn last: the assistant may have gone on since then.
    const { action, coming } = proposalFor(review.requestId, review.path) ?? {};
    return action && !action.decision && coming === undefined ? action : null;
  }

  const count = session.current?.changes.length ?? 0;
  const isSame = !isComing && action && !isNew && count === 0;
  return html`<div class="review ${isNew ? "new" : ""}" role="region" aria-label=${`Review of ${review.path}`}>
    <div class="bar row">
      <span class="what" role="status">${words({ isComing, isNew, isSame, count, action }, review.path)}</span>
      ${
        !isNew &&
        html`<${IconButton} icon="up" label="Previous change" disabled=${count === 0}
            onClick=${() => move(goToPreviousChunk)} />
          <${IconButton} icon="down" label="Next change" disabled=${count === 0}
            onClick=${() => move(goToNextChunk)} />`
      }
      ${
        mayEdit() &&
        html`<span class="choices">
          <button
            class="primary"
            disabled=${isComing || !action || !mayAccept}
            onClick=${() => attempt(acceptAll)}
          >
            <${Icon} name="check" /> ${isNew ? "Create the file" : isSame ? "Done" : "Accept all"}
          </button>
          <button disabled=${isComing || !action} onClick=${() => attempt(rejectRest)}>
            Reject ${isNew ? "" : "all"}
          </button>
        </span>`
      }
      <${IconButton} icon="close" label="Close the review" onClick=${closeReview} />
    </div>
    ${
      isShut &&
      html`<p class="banner" role="status">
        ${lock.user.name} keeps this file: changes can be accepted when it is free.
      </p>`
    }
    <div class="text" ref=${place}></div>
  </div>`;

  function move(command) {
    const { view } = session.current;
    command(view);
    view.focus();
    view.dispatch({ effects: EditorView.scrollIntoView(view.state.selection.main, { y: "center" }) });
  }
}

function words({ isComing, isNew, isSame, count, action }, path) {
  const changes = count === 1 ? "1 change" : `${count} changes`;
  if (isComing) return action && !isNew ? `${changes}, and the assistant is writing…` : "The assistant is writing…";
  if (isNew) return `New file: ${path}`;
  if (isSame) return "The file is like this already";
  return changes;
}
