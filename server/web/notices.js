// The user's notifications, and what each opens.

import { openPlace } from "./file.js";
import { changeList } from "./project.js";
import { goToProject } from "./route.js";
import { ask, insist, socket } from "./session.js";
import { attempt, state, toast, update } from "./state.js";
import { showMessage } from "./talk.js";

socket.on("notification:new", ({ notification }) => {
  changeList(() => {
    const others = state.notifications.filter((one) => one.id !== notification.id);
    update({ notifications: [notification, ...others] });
  });
  const { title, message } = notification;
  const open = { name: "Open", run: () => attempt(() => openNotice(notification)) };
  toast(`${title}: ${message}`, "notice", mayOpen(notification) ? open : undefined);
});
socket.on("notification:read", ({ ids }) => putRead(ids));

function putRead(ids) {
  const isRead = (one) => one.isRead || !ids || ids.includes(one.id);
  changeList(() => {
    update({ notifications: state.notifications.map((one) => ({ ...one, isRead: isRead(one) })) });
  });
}

/** Mark all notifications as read, or those of `ids`. */
export async function markRead(ids) {
  putRead(ids);
  await insist(() => ask("notification:read", { ids }));
}

/** Return whether there is something that a notification opens. */
export function mayOpen({ projectId, about }) {
  return projectId !== undefined && about !== undefined;
}

/** Return what a notification is about, in words: the project, the file and the line. */
export function subjectOf({ projectId, about }) {
  const project = state.projects.find((one) => one.id === projectId)?.name;
  const { filePath, line } = about?.place ?? {};
  return [project, filePath, line === undefined ? undefined : `line ${line + 1}`]
    .filter(Boolean)
    .join(" · ");
}

/** Open what a notification is about; it counts as read. */
export async function openNotice(notice) {
  const { id, isRead, projectId, about } = notice;
  if (!isRead) attempt(() => markRead([id]));
  await goToProject(projectId);
  if (state.project?.id !== projectId) return;
  const { kind, place, messageId } = about;
  if (kind === "bin") return update({ dialog: "bin", isSearching: false });
  if (kind === "invitation") return update({ dialog: "settings" });
  if (place && state.project.files.has(place.filePath)) await openPlace(place);
  if (kind === "message") await showMessage(messageId);
}
