// The tabs of the open project: `state.project.tabs` is [{path, line}] in their order, of which one is
// in the editor (`state.open`), and `state.project.closedTabs` those that were closed last. `recent` are
// the paths of files that were in the editor, the last one first. The browser remembers all that for
// each user and project.

import { isWithin, moved } from "./paths.js";
import { change } from "./project.js";
import { state } from "./state.js";

const MOST_TABS = 200;
const MOST_CLOSED = 20;
const MOST_RECENT = 50;
const NONE = { tabs: [], closedTabs: [], recent: [], active: undefined };

const keyOf = (userId, projectId) => `tabs/${userId}/${projectId}`;

/** Return the tabs of a project as they were left, and the path of the one that was in front. */
export function rememberedTabs(projectId) {
  if (state.project?.id === projectId) {
    const { tabs, closedTabs, recent } = state.project;
    return { tabs, closedTabs, recent, active: undefined };
  }
  try {
    const text = localStorage.getItem(keyOf(state.user.id, projectId));
    return { ...NONE, ...JSON.parse(text) };
  } catch {
    return NONE;
  }
}

function put(changes) {
  change(changes);
  const { id, tabs, closedTabs, recent } = state.project;
  try {
    const text = JSON.stringify({ tabs, closedTabs, recent, active: state.open?.path });
    localStorage.setItem(keyOf(state.user.id, id), text);
  } catch {
    // The browser's storage is full, or closed to the page: they are not remembered.
  }
}

export function tabOf(path) {
  return state.project?.tabs.find((tab) => tab.path === path);
}

/** What is in the editor now has a tab, beside the one before; called when the state has both. */
export function showTab(path, before) {
  const { tabs } = state.project;
  const others = state.project.recent.filter((one) => one !== path);
  const recent = [path, ...others].slice(0, MOST_RECENT);
  if (tabOf(path)) return put({ recent });
  const at = tabs.findIndex((tab) => tab.path === before);
  const next = tabs.toSpliced(at < 0 ? tabs.length : at + 1, 0, { path });
  put({ recent, tabs: next.length > MOST_TABS ? next.slice(1) : next });
}

/** The caret of a file was last in this line. */
export function leaveTab(path, line) {
  if (!tabOf(path)) return;
  put({ tabs: state.project.tabs.map((tab) => (tab.path === path ? { path, line } : tab)) });
}

/** Close a tab. Returns the path of the tab that takes its place, if there is one. */
export function closeTab(path) {
  const { tabs, closedTabs } = state.project;
  const index = tabs.findIndex((tab) => tab.path === path);
  if (index < 0) return undefined;
  const rest = tabs.toSpliced(index, 1);
  put({ tabs: rest, closedTabs: [...closedTabs, { ...tabs[index], index }].slice(-MOST_CLOSED) });
  return (rest[index] ?? rest[index - 1])?.path;
}

/** Put the tab back that was closed last, where it was. Returns it, or undefined. */
export function takeClosedTab() {
  const { files, tabs, closedTabs } = state.project;
  const index = closedTabs.findLastIndex(({ path }) => files.has(path) && !tabOf(path));
  if (index < 0) return undefined;
  const { index: at, ...tab } = closedTabs[index];
  put({ tabs: tabs.toSpliced(at, 0, tab), closedTabs: closedTabs.slice(0, index) });
  return tab;
}

/** Put a tab at another place among them. */
export function placeTab(path, index) {
  const tab = tabOf(path);
  if (!tab) return;
  const others = state.project.tabs.filter((one) => one !== tab);
  put({ tabs: others.toSpliced(Math.max(0, index), 0, tab) });
}

/** A file or folder has another path; what was at that is gone. */
export function tabsMoved(source, target) {
  const rename = (tab) => ({ ...tab, path: moved(tab.path, source, target) });
  const tabs = state.project.tabs.filter(
    ({ path }) => isWithin(path, source) || !isWithin(path, target),
  );
  put({
    tabs: tabs.map(rename),
    closedTabs: state.project.closedTabs.map(rename),
    recent: state.project.recent.map((path) => moved(path, source, target)),
  });
}

/** A file is gone, and its tab with it. It is not one that can be put back. */
export function dropTab(path) {
  if (tabOf(path)) put({ tabs: state.project.tabs.filter((tab) => tab.path !== path) });
}
