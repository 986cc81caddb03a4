// The editor: CodeMirror around `state.open`. It is read-only until one holds the file's lock.

import { autocompletion, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { css } from "@codemirror/lang-css";
import { html as markup } from "@codemirror/lang-html";
import { javascript } from "@codemirror/lang-javascript";
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import {
  HighlightStyle,
  bracketMatching,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Transaction } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";
import { othersCursors, positionOf, showPlaces } from "./cursors.js";
import {
  closeFile,
  edited,
  forgetProblem,
  foreignLock,
  save,
  sayPlace,
  startEditing,
  stopEditing,
} from "./file.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import { mayEdit, placesIn } from "./project.js";
import { isMe } from "./session.js";
import { attempt } from "./state.js";

export function Editor({ app }) {
  const { open } = app;
  if (!open) {
    return html`<section class="editor empty soft">
      <${Icon} name="code" />
      <p>Choose a file to read it. Everybody sees where you are.</p>
    </section>`;
  }
  const isEditing = open.lock !== null;
  const foreign = foreignLock(open.path);
  // One's own lock from a connection that is lost, such as of this page before it was loaded again,
  // is taken over.
  const isFree = !foreign || (foreign.orphaned && isMe(foreign.user));
  return html`<section class="editor" aria-label=${`File ${open.path}`}>
    <header class="row">
      <span class="path"><${Path} path=${open.path} /></span>
      <span class="soft status" role="status">${statusOf(open)}</span>
      ${
        isEditing
          ? html`<button onClick=${() => attempt(stopEditing)}><${Icon} name="check" /> Done</button>`
          : html`<button
              class="primary"
              disabled=${!mayEdit() || !isFree}
              onClick=${() => attempt(startEditing)}
            >
              <${Icon} name="pencil" /> Edit
            </button>`
      }
      <${IconButton} icon="close" label="Close the file" onClick=${() => attempt(closeFile)} />
    </header>
    ${!isFree && !isEditing && html`<${Held} lock=${foreign} />`}
    ${open.problem && html`<${Problem} open=${open} />`}
    <${Text} key=${open.path} open=${open} isEditing=${isEditing} places=${placesIn(open.path)} />
  </section>`;
}

function Path({ path }) {
  const parts = path.split("/");
  return html`<span class="soft">${parts.slice(0, -1).map((part) => `${part}/`)}</span
    ><strong>${parts.at(-1)}</strong>`;
}

function statusOf({ lock, text, saved, revision }) {
  if (!lock) return `revision ${revision}`;
  return text === saved ? "Saved" : "Saving…";
}

function Held({ lock }) {
  const who = isMe(lock.user) ? "You are" : `${lock.user.name} is`;
  const where = isMe(lock.user) ? " in another window" : "";
  return html`<p class="banner row" role="status">
    <${Avatar} user=${lock.user} />
    <span>
      ${lock.orphaned ? `${lock.user.name} lost the connection while editing` : `${who} editing${where}`}.
      You see every change, and may edit when the file is free.
    </span>
  </p>`;
}

function Problem({ open }) {
  const copy = () => attempt(() => navigator.clipboard.writeText(open.lost));
  return html`<p class="banner problem row" role="alert">
    <span>${open.problem}</span>
    ${open.lost && html`<button onClick=${copy}><${Icon} name="copy" /> Copy your text</button>`}
    <${IconButton} icon="close" label="Dismiss" onClick=${forgetProblem} />
  </p>`;
}

// -- CodeMirror

const LANGUAGES = {
  css,
  html: markup,
  js: () => javascript({ jsx: true }),
  json,
  jsx: () => javascript({ jsx: true }),
  md: markdown,
  mjs: javascript,
  py: python,
  ts: () => javascript({ typescript: true }),
  tsx: () => javascript({ jsx: true, typescript: true }),
};

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--number)" },
  { tag: [tags.comment], color: "var(--comment)", fontStyle: "italic" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
    color: "var(--function)",
  },
  { tag: [tags.typeName, tags.className, tags.tagName], color: "var(--type)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--property)" },
  { tag: [tags.heading, tags.strong], fontWeight: "bold" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.link, textDecoration: "underline" },
]);

const nonce = document.querySelector("style[nonce]").nonce;

/** The text itself, for one file. The server's newer text comes with a new `open.epoch`. */
function Text({ open, isEditing, places }) {
  const place = useRef(null);
  const view = useRef(null);
  const writing = useRef(new Compartment());

  useEffect(() => {
    const state = EditorState.create({
      doc: open.text,
      extensions: extensions(open.path, writing.current),
    });
    view.current = new EditorView({ state, parent: place.current });
    return () => view.current.destroy();
  }, []);
  useEffect(() => takeOver(view.current, open.text), [open.epoch]);
  useEffect(() => {
    view.current.dispatch({ effects: writing.current.reconfigure(readOnly(!isEditing)) });
    if (isEditing) view.current.focus();
  }, [isEditing]);
  useEffect(() => showPlaces(view.current, places), [JSON.stringify(places), open.epoch]);

  return html`<div class="text ${isEditing ? "" : "read-only"}" ref=${place}></div>`;
}

function readOnly(isReadOnly) {
  return EditorState.readOnly.of(isReadOnly);
}

function extensions(path, writing) {
  const language = LANGUAGES[path.split(".").at(-1)];
  const saveNow = () => {
    save();
    return true;
  };
  return [
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({ "aria-label": `Text of ${path}` }),
    writing.of(readOnly(true)),
    lineNumbers(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion(),
    highlightSelectionMatches(),
    syntaxHighlighting(COLOURS),
    language ? language() : [],
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
    EditorView.updateListener.of(reportUpdate),
  ];
}

function reportUpdate(update) {
  const isOwn = update.transactions.every((one) => !one.annotation(Transaction.remote));
  if (update.docChanged && isOwn) edited(update.state.doc.toString());
  if ((update.selectionSet || update.docChanged) && isOwn && update.view.hasFocus) {
    const { from, to, head } = update.state.selection.main;
    const at = (offset) => positionOf(update.state.doc, offset);
    sayPlace(at(head), from === to ? undefined : { start: at(from), end: at(to) });
  }
}

/** Put a newer text in, changing no more than what differs, so that the cursor stays. */
function takeOver(view, text) {
  const before = view.state.doc.toString();
  if (before === text) return;
  let start = 0;
  while (start < before.length && before[start] === text[start]) start++;
  let end = 0;
  const most = Math.min(before.length, text.length) - start;
  while (end < most && before.at(-1 - end) === text.at(-1 - end)) end++;
  view.dispatch({
    changes: { from: start, to: before.length - end, insert: text.slice(start, text.length - end) },
    annotations: [Transaction.remote.of(true), Transaction.addToHistory.of(false)],
  });
}
