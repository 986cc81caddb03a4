// What the others are told of oneself: where the caret is, and whether one looks at the page.

import { onProject, sayActivity } from "./project.js";
import { socket } from "./session.js";
import { state } from "./state.js";

const CURSOR_MILLISECONDS = 80;

let place = null;
let placeTimer = 0;

/** Tell the others where one is in the open file; not more often than they can look. */
export function sayPlace(position, selection) {
  // Two who follow each other would else chase each other from file to file.
  if (state.following) return;
  place = { position, selection };
  sayPlaceLater();
}

function sayPlaceLater() {
  placeTimer ||= setTimeout(sendPlace, CURSOR_MILLISECONDS);
}

function sendPlace() {
  placeTimer = 0;
  // What is volatile would be left out now, and the last place would never be told.
  if (socket.io.engine?.transport?.writable === false) return sayPlaceLater();
  if (!state.open || !state.project || !place || state.connection !== "online") return;
  const { path: filePath, document } = state.open;
  const version = document?.version;
  socket.volatile.emit("cursor:update", { projectId: state.project.id, filePath, version, ...place });
}

// Whoever comes does not know where the others are.
onProject("user:joined", sendPlace);

document.addEventListener("visibilitychange", () => {
  const own = state.project?.people.get(state.user?.id);
  if (own) sayActivity(own.activity);
});
