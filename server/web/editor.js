// The editor: CodeMirror around `state.open`. Whoever may edit the file just types, all at once, unless
// somebody keeps the others out.

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Transaction } from "@codemirror/state";
import {
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import { answer, askFor, asksFor, ownAsk, withdraw } from "./asking.js";
import { BinaryFile } from "./binary_file.js";
import { caret } from "./caret.js";
import { copyText } from "./clipboard.js";
import { completions } from "./completions.js";
import { othersCursors, positionOf, showPlaces } from "./cursors.js";
import { lookOf } from "./editor_look.js";
import { closeFile, edited, forgetProblem } from "./file.js";
import { putBack } from "./file_actions.js";
import { editAlone, editTogether, foreignLock } from "./file_locks.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import {
  endLiveEditor,
  goTo,
  keptEditorOf,
  lineOfCaret,
  reportLiveUpdate,
  setLiveEditor,
} from "./live_editor.js";
import { MissingFile } from "./missing_file.js";
import { sayPlace } from "./own_place.js";
import { visible } from "./paths.js";
import { quickly } from "./patient_parser.js";
import { mayEdit, placesIn } from "./project.js";
import { difference } from "./replica.js";
import { Review } from "./review.js";
import { copyLink } from "./route.js";
import { isMe } from "./session.js";
import { saveState } from "./shared_files.js";
import { attempt, refresh, update, useReading } from "./state.js";

export function Editor({ app }) {
  const { open, review } = app;
  const isReviewed = review && (!open || open.path === review.path);
  if (!open && isReviewed) {
    return html`<section class="editor" aria-label=${`File ${review.path}`}>
      <${Review} key=${`${review.requestId} ${review.path}`} app=${app} review=${review} />
    </section>`;
  }
  if (app.missing) return html`<${MissingFile} missing=${app.missing} />`;
  if (!open) {
    return html`<section class="editor empty soft">
      <${Icon} name="code" />
      <p>Choose a file to read it. Everybody sees where you are.</p>
    </section>`;
  }
  if (open.isBinary) {
    const bytes = app.project.files.get(open.path);
    // For a moment, while it becomes a text.
    if (!bytes?.mediaType) return html`<section class="editor"></section>`;
    const header = html`<span class="path"><${Path} path=${open.path} /></span>
      <${HistoryButton} path=${open.path} />`;
    return html`<${BinaryFile} key=${open.opening} file=${bytes} header=${header}>
      ${open.problem && html`<${Problem} open=${open} />`}
    <//>`;
  }
  const foreign = foreignLock(open.path);
  const isShut = foreign?.lockType === "exclusive";
  const isWritable = open.document !== null && mayEdit() && !isShut;
  // One's own lock from a connection that is lost, such as of this page before it was loaded again,
  // is taken over.
  const isMine = isShut && foreign.orphaned && isMe(foreign.user);
  return html`<section class="editor" aria-label=${`File ${open.path}`}>
    <header class="row">
      <span class="path"><${Path} path=${open.path} /></span>
      <${SaveState} open=${open} />
      ${
        mayEdit() &&
        open.document &&
        (open.lock
          ? html`<button onClick=${() => attempt(editTogether)}>
              <${Icon} name="people" /> Edit together
            </button>`
          : html`<button
              title="Keep everybody else from changing this file"
              disabled=${isShut && !isMine}
              onClick=${() => attempt(editAlone)}
            >
              <${Icon} name="lock" /> Edit alone
            </button>`)
      }
      <${HistoryButton} path=${open.path} />
      <${IconButton}
        icon="link"
        label="Copy link to line"
        onClick=${() => attempt(() => copyLink(open.path, lineOfCaret(open)))}
      />
      <${IconButton} icon="close" label="Close the file" onClick=${() => attempt(() => closeFile())} />
    </header>
    ${isShut && html`<${Held} lock=${foreign} mayAsk=${open.document !== null && mayEdit()} />`}
    ${
      open.lock &&
      asksFor(open.path).map((one) => html`<${Asked} key=${one.id} request=${one} />`)
    }
    ${!open.document && !open.isGone && html`<${TooLong} />`}
    ${open.problem && html`<${Problem} open=${open} />`}
    <${Text}
      key=${open.opening}
      open=${open}
      isWritable=${isWritable}
      isHidden=${isReviewed}
      places=${placesIn(open.path)}
    />
    ${
      isReviewed &&
      html`<${Review}
        key=${`${open.opening} ${review.requestId} ${review.path}`}
        app=${app}
        review=${review}
      />`
    }
  </section>`;
}

function SaveState({ open }) {
  const shown = useReading(() => saveState(open));
  return html`<span class="soft status" role="status">${shown}</span>`;
}

function HistoryButton({ path }) {
  return html`<${IconButton}
    icon="history"
    label="History of this file"
    onClick=${() => update({ history: path })}
  />`;
}

function Path({ path }) {
  const parts = path.split("/").map(visible);
  return html`<span class="soft">${parts.slice(0, -1).map((part) => `${part}/`)}</span
    ><strong>${parts.at(-1)}</strong>`;
}

function Held({ lock, mayAsk }) {
  const name = lock.user.name;
  const who = isMe(lock.user) ? "You keep" : `${name} keeps`;
  const where = isMe(lock.user) ? ", in another window" : "";
  return html`<p class="banner row" role="status">
    <${Avatar} user=${lock.user} />
    <span>
      ${
        lock.orphaned
          ? `${name} lost the connection while editing this file alone. `
          : `${who} this file to edit it alone${where}. `
      }
      You see every change, and can type when it is free.
    </span>
    ${mayAsk && !isMe(lock.user) && !lock.orphaned && html`<${Ask} lock=${lock} />`}
  </p>`;
}

function Ask({ lock: { filePath, user } }) {
  const own = ownAsk(filePath);
  if (!own) return html`<button onClick=${() => attempt(() => askFor(filePath))}>Ask for it</button>`;
  return html`<span class="asking">Asking ${user.name}…</span>
    <button onClick=${() => withdraw(own)}>Never mind</button>`;
}

function Asked({ request }) {
  const reply = (isHandedOver) => attempt(() => answer(request, isHandedOver));
  return html`<p class="banner row" role="alert">
    <${Avatar} user=${request.user} />
    <span>${request.user.name} asks for this file.</span>
    <button class="primary" onClick=${() => reply(true)}>Hand over</button>
    <button onClick=${() => reply(false)}>Keep</button>
  </p>`;
}

function TooLong() {
  return html`<p class="banner row" role="status">
    <span>This file is too long to be edited here: more than a million characters.</span>
  </p>`;
}

function Problem({ open }) {
  const copy = () => attempt(() => copyText(open.lost));
  const mayPutBack = open.isGone && mayEdit();
  return html`<p class="banner problem row" role="alert">
    <span>${open.problem}</span>
    ${
      mayPutBack &&
      html`<button onClick=${() => attempt(putBack)}><${Icon} name="plus" /> Put it back</button>`
    }
    ${open.lost && html`<button onClick=${copy}><${Icon} name="copy" /> Copy your text</button>`}
    <${IconButton} icon="close" label="Dismiss" onClick=${forgetProblem} />
  </p>`;
}

// -- CodeMirror

/** The text itself, of one opening of a file. */
function Text({ open, isWritable, isHidden, places }) {
  const place = useRef(null);
  const view = useRef(null);

  useEffect(() => {
    const { document, path, text } = open;
    const kept = document && keptEditorOf(document);
    view.current = new EditorView({
      state:
        (kept && caughtUp(kept.state, document.text)) ??
        created(document, path, document?.text ?? text),
      parent: place.current,
      scrollTo: kept?.scroll,
      dispatchTransactions: (all, editor) => quickly(() => editor.update(all)),
    });
    if (document) document.show = (changes) => follow(view.current, changes);
    setLiveEditor(view.current, open);
    sayCaret(view.current);
    // On a phone this would bring up the keyboard.
    if (isWritable && matchMedia("(pointer: fine)").matches) view.current.focus();
    return () => {
      if (document) document.show = () => {};
      endLiveEditor(view.current);
      view.current.destroy();
    };
  }, []);
  useEffect(() => {
    view.current.dispatch({ effects: writing.reconfigure(readOnly(!isWritable)) });
  }, [isWritable]);
  useEffect(() => {
    view.current.dispatch({ effects: naming.reconfigure(named(open.path)) });
  }, [open.path]);
  useEffect(() => showPlaces(view.current, places), [JSON.stringify(places)]);
  useEffect(() => {
    if (!open.target) return;
    goTo(view.current, open.target);
    sayCaret(view.current);
  }, [open.target]);

  useEffect(() => {
    if (!isHidden) view.current.requestMeasure();
  }, [isHidden]);

  return html`<div
    class="text ${isWritable ? "" : "read-only"}"
    hidden=${isHidden}
    ref=${place}
  ></div>`;
}

function created(document, path, doc) {
  return EditorState.create({ doc, extensions: extensions(document, path, doc) });
}

/** Return the state of an editor whose text others have changed meanwhile. */
function caughtUp(state, text) {
  return state.doc.eq(text) ? state : state.update(foreign(difference(state.doc, text))).state;
}

const writing = new Compartment();
const naming = new Compartment();

function readOnly(isReadOnly) {
  return EditorState.readOnly.of(isReadOnly);
}

/** Return what depends on the file's name. */
function named(path) {
  return [EditorView.contentAttributes.of({ "aria-label": `Text of ${path}` }), lookOf(path)];
}

function extensions(document, path, doc) {
  // What is typed is saved anyway, and the browser would save the page.
  const saveNow = () => true;
  return [
    naming.of(named(path)),
    writing.of(readOnly(true)),
    // No file can have it.
    EditorView.clipboardInputFilter.of((pasted) => pasted.replaceAll("\0", "")),
    lineNumbers({ domEventHandlers: { mousedown: goToNumber } }),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    caret,
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    completions(doc),
    highlightSelectionMatches(),
    othersCursors,
    // Escape, then Tab leaves the editor: CodeMirror sees to that.
    keymap.of([
      { key: "Mod-s", run: saveNow, preventDefault: true },
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      indentWithTab,
    ]),
    EditorView.updateListener.of((change) => reportUpdate(change, document)),
  ];
}

/** A line's number was pressed: the caret goes there. */
function goToNumber(view, line, event) {
  if (event.button !== 0) return false;
  view.dispatch({ selection: { anchor: line.from } });
  view.focus();
  return true;
}

function reportUpdate(change, document) {
  reportLiveUpdate(change);
  if (change.selectionSet || change.docChanged) refresh();
  for (const one of change.transactions) {
    if (one.docChanged && !one.annotation(Transaction.remote)) edited(document, one.changes);
  }
  const isOwn = change.transactions.every((one) => !one.annotation(Transaction.remote));
  if ((change.selectionSet || change.docChanged) && isOwn && change.view.hasFocus) {
    sayCaret(change.view);
  }
}

/** Tell the others where the caret is, and what is selected. */
function sayCaret({ state: { doc, selection } }) {
  const { from, to, head } = selection.main;
  const at = (offset) => positionOf(doc, offset);
  sayPlace(at(head), from === to ? undefined : { start: at(from), end: at(to) });
}

function follow(view, changes) {
  view.dispatch(foreign(changes));
}

/** Return what applies a change of the text by others. To undo does not take it back. */
function foreign(changes) {
  return {
    changes,
    annotations: [Transaction.remote.of(true), Transaction.addToHistory.of(false)],
  };
}
