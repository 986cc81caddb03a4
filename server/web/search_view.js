// The search in all files, in the place of the tree.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { openFile } from "./file.js";
import { Icon, IconButton, html } from "./html.js";
import { folderOf, nameOf as fileName } from "./paths.js";
import { mayEdit } from "./project.js";
import * as searching from "./search.js";
import { attempt, state, update } from "./state.js";

// After the last key, until it is searched for.
const STILL_MILLISECONDS = 300;
// Lines that are drawn at once: what a screen has, and as many more whenever their end is near.
const LINES_AT_ONCE = 200;
const NEAR_PIXELS = 600;

const EMPTY = {
  query: "",
  replacement: "",
  include: "",
  exclude: "",
  isCaseSensitive: false,
  isWholeWord: false,
  isRegex: false,
};
const OPTIONS = {
  isCaseSensitive: { text: "Aa", label: "Match case" },
  isWholeWord: { text: "ab", label: "Whole words" },
  isRegex: { text: ".*", label: "Regular expression" },
};

const globs = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

export function SearchView({ app }) {
  // What was typed stays while the tree is shown.
  const [fields, setFields] = useState(app.searchFields ?? EMPTY);
  const [withReplace, setWithReplace] = useState(fields.replacement !== "");
  const [withGlobs, setWithGlobs] = useState(fields.include !== "" || fields.exclude !== "");
  const query = useRef(null);
  const timer = useRef(0);
  const found = app.search ?? searching.NOTHING_FOUND;

  // The next key is for it: after the frame would be too late.
  useLayoutEffect(() => {
    query.current.focus();
    query.current.select();
  }, [app.searchAsked]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const start = (next, isReplacing = withReplace) => {
    clearTimeout(timer.current);
    searching.search({
      query: next.query,
      isCaseSensitive: next.isCaseSensitive,
      isWholeWord: next.isWholeWord,
      isRegex: next.isRegex,
      include: globs(next.include),
      exclude: globs(next.exclude),
      replacement: isReplacing ? next.replacement : undefined,
    });
  };
  const put = (changes, isAtOnce = false) => {
    const next = { ...fields, ...changes };
    setFields(next);
    update({ searchFields: next });
    clearTimeout(timer.current);
    if (isAtOnce) start(next);
    else timer.current = setTimeout(() => start(next), STILL_MILLISECONDS);
  };
  const field = (name, label, rest = {}) => html`<input
    type="text"
    aria-label=${label}
    placeholder=${label}
    autocomplete="off"
    spellcheck=${false}
    maxlength="1000"
    value=${fields[name]}
    onInput=${(event) => put({ [name]: event.target.value })}
    ...${rest}
  />`;
  const showReplace = () => {
    setWithReplace(!withReplace);
    start(fields, !withReplace);
  };
  const submit = (event) => {
    event.preventDefault();
    start(fields);
  };
  const key = (event) => {
    if (event.key === "Escape" && found.isRunning) searching.stopSearch();
    else if (event.key === "Escape") update({ isSearching: false });
    else if (event.key === "ArrowDown") document.querySelector(".hits button")?.focus();
    else return;
    event.preventDefault();
  };
  return html`<section class="panel search" aria-label="Search">
    <header>
      <h2>Search</h2>
      <${IconButton}
        icon="folder"
        label="Back to the files"
        onClick=${() => update({ isSearching: false })}
      />
    </header>
    <form role="search" onSubmit=${submit} onKeyDown=${key}>
      <div class="row">
        ${field("query", "Search in all files", { ref: query })}
        ${Object.entries(OPTIONS).map(
          ([name, { text, label }]) =>
            html`<button
              type="button"
              class="quiet option"
              title=${label}
              aria-label=${label}
              aria-pressed=${fields[name]}
              onClick=${() => put({ [name]: !fields[name] }, true)}
            >
              ${text}
            </button>`,
        )}
      </div>
      ${withReplace && field("replacement", fields.isRegex ? "Replace by ($1, $& for what is found)" : "Replace by")}
      ${
        withGlobs &&
        html`${field("include", "Only in, such as src, *.js")}
          ${field("exclude", "Not in, such as *.min.js, dist")}`
      }
      <div class="row">
        ${
          mayEdit() &&
          html`<button type="button" class="link" aria-pressed=${withReplace} onClick=${showReplace}>
            Replace
          </button>`
        }
        <button
          type="button"
          class="link"
          aria-pressed=${withGlobs}
          onClick=${() => setWithGlobs(!withGlobs)}
        >
          Which files
        </button>
        ${
          found.isRunning &&
          html`<button type="button" class="end" onClick=${searching.stopSearch}>
            <${Icon} name="stop" /> Stop
          </button>`
        }
      </div>
    </form>
    <${Said} found=${found} />
    ${withReplace && found.count > 0 && mayEdit() && html`<${Replacing} found=${found} />`}
    ${found.report && html`<${Report} report=${found.report} />`}
    <${Hits} found=${found} withReplace=${withReplace && mayEdit()} />
  </section>`;
}

function Said({ found }) {
  const { wanted, count, files, searched, skipped, isRunning, isCut, error } = found;
  if (error) return html`<p class="problem pad" role="alert">${error}.</p>`;
  if (!wanted?.query) return html`<p class="soft pad">What you and others are typing is found, too.</p>`;
  const many = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
  const hits = count === 0 ? "Nothing" : `${many(count, "hit")} in ${many(files.length, "file")}`;
  const parts = [
    isRunning ? `${hits} so far…` : `${hits}${count === 0 ? ` in ${many(searched, "file")}` : ""}.`,
    isCut && !isRunning && "There may be more.",
    skipped > 0 && `${many(skipped, "file")} too long to be searched.`,
  ];
  return html`<p class="soft pad" role="status">${parts.filter(Boolean).join(" ")}</p>`;
}

function Replacing({ found }) {
  const { replacing, isRunning } = found;
  if (replacing) {
    return html`<div class="row pad">
      <progress max=${replacing.of} value=${replacing.done} aria-label="Files replaced in"></progress>
      <span class="soft">${replacing.done} of ${replacing.of}</span>
      <button class="end" onClick=${searching.stopReplacing}><${Icon} name="stop" /> Stop</button>
    </div>`;
  }
  const count = searching.chosenFiles(found).reduce((sum, { hits }) => sum + hits.length, 0);
  return html`<div class="row pad">
    <button
      class="primary"
      disabled=${count === 0 || isRunning}
      onClick=${() => attempt(searching.replaceChosen)}
    >
      Replace ${count === 1 ? "1 hit" : `${count} hits`}
    </button>
  </div>`;
}

function Report({ report: { text, failures, undo } }) {
  return html`<div class="pad report" role="status">
    <p>${text}</p>
    ${failures.map((failure) => html`<p class="problem">${failure}</p>`)}
    ${undo.length > 0 && html`<button onClick=${() => attempt(searching.undoReplacing)}>Put it back</button>`}
  </div>`;
}

/** The hits, as lines that the arrows go through. */
function Hits({ found, withReplace }) {
  const { files, leftOut } = found;
  const [closed, setClosed] = useState(new Set());
  const [shown, setShown] = useState(LINES_AT_ONCE);
  useEffect(() => setShown(LINES_AT_ONCE), [found.wanted]);
  const lines = useMemo(
    () =>
      files.flatMap((file) => [
        { file },
        ...(closed.has(file.filePath) ? [] : file.hits.map((hit) => ({ file, hit }))),
      ]),
    [files, closed],
  );
  const near = ({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
    if (scrollTop + clientHeight + NEAR_PIXELS > scrollHeight && shown < lines.length) {
      setShown(shown + LINES_AT_ONCE);
    }
  };
  const fold = (path) => {
    const next = new Set(closed);
    if (!next.delete(path)) next.add(path);
    setClosed(next);
  };
  const key = (event) => {
    const buttons = [...event.currentTarget.querySelectorAll("button")];
    const index = buttons.indexOf(document.activeElement);
    const { length } = buttons;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: length - 1 }[event.key];
    if (index < 0 || to === undefined) return;
    event.preventDefault();
    if (to < 0) document.querySelector(".search input").focus();
    else buttons[Math.min(to, length - 1)].focus();
  };
  const pick = (names) => (event) => searching.choose(names, event.target.checked);
  return html`<ul class="plain scroll hits" aria-label="Hits" onScroll=${near} onKeyDown=${key}>
    ${lines.slice(0, shown).map(({ file, hit }) => {
      const names = (hit ? [hit] : file.hits).map((one) => searching.nameOf(file, one));
      const isChosen = names.some((name) => !leftOut.has(name));
      const box =
        withReplace &&
        html`<input
          type="checkbox"
          checked=${isChosen}
          disabled=${hit && hit.replacement === undefined}
          aria-label=${hit ? `Replace in line ${hit.start.line + 1}` : `Replace in ${file.filePath}`}
          onChange=${pick(names)}
        />`;
      if (hit) return html`<${Hit} key=${names[0]} file=${file} hit=${hit} box=${box} isChosen=${isChosen} />`;
      return html`<li class="of" key=${file.filePath}>
        ${box}
        <button
          aria-expanded=${!closed.has(file.filePath)}
          title=${file.filePath}
          onClick=${() => fold(file.filePath)}
        >
          <strong>${fileName(file.filePath)}</strong>
          <span class="soft">${folderOf(file.filePath)}</span>
          <span class="end soft">${file.hits.length}</span>
        </button>
      </li>`;
    })}
  </ul>`;
}

function Hit({ file, hit, box, isChosen }) {
  const { start, match, excerpt, excerptColumn = 0, replacement } = hit;
  const at = start.column - excerptColumn;
  const inLine = match.split("\n")[0];
  const isReplaced = box && isChosen && replacement !== undefined;
  const open = () => {
    const target = { line: start.line + 1, column: start.column + 1, length: match.length };
    attempt(() => openFile(file.filePath, target));
  };
  return html`<li>
    ${box}
    <button title=${`${file.filePath}, line ${start.line + 1}`} onClick=${open}>
      <span class="soft number">${start.line + 1}</span>
      <span class="excerpt"
        >${excerpt.slice(0, at).trimStart()}${
          isReplaced
            ? html`<del>${inLine}</del><ins>${replacement}</ins>`
            : html`<mark>${inLine}</mark>`
        }${excerpt.slice(at + inLine.length)}</span
      >
    </button>
  </li>`;
}

addEventListener(
  "keydown",
  (event) => {
    const isKey = event.code === "KeyF" && event.shiftKey && (event.ctrlKey || event.metaKey);
    if (!isKey || event.altKey || !state.project || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    event.stopPropagation();
    askForSearch();
  },
  true,
);

/** Show the search, ready to type into. */
export function askForSearch() {
  update({ isSearching: true, pane: "files", searchAsked: (state.searchAsked ?? 0) + 1 });
}
