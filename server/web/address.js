// What an address names: `#project/path/of/file:line`, each part encoded, so that a colon which is
// not is the one before the line.

/** `{id, path, line}` of a fragment; what it does not name is "" or undefined. */
export function parse(fragment) {
  const [, place, line] = /^#?(.*?)(?::(\d{1,9}))?$/s.exec(fragment);
  const [id, ...path] = place.split("/").map(decoded);
  return { id, path: path.join("/"), line: line && Math.max(1, +line) };
}

/** The fragment for a project, a file of it, and a line of that. The first line goes without saying. */
export function format({ id, path, line = 1 }) {
  if (!id) return "";
  const parts = path ? [id, ...path.split("/")] : [id];
  return `#${parts.map(encodeURIComponent).join("/")}${path && line > 1 ? `:${line}` : ""}`;
}

/** Somebody may have written it by hand. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
