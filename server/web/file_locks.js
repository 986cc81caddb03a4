// Who edits a file alone: the locks of the open project, and one's own.

import { change, onProject } from "./project.js";
import { ask, endure, insist, isFailure, isMe, socket } from "./session.js";
import { documentsUnlocked } from "./shared_files.js";
import { alterOpen, attempt, state, update } from "./state.js";

// How often, and how long after a refusal, a lock is taken again that oneself has elsewhere.
const RETAKINGS = 5;
const RETAKE_MILLISECONDS = 250;
const MOST_ENDED = 1_000;

/** Keep all others from editing the open file. */
export async function editAlone() {
  const { path } = state.open;
  const { id: projectId } = state.project;
  const payload = { projectId, filePath: path, lockType: "exclusive" };
  const { lock } = await ask("file:lock", payload);
  // The lock ends with the stay in the project.
  if (state.project?.id !== projectId) return;
  putLock(lock);
  if (state.open?.path === path) alterOpen({ lock });
}

/** Let the others edit a file again, when one's own words are taken; another one may be shown by then. */
export async function editTogether({ path, lock, document } = state.open) {
  const projectId = state.project.id;
  const isOnline = state.connection === "online";
  if (isOnline) await document?.settle();
  // The lock ends with the stay in the project.
  if (state.project?.id !== projectId) return;
  const filePath = document?.path ?? path;
  dropLock(filePath, lock.token);
  // A lock whose connection is lost ends by itself.
  if (!isOnline) return;
  const payload = { projectId, filePath };
  const unlock = () => insist(() => ask("file:unlock", payload));
  const connection = socket.id;
  try {
    await unlock();
  } catch (error) {
    if (!isFailure(error) || socket.id !== connection) return;
    // The others are kept out until that is done. By then one may have taken it anew.
    const isAnew = () => state.open?.path === filePath && state.open.lock;
    endure(() => isAnew() || unlock()).catch(() => {});
  }
}

/** Take a lock again that was lost with the connection, if it is to be had. */
export async function lockAgain({ path, lock: before }) {
  const connection = socket.id;
  const payload = { projectId: state.project.id, filePath: path, lockType: "exclusive" };
  // One may give it back meanwhile.
  const isWanted = () => state.open?.lock?.token === before.token;
  const answer = await attempt(() =>
    endure(() => isWanted() && insist(() => askAgain(payload))),
  );
  // Lost once more: the next connection takes it up.
  if (socket.id !== connection) return;
  if (answer) putLock(answer.lock);
  if (isWanted()) alterOpen({ lock: answer?.lock ?? null });
}

async function askAgain(payload) {
  for (let left = RETAKINGS; ; left -= 1) {
    try {
      return await ask("file:lock", payload);
    } catch (error) {
      if (left === 0 || !isMe(error.details?.holder)) throw error;
      // The server that was left does not know yet that the connection is gone.
      await new Promise((done) => setTimeout(done, RETAKE_MILLISECONDS));
    }
  }
}

/** Take note that a lock has gone from one user to another. */
export function handedOver(lock) {
  putLock(lock);
  if (state.open?.path === lock.filePath) alterOpen({ lock: isMe(lock.user) ? lock : null });
}

// The tokens of locks that have ended, the last ones. Of several nodes one may tell of a lock after
// another one has told of its end.
const ended = new Set();

onProject("file:locked", ({ lock }) => ended.has(lock.token) || putLock(lock));
onProject("file:unlocked", ({ filePath, token }) => {
  ended.add(token);
  if (ended.size > MOST_ENDED) ended.delete(ended.values().next().value);
  dropLock(filePath, token);
});

function putLock(lock) {
  const { filePath, token } = lock;
  // Tokens only grow: a later one holds the file alone.
  const isOver = (one) =>
    one.filePath === filePath && one.lockType === "exclusive" && one.token > token;
  if (state.project.locks.some(isOver)) return;
  const others = state.project.locks.filter((one) => one.token !== token);
  // An exclusive lock is the only one, also where it was taken over from a lost connection.
  const kept = others.filter((one) => one.filePath !== filePath || lock.lockType === "shared");
  change({ locks: [...kept, lock] });
}

function dropLock(filePath, token) {
  if (!state.project) return;
  documentsUnlocked(filePath);
  // Handed over in another window.
  if (state.open?.lock?.token === token) alterOpen({ lock: null });
  const free = (one) => (one.lock?.token === token ? { ...one, lock: null } : one);
  update({ beside: state.beside.map(free) });
  // It may have another path by now.
  change({ locks: state.project.locks.filter((one) => one.token !== token) });
}

/** Return the lock on a file that somebody else has, or one's own other window. */
export function foreignLock(path) {
  const own = new Set([state.open, ...state.beside].map((one) => one?.lock?.token));
  return state.project.locks.find(
    (lock) => lock.filePath === path && !own.has(lock.token),
  );
}
