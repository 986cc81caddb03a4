// Asking for a file that somebody edits alone. `state.asks` are the requests that are open, by id: mine
// and those for what I hold.

import { onLeavingFile } from "./file.js";
import { handedOver } from "./file_locks.js";
import { moved } from "./paths.js";
import { onProject } from "./project.js";
import { ask, insist, isMe, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

// Requests that have ended before they were known here.
const ended = new Set();

/** Ask the holder of a file for it. */
export async function askFor(filePath) {
  const { request } = await ask("lock:ask", { projectId: state.project.id, filePath });
  // It may be answered before this is told.
  if (!ended.delete(request.id)) put(request);
  // It may have ended before this was known to be asked.
  if (state.open?.path !== filePath) withdraw(request);
}

/** Ask no more. */
export function withdraw({ id, projectId }) {
  drop(id);
  // It may have been answered meanwhile.
  ask("lock:withdraw", { projectId, requestId: id }).catch(() => {});
}

/** Hand over what one is asked for, or keep it. */
export async function answer({ id, projectId, user, filePath }, isHandedOver) {
  const words = isHandedOver ? "hand-over" : "keep";
  // What was typed goes before.
  if (isHandedOver && state.open?.path === filePath) await state.open.document?.settle();
  const { lock } = await insist(() =>
    ask("lock:answer", { projectId, requestId: id, answer: words }),
  );
  drop(id);
  if (lock && state.project?.id === projectId) handedOver(lock);
  if (lock) toast(`${user.name} has ${filePath} now`);
}

/** Return the request of one's own for a file, if there is one. */
export function ownAsk(filePath) {
  return [...state.asks.values()].find((one) => isMe(one.user) && one.filePath === filePath);
}

/** Return those who ask for a file that one holds. */
export function asksFor(filePath) {
  return [...state.asks.values()].filter((one) => !isMe(one.user) && one.filePath === filePath);
}

function put(request) {
  update({ asks: new Map(state.asks).set(request.id, request) });
}

function drop(id) {
  const asks = new Map(state.asks);
  asks.delete(id);
  update({ asks });
}

socket.on("lock:asked", ({ request }) => ended.delete(request.id) || put(request));
socket.on("lock:answered", ({ requestId, outcome, lock }, { projectId }) => {
  const request = state.asks.get(requestId);
  if (!request) ended.add(requestId);
  drop(requestId);
  if (outcome === "handed-over" && isMe(lock.user)) {
    if (state.project?.id === projectId && state.open?.path === lock.filePath) {
      handedOver(lock);
      toast(`${request?.holder.name ?? "The holder"} has handed ${lock.filePath} over to you`);
    } else {
      // One has gone on meanwhile.
      attempt(() => ask("file:unlock", { projectId, filePath: lock.filePath }));
    }
  } else if (request && isMe(request.user) && outcome !== "withdrawn") {
    toast(`${request.filePath}: ${REASONS[outcome](request.holder.name)}`);
  }
});
const REASONS = {
  kept: (name) => `${name} keeps it for now`,
  expired: (name) => `${name} did not answer`,
  ended: (name) => `${name} has given it back, or is away`,
};

onProject("file:moved", ({ filePath, newPath }) => {
  const { id } = state.project;
  const follow = (one) =>
    one.projectId === id ? { ...one, filePath: moved(one.filePath, filePath, newPath) } : one;
  update({ asks: new Map([...state.asks].map(([key, one]) => [key, follow(one)])) });
});

socket.on("disconnect", () => {
  ended.clear();
  update({ asks: new Map() });
});
onLeavingFile((path) => {
  const own = ownAsk(path);
  if (own) withdraw(own);
});
