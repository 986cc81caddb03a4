// How code looks: the languages that are known, their colours, and the permission for CodeMirror's
// styles.

import { css } from "@codemirror/lang-css";
import { html as markup } from "@codemirror/lang-html";
import { javascript } from "@codemirror/lang-javascript";
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { patient } from "./patient_parser.js";

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

/** Return what an editor of a path looks like. */
export function lookOf(path) {
  const language = LANGUAGES[path.split(".").at(-1)];
  return [EditorView.cspNonce.of(nonce), syntaxHighlighting(COLOURS), language ? patient(language()) : []];
}
