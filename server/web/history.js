// The history of one file: each save, by whom; any two of them side by side, and the way back to one.

import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef, useState } from "preact/hooks";
import { lookOf } from "./editor_look.js";
import { openFile } from "./file.js";
import { Ago, Dialog, Icon, html } from "./html.js";
import { liveEditorOf } from "./live_editor.js";
import { DIFF, difference, textOf } from "./merging.js";
import { nameOf } from "./paths.js";
import { mayEdit } from "./project.js";
import { putIn } from "./proposals.js";
import { readText } from "./read_file.js";
import { ask, insist } from "./session.js";
import { settled } from "./shared_files.js";
import { attempt, state, toast } from "./state.js";
import { sizeOf } from "./transfer.js";

const PAGE = 50;
// Longer texts are not compared here.
const MOST_COMPARED = 1_000_000;
const NOW = "now";
// Of the window, from which on two texts are side by side.
const WIDE = "(min-width: 760px)";

export function History({ path, close }) {
  const { project } = state;
  const [saves, setSaves] = useState([]);
  const [next, setNext] = useState(undefined);
  const [isLoaded, setLoaded] = useState(false);
  const [left, setLeft] = useState(null);
  const [right, setRight] = useState(NOW);
  const file = project.files.get(path);

  const load = async (after) => {
    const payload = { projectId: project.id, filePath: path, after, limit: PAGE };
    const page = await attempt(() => insist(() => ask("history:list", payload)));
    if (!page) return;
    const all = after === undefined ? page.saves : [...saves, ...page.saves];
    setSaves(all);
    setNext(page.next);
    setLoaded(true);
    // What it is now is most often the last save: the one before says what has changed.
    if (left === null) setLeft((all.find(({ hash }) => hash !== file?.hash) ?? all[0])?.id ?? null);
  };
  useEffect(() => {
    attempt(settled).then(() => load());
  }, []);

  const chosen = saves.find(({ id }) => id === left);
  const other = right === NOW ? file : saves.find(({ id }) => id === right);
  return html`<${Dialog} title=${`History of ${nameOf(path)}`} close=${close} wide>
    ${
      isLoaded && saves.length === 0 && html`<p class="soft">It has not been changed yet.</p>`
    }
    <div class="history">
      <ul class="plain" aria-label="Saves">
        ${saves.map(
          (save) =>
            html`<li key=${save.id}>
              <button
                type="button"
                aria-pressed=${save.id === left}
                onClick=${() => setLeft(save.id)}
              >
                <strong><${Ago} time=${save.savedAt} /></strong>
                <span class="soft">
                  ${save.users.join(", ")}${savesOf(save)} · ${sizeOf(save.size)}
                </span>
                ${save.filePath !== path && html`<span class="soft">then ${save.filePath}</span>`}
              </button>
            </li>`,
        )}
        ${
          next !== undefined &&
          html`<li><button type="button" onClick=${() => load(next)}>Show older ones</button></li>`
        }
      </ul>
      ${
        chosen &&
        html`<div class="compared">
          <p class="row">
            <span>${when(chosen)}</span>
            <label class="check">
              compared with
              <select value=${right} onChange=${({ target }) => setRight(target.value)}>
                <option value=${NOW}>now</option>
                ${saves
                  .filter(({ id }) => id !== left)
                  .map((save) => html`<option value=${save.id}>${when(save)}</option>`)}
              </select>
            </label>
            ${
              mayEdit() &&
              html`<button class="primary" onClick=${() => attempt(() => restore(path, chosen, close))}>
                <${Icon} name="history" /> Restore
              </button>`
            }
          </p>
          <${Compared}
            key=${`${chosen.id} ${other?.id ?? other?.hash}`}
            path=${path}
            left=${chosen}
            right=${other}
          />
        </div>`
      }
    </div>
  <//>`;
}

const savesOf = ({ count }) => (count > 1 ? `, ${count} saves` : "");
const when = ({ savedAt }) => new Date(savedAt).toLocaleString();

/** Two states of a file: those of saves, or with no id that of now. */
function Compared({ path, left, right }) {
  const place = useRef(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let view = null;
    let isOver = false;
    compare(path, left, right).then(
      (texts) => {
        if (isOver) return;
        view = drawn(path, texts, place.current);
        if (texts[0] === texts[1]) setProblem("They are the same.");
      },
      (error) => !isOver && setProblem(error.message),
    );
    return () => {
      isOver = true;
      view?.destroy();
    };
  }, []);
  return html`<div class="sides" ref=${place}></div>
    ${problem && html`<p class="soft" role="status">${problem}</p>`}`;
}

async function compare(path, ...sides) {
  if (sides.some((one) => !one)) throw new Error("The file is not there any more.");
  if (sides.some(({ mediaType }) => mediaType)) {
    throw new Error(`It is no text: ${sides.map(({ size }) => sizeOf(size)).join(" and ")}.`);
  }
  if (sides.some(({ size }) => size > MOST_COMPARED)) {
    throw new Error("It is too long to be compared here: more than a million bytes.");
  }
  const text = ({ id }) => readText(state.project.id, path, id);
  return Promise.all(sides.map(text));
}

function drawn(path, [before, after], parent) {
  const extensions = (label) => [
    lookOf(path),
    lineNumbers(),
    EditorView.lineWrapping,
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
  ];
  const collapseUnchanged = { margin: 3, minSize: 6 };
  if (matchMedia(WIDE).matches) {
    return new MergeView({
      a: { doc: textOf(before), extensions: extensions("Before") },
      b: { doc: textOf(after), extensions: extensions("After") },
      ...{ parent, collapseUnchanged, diffConfig: DIFF },
    });
  }
  const unified = unifiedMergeView({
    original: textOf(before),
    ...{ mergeControls: false, syntaxHighlightDeletions: false },
    ...{ collapseUnchanged, diffConfig: DIFF },
  });
  const doc = textOf(after);
  const state = EditorState.create({ doc, extensions: [extensions("After"), unified] });
  return new EditorView({ parent, state });
}

/** Make a file what it was: typed into the editor, so that others lose nothing and undo takes it back. */
async function restore(path, save, close) {
  const { id: projectId } = state.project;
  if (!save.mediaType && !state.project.files.get(path)?.mediaType) {
    await openFile(path);
    const text = await readText(projectId, path, save.id);
    const view = await editorOf(path);
    // Another project may have a file of this name.
    if (view && state.project?.id === projectId && !view.state.readOnly) {
      putIn(view, difference(view.state.doc, textOf(text)));
      toast(`${path} is what it was ${when(save)}`);
      return close();
    }
  }
  await ask("history:restore", { projectId, filePath: path, saveId: save.id });
  toast(`${path} is what it was ${when(save)}`);
  close();
}

/** Return the editor of a file that was just opened: it is drawn in the next frame. */
async function editorOf(path) {
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return liveEditorOf(path);
}
