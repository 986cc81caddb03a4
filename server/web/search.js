// Search in all files, and replacing what was found. A search comes in pages, which are shown as they
// come; replacing is typing, file by file, so it goes to everybody as other edits do.
//
// `state.search` is what NOTHING_FOUND has; its `files` are {filePath, hits} in the order of paths.

import { ChangeSet } from "@codemirror/state";
import { editBeside } from "./file_actions.js";
import { liveEditorOf } from "./live_editor.js";
import { textOf } from "./merging.js";
import { mayEdit } from "./project.js";
import { ask, insist } from "./session.js";
import { state, update } from "./state.js";

// Beyond which nobody looks through them.
const MOST_HITS = 5_000;
const LONGEST_NAME = 100;

export const NOTHING_FOUND = {
  wanted: null,
  files: [],
  count: 0,
  searched: 0,
  skipped: 0,
  isRunning: false,
  isCut: false, // there is more, which was not asked for
  error: "",
  leftOut: new Set(), // hits that are not to be replaced, by `nameOf`
  replacing: null, // {done, of} while that goes on
  report: null, // what was replaced: {text, failures, undo}
};

/** What a hit is called among all of a search. */
export const nameOf = ({ filePath }, { start }) => `${start.line}:${start.column} ${filePath}`;

function alter(changes) {
  update({ search: { ...(state.search ?? NOTHING_FOUND), ...changes } });
}

// Grows with each search, and when one is stopped: what an earlier one finds is not wanted.
let searches = 0;
// Whoever types on waits for the page that is on its way: the server has a place for few of them.
let present = Promise.resolve();

/** Search for `wanted`, a payload of `project:search`; without a query there is nothing. */
export function search(wanted) {
  const mine = ++searches;
  present = present.then(() => searchNow(wanted, mine));
  return present;
}

async function searchNow(wanted, mine) {
  if (mine !== searches) return;
  if (!wanted.query) return update({ search: { ...NOTHING_FOUND, wanted } });
  const projectId = state.project?.id;
  if (!projectId) return;
  const isWanted = () => mine === searches && state.project?.id === projectId;
  update({ search: { ...NOTHING_FOUND, wanted, isRunning: true } });
  let after;
  try {
    do {
      const page = await insist(() => ask("project:search", { projectId, ...wanted, after }));
      if (!isWanted()) return;
      const { files, count, searched, skipped } = state.search;
      after = page.next;
      alter({
        files: joined(files, page.files),
        count: count + page.files.reduce((sum, { hits }) => sum + hits.length, 0),
        searched: searched + page.searched,
        skipped: skipped + (page.skipped ?? 0),
      });
    } while (after !== undefined && state.search.count < MOST_HITS);
    alter({ isRunning: false, isCut: after !== undefined });
  } catch (error) {
    if (!isWanted()) return;
    const text = error.message.replace(/^The query /, "The text to search for ");
    alter({ isRunning: false, error: text.replace(/^The (include|exclude) /, "A pattern of files ") });
  }
}

/** The hits of a file may come in two pages. */
function joined(files, more) {
  const last = files.at(-1);
  const [first, ...rest] = more;
  if (!first || last?.filePath !== first.filePath) return [...files, ...more];
  const both = { ...last, hits: [...last.hits, ...first.hits] };
  return [...files.slice(0, -1), both, ...rest];
}

/** Search no further. */
export function stopSearch() {
  searches += 1;
  alter({ isRunning: false, isCut: true });
}

// -- replacing

/** Choose hits to be replaced, or not to be, by their names. */
export function choose(names, isChosen) {
  const leftOut = new Set(state.search.leftOut);
  for (const name of names) {
    if (isChosen) leftOut.delete(name);
    else leftOut.add(name);
  }
  alter({ leftOut });
}

/** Return the files with those hits of each that are to be replaced. */
export function chosenFiles({ files, leftOut }) {
  return files
    .map((file) => ({
      filePath: file.filePath,
      hits: file.hits.filter(
        (hit) => hit.replacement !== undefined && !leftOut.has(nameOf(file, hit)),
      ),
    }))
    .filter(({ hits }) => hits.length > 0);
}

let isStopped = false;
let stop = () => {};

/** Stop replacing, also where a file makes it wait. */
export function stopReplacing() {
  isStopped = true;
  stop();
}

/** Replace what is chosen. Before several files are changed a version is made of all. */
export async function replaceChosen() {
  const files = chosenFiles(state.search);
  const { query } = state.search.wanted;
  await replaceIn(files, `Before replacing “${query}”`, "Replaced");
}

async function replaceIn(files, versionName, verb) {
  if (state.search.replacing) return;
  if (!mayEdit()) throw new Error("You may only read in this project");
  if (state.connection !== "online") throw new Error("Offline: replacing needs a connection");
  isStopped = false;
  const stopped = new Promise((done) => (stop = done));
  searches += 1;
  const project = state.project.id;
  alter({ replacing: { done: 0, of: files.length }, isRunning: false, report: null });
  const failures = [];
  const undo = [];
  let [hits, changed, at] = [0, 0, 0];
  try {
    if (files.length > 1) await keepVersion(versionName);
    for (const { filePath, hits: wanted } of files) {
      if (isStopped || state.project?.id !== project || state.connection !== "online") break;
      try {
        const result = await Promise.race([replaceInFile(filePath, wanted), stopped]);
        if (!result) break;
        const { made, inverse } = result;
        hits += made;
        changed += wanted.length - made;
        if (inverse.length > 0) undo.push({ filePath, hits: inverse });
      } catch (error) {
        failures.push(`${filePath}: ${error.message}`);
      }
      at += 1;
      if (state.project?.id === project) alter({ replacing: { done: at, of: files.length } });
    }
  } finally {
    if (state.project?.id === project) alter({ replacing: null });
  }
  if (state.project?.id !== project) return;
  const rest = files.length - at;
  const text = [
    `${verb} ${counted(hits, "hit")} in ${counted(undo.length, "file")}.`,
    rest > 0 && `Stopped: ${counted(rest, "file")} not done.`,
    changed > 0 && `${counted(changed, "hit")} had changed meanwhile, and stayed.`,
  ];
  const report = { text: text.filter(Boolean).join(" "), failures, undo };
  if (state.search.wanted) {
    // What is replaced may be found no more.
    const { wanted } = state.search;
    await search(wanted);
  }
  if (state.project?.id === project) alter({ report });
}

/** Put back what was replaced, where nobody has changed it since. */
export async function undoReplacing() {
  const { undo } = state.search.report;
  await replaceIn(undo, "Before putting back what was replaced", "Put back");
}

const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

async function keepVersion(name) {
  const printable = name.replace(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, " ");
  await insist(() =>
    ask("version:create", {
      projectId: state.project.id,
      name: printable.slice(0, LONGEST_NAME).trim(),
      message: "Made by itself before a change of several files",
    }),
  );
}

/** Replace hits where they still are. Returns how many, and the hits that would put all back. */
async function replaceInFile(path, hits) {
  let result = { made: 0, inverse: [] };
  const work = (text) => {
    const found = hits.map((hit) => placed(text, hit)).filter((one) => one !== null);
    const specs = found.map(({ from, to, hit }) => ({ from, to, insert: textOf(hit.replacement) }));
    const changes = ChangeSet.of(specs, text.length);
    const after = changes.apply(text);
    const inverse = found.map(({ from, to, hit }) => ({
      start: positionIn(after, changes.mapPos(from, -1)),
      end: positionIn(after, changes.mapPos(to, 1)),
      match: hit.replacement,
      replacement: hit.match,
    }));
    result = { made: found.length, inverse };
    return changes;
  };
  const view = liveEditorOf(path);
  if (view?.state.readOnly) throw new Error("it cannot be changed at the moment");
  if (view) view.dispatch({ changes: work(view.state.doc), userEvent: "input.replace" });
  else await editBeside(path, work);
  return result;
}

/** `{from, to, hit}` in a text; null if something else is there by now. */
function placed(text, hit) {
  if (hit.end.line >= text.lines) return null;
  const [from, to] = [hit.start, hit.end].map(({ line, column }) => {
    const found = text.line(line + 1);
    return Math.min(found.from + column, found.to);
  });
  return text.sliceString(from, to) === hit.match ? { from, to, hit } : null;
}

function positionIn(text, offset) {
  const { number, from } = text.lineAt(offset);
  return { line: number - 1, column: offset - from };
}
