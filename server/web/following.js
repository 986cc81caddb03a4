// Following a person: the editor shows the file that they are in, and scrolls with their caret, until
// one types, clicks in the editor, scrolls, chooses a file or presses Escape. `state.following` is
// {user, path}, or null; `path` is what is opened for it.
//
// Whoever follows says no place of their own, see `sayPlace`.

import { useEffect } from "preact/hooks";
import { openFile } from "./file.js";
import { Avatar, html } from "./html.js";
import { showPosition } from "./live_editor.js";
import { onProject } from "./project.js";
import { isMoving, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

/** Follow a person of the open project. */
export function follow(user) {
  if (state.connection !== "online") return toast("Offline: nobody can be followed", "problem");
  update({ following: { user, path: state.open?.path }, pane: "editor" });
  attempt(goAlong);
}

/** Go one's own way, and say why if one has not chosen to. */
export function stopFollowing(reason = undefined) {
  if (!state.following) return;
  update({ following: null });
  if (reason) toast(reason);
}

/** Return where a person is: in the window in which they moved last. */
function placeOf(user) {
  return [...(state.project?.places.values() ?? [])].findLast((one) => one.user.id === user.id);
}

async function goAlong() {
  const place = placeOf(state.following.user);
  if (!place) return;
  const { user } = state.following;
  if (state.following.path !== place.filePath) {
    update({ following: { user, path: place.filePath } });
    await openFile(place.filePath, undefined, { isQuiet: true });
  }
  // They may have gone on meanwhile, and so may oneself.
  const now = placeOf(user);
  if (state.following?.user !== user || now?.filePath !== state.open?.path) return;
  showPosition(now.filePath, now.position);
}

onProject("cursor:updated", ({ user }) => {
  if (state.following?.user.id === user.id) attempt(goAlong);
});
socket.on("disconnect", () => {
  if (state.following && !isMoving()) {
    stopFollowing(`Your connection is lost: you follow ${state.following.user.name} no more`);
  }
});

const inEditor = (event) => Boolean(event.target.closest?.(".editor"));
const MODIFIERS = new Set(["Alt", "Control", "Meta", "Shift"]);

addEventListener(
  "keydown",
  (event) => {
    if (!state.following) return;
    const types = inEditor(event) && !MODIFIERS.has(event.key);
    if (event.key === "Escape" || types) stopFollowing();
  },
  true,
);
for (const kind of ["pointerdown", "wheel", "touchmove", "paste", "drop"]) {
  addEventListener(kind, (event) => inEditor(event) && stopFollowing(), {
    capture: true,
    passive: true,
  });
}

/** Whom one follows, and the way out of it. */
export function FollowBanner({ app }) {
  const { following, project } = app;
  useEffect(() => {
    // They have left, or were gone when one came back.
    const { user } = following ?? {};
    if (user && !project.people.has(user.id)) {
      stopFollowing(`${user.name} is gone: you follow nobody now`);
    }
  }, [project.people, following]);
  if (!following) return null;
  const { user, path } = following;
  return html`<p class="banner following row" role="status">
    <${Avatar} user=${user} />
    <span>
      You follow ${user.name}${path === undefined && ", who is in no file yet"}. Typing, a click in the
      text or Escape ends it.
    </span>
    <button class="end" onClick=${() => stopFollowing()}>Stop</button>
  </p>`;
}
