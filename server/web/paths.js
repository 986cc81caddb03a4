// Paths and their order.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Compare names as people order them: file2 before file10. */
export function byName(one, other) {
  return collator.compare(one, other) || (one < other ? -1 : Number(one > other));
}

export function nameOf(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

// What shows nothing where it stands: spaces at the ends of a name, and characters without a width. The
// joiners of letters and emoji (200C, 200D) change what is beside them.
const UNSEEN =
  /^\s+|\s+$|[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2060-\u206f\u2800\u3164\ufeff\uffa0]/gu;

/** Return a name as it is shown, with what could not be seen: so that it looks like no other one. */
export function visible(name) {
  return name.replace(UNSEEN, (unseen) =>
    Array.from(unseen, (one) => (one === " " ? "␣" : `⟨${codeOf(one)}⟩`)).join(""),
  );
}

function codeOf(character) {
  return character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** Return the folder that a path is in, "" for the project itself. */
export function folderOf(path) {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function join(folder, name) {
  return folder ? `${folder}/${name}` : name;
}

/** Return whether a path is that of a file or folder, or inside of it. */
export function isWithin(path, place) {
  return path === place || path.startsWith(`${place}/`);
}

/** Return what becomes of a path when a file or folder gets another one. */
export function moved(path, source, target) {
  return isWithin(path, source) ? target + path.slice(source.length) : path;
}

/** Return a name like this one that nothing has yet: "a copy.txt", "a copy 2.txt". */
export function freeCopy(path, isTaken) {
  const name = nameOf(path);
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let number = 1; ; number++) {
    const copy = join(folderOf(path), `${stem} copy${number > 1 ? ` ${number}` : ""}${ending}`);
    if (!isTaken(copy)) return copy;
  }
}
