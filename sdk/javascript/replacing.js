// Putting what was found in a text into it, where it still is.

import { search } from "./pages.js";

/**
 * Search, and put the replacements of what is found into its files: `[{filePath, replaced, left}]`. The
 * `client` is an `AICodingAssistantSocket`, and `chain` one of its chains.
 */
export async function replaceAll(client, chain, payload) {
  const done = [];
  for (const { filePath, hits } of await search(chain.call, payload)) {
    chain.check();
    const document = await client.openDocument(payload.projectId, filePath);
    const { text, replaced } = putIn(document.text, hits);
    document.update(() => text);
    await document.close();
    done.push({ filePath, replaced, left: hits.length - replaced });
  }
  return done;
}

/**
 * Return a text with the `replacement` of each hit that is where it was found, and how many: {text, replaced}.
 * Hits are those of `project:search`.
 */
export function putIn(text, hits) {
  const starts = [0];
  for (const line of text.split("\n")) starts.push(starts.at(-1) + line.length + 1);
  const lines = starts.length - 1;
  const offset = ({ line, column }) => (line < lines ? starts[line] + column : NaN);
  const inOrder = hits.toSorted(
    ({ start: one }, { start: other }) => one.line - other.line || one.column - other.column,
  );
  const pieces = [];
  let at = 0;
  let replaced = 0;
  for (const { start, end, match, replacement } of inOrder) {
    const [from, to] = [offset(start), offset(end)];
    if (!(from >= at) || text.slice(from, to) !== match) continue;
    pieces.push(text.slice(at, from), replacement);
    at = to;
    replaced += 1;
  }
  return { text: [...pieces, text.slice(at)].join(""), replaced };
}
