// What the server says of a failure, for people: programs are told the same.

/** Return it as a sentence: a field of what was sent by its words, and a capital at the beginning. */
export function sentence(message) {
  const named = message.replace(/^\$\.([\w.[\]]+)/, (_, path) => inWords(path));
  return named.charAt(0).toUpperCase() + named.slice(1);
}

/** Return the last name of a path of fields, such as "base revision" of "file.baseRevision". */
function inWords(path) {
  const name = path.split(".").at(-1).replace(/\[\d+\]/g, "");
  return `the ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
}
