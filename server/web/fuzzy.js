// Which paths a few letters mean. Ten thousand are gone through with each key.

const MOST = 50;
// More letters than any path has at the beginnings of its words.
const LONGEST_QUERY = 256;
const IN_NAME = 1_000;
const IN_PATH = 700;
const SPREAD_IN_NAME = 400;
const SPREAD_IN_PATH = 100;
const RECENT = 150;
const SIGNS = new Set(Array.from("/_-. ", (sign) => sign.charCodeAt(0)));

/** Return what is to be searched: paths, of which some are `recent`, the last one first. */
export function prepared(paths, recent) {
  const ranks = new Map(recent.map((path, index) => [path, index]));
  return Array.from(paths, (path) => ({
    path,
    lower: path.toLowerCase(),
    nameAt: path.lastIndexOf("/") + 1,
    rank: ranks.get(path) ?? Infinity,
  }));
}

/** Return the paths that fit best, the best one first; without a query the recent ones. */
export function best(query, entries) {
  const wanted = query.toLowerCase().replaceAll(/\s/g, "").slice(0, LONGEST_QUERY);
  if (!wanted) {
    const recent = entries.filter(({ rank }) => rank < Infinity);
    return recent.sort((one, other) => one.rank - other.rank).slice(0, MOST).map(({ path }) => path);
  }
  // The best ones so far in their order: most of the others are worse than the last of them.
  const found = [];
  for (const { path, lower, nameAt, rank } of entries) {
    const place = placeScore(wanted, lower, nameAt, path);
    if (place === 0) continue;
    // The later one was there, and the shorter the path is, the better.
    const score = place + (rank < Infinity ? RECENT - rank : 0) - path.length / 10;
    if (found.length === MOST && score <= found[MOST - 1].score) continue;
    let at = found.length;
    while (at > 0 && score > found[at - 1].score) at--;
    found.splice(at, 0, { path, score });
    if (found.length > MOST) found.pop();
  }
  return found.map(({ path }) => path);
}

function placeScore(query, lower, nameAt, path) {
  const inName = lower.indexOf(query, nameAt);
  if (inName >= 0) return IN_NAME + startBonus(path, inName, nameAt);
  const inPath = lower.indexOf(query);
  if (inPath >= 0) return IN_PATH + startBonus(path, inPath, 0);
  return spread(query, lower, nameAt, path, SPREAD_IN_NAME) || spread(query, lower, 0, path, SPREAD_IN_PATH);
}

/** Return how well the letters of a query come one after the other; 0 where they do not. */
function spread(query, lower, from, path, base) {
  let at = from;
  let score = base;
  for (let index = 0; index < query.length; index++) {
    const next = lower.indexOf(query[index], at);
    if (next < 0) return 0;
    if (next === at && at > from) score += 8;
    else if (isStart(path, next)) score += 12;
    else score -= Math.min(next - at, 8);
    at = next + 1;
  }
  return Math.max(1, score);
}

function startBonus(path, at, whole) {
  if (at === whole) return 200;
  return isStart(path, at) ? 100 : 0;
}

/** Return whether a word begins there: after a sign, or with a capital. */
function isStart(path, at) {
  if (at === 0) return true;
  const before = path.charCodeAt(at - 1);
  return SIGNS.has(before) || (isCapital(path.charCodeAt(at)) && !isCapital(before));
}

function isCapital(code) {
  return code >= 65 && code <= 90;
}

/** Return where the letters of a query are in a path, to be shown. */
export function places(query, path) {
  const wanted = query.toLowerCase().replaceAll(/\s/g, "");
  const lower = path.toLowerCase();
  const nameAt = path.lastIndexOf("/") + 1;
  for (const from of [nameAt, 0]) {
    const at = lower.indexOf(wanted, from);
    if (at >= 0) return Array.from(wanted, (_, index) => at + index);
  }
  for (let from = nameAt; ; from = 0) {
    const found = [];
    let at = from;
    for (const letter of wanted) {
      at = lower.indexOf(letter, at);
      if (at < 0) break;
      found.push(at++);
    }
    if (at >= 0 || from === 0) return found;
  }
}
