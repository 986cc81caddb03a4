// What the page shows, in one object. Whoever changes it calls `update`, and the page is drawn
// again before the next frame; only the root component listens, so there is one direction for data
// to flow.

import { useEffect, useRef, useState } from "preact/hooks";

/** What is open, when nothing is. */
export const NOTHING_OPEN = {
  project: null, // see project.js
  open: null, // the file in the editor, see file.js
  beside: [], // those of other tabs that go on, see file.js
  missing: null, // what the address names and is not there, {path, line}
  review: null, // the proposal beside the file, {requestId, path}; see proposals.js
  following: null, // whom one follows, see following.js
  isQuickOpen: false,
  isSearching: false, // instead of the tree
  search: null, // see search.js
  searchFields: null, // what is typed there
  searchAsked: 0, // grows whenever the search is asked for
};

/** Return what is one user's, as it is while nobody is signed in. */
function ofUser() {
  return {
    ...NOTHING_OPEN,
    user: null,
    signingIn: false,
    projects: [],
    notifications: [],
    asks: new Map(), // requests for locks, see asking.js
    history: null, // the path of the file whose history is shown
    uploads: null, // see uploads.js
    pane: "files", // what a phone shows: files, editor, assistant, people, versions
    side: "assistant", // what the right column shows: assistant, people, versions
    dialog: "", // "settings", "bin", or none
    packets: [], // see wire.js
    toasts: [],
  };
}

export const state = {
  authMode: document.documentElement.dataset.authMode,
  connection: "offline", // or "connecting", "online": the server knows who one is
  transport: "",
  signInError: "",
  isInvited: false, // an invitation waits until one is signed in, see inviting.js
  wireOpen: false,
  ...ofUser(),
};

const listeners = new Set();

/** Change the state and draw it. */
export function update(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

/** Nobody is signed in any more, because of an `error` if there is one. */
export function forgetUser(error) {
  update({ ...ofUser(), signInError: error });
}

/** Change the file in the editor, if there is one. */
export function alterOpen(changes) {
  if (state.open) update({ open: { ...state.open, ...changes } });
}

/** Return the state, for the root component: it is drawn again after each `update`. */
export function useApp() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return state;
}

const readers = new Set();

/**
 * What `read()` returns, for a component that is drawn again when that is another value. Beside the
 * state it may read what changes with each key, which `refresh` tells of: the rest of the page is not
 * drawn for that.
 */
export function useReading(read) {
  const [, draw] = useState(0);
  const latest = useRef({});
  latest.current = { read, value: read() };
  useEffect(() => {
    const reader = () => {
      const { read: again, value } = latest.current;
      if (again() !== value) draw((count) => count + 1);
    };
    readers.add(reader);
    return () => readers.delete(reader);
  }, []);
  return latest.current.value;
}

/** What `useReading` reads may be another. */
export function refresh() {
  for (const reader of readers) reader();
}

const TOAST_MILLISECONDS = 5_000;
// With something that one may want to do.
const ACTION_MILLISECONDS = 10_000;
let lastToast = 0;

/**
 * Say something for a few seconds, perhaps with an `action` {name, run}. `kind` is "news", "problem", or
 * "notice": of what others make one hear only the last is shown, so that nobody can fill the page.
 */
export function toast(text, kind = "news", action = undefined) {
  const id = ++lastToast;
  const close = () => update({ toasts: state.toasts.filter((one) => one.id !== id) });
  const shown = action && {
    name: action.name,
    run: () => {
      close();
      action.run();
    },
  };
  const others = state.toasts.filter((one) => kind !== "notice" || one.kind !== kind);
  update({ toasts: [...others.slice(-3), { id, text, kind, action: shown }] });
  setTimeout(close, action ? ACTION_MILLISECONDS : TOAST_MILLISECONDS);
}

/** Run what a button starts; a failure becomes a toast for whoever started it. Returns undefined then. */
export async function attempt(work) {
  const { user } = state;
  try {
    return await work();
  } catch (error) {
    if (state.user?.id === user?.id) toast(error.message, "problem");
    return undefined;
  }
}
