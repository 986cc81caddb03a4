// What people say to each other in the open project; no assistant hears of it. `state.project.talk` is
// {messages, older, unread, shown}: `older` is where it goes on backwards, `shown` the message to go to.

import { byName } from "./paths.js";
import { change, onProject } from "./project.js";
import { ask, insist, isMe } from "./session.js";
import { state, toast, update } from "./state.js";

/** Say something, perhaps about a `place` {filePath, line}. With the same key it is there once. */
export async function say(text, key, place) {
  const { id: projectId } = state.project;
  const { message } = await ask("chat:message", { projectId, message: text, key, place });
  add(message);
}

/** Show the messages before those that are shown. */
export async function loadOlderTalk() {
  const { id: projectId, talk } = state.project;
  const page = await ask("chat:history", { projectId, after: talk.older });
  if (state.project?.id !== projectId || state.project.talk.older !== talk.older) return;
  put({ messages: [...page.messages, ...state.project.talk.messages], older: page.next });
}

/** Say that one has seen all that was said. */
export async function readAll() {
  const { id: projectId, talk } = state.project;
  const messageId = talk.messages.at(-1)?.id;
  if (!messageId || talk.unread === 0) return;
  put({ unread: 0 });
  const { unread } = await ask("chat:read", { projectId, messageId });
  if (state.project?.id === projectId && unread === 0) put({ unread });
}

/** Show a message, going back for it if need be. */
export async function showMessage(id) {
  update({ side: "people", pane: "people" });
  const { id: projectId } = state.project;
  const isThere = () => state.project.talk.messages.some((one) => one.id === id);
  while (!isThere() && state.project.talk.older !== undefined) {
    await insist(loadOlderTalk);
    if (state.project?.id !== projectId) return;
  }
  if (!isThere()) return toast("The message is not there any more");
  put({ shown: id });
}

/** The message to go to is there. */
export function forgetShown() {
  put({ shown: undefined });
}

function put(changes) {
  change({ talk: { ...state.project.talk, ...changes } });
}

function add(message) {
  const { messages, unread } = state.project.talk;
  if (message.projectId !== state.project.id) return;
  if (messages.some((one) => one.id === message.id)) return;
  put({ messages: [...messages, message], unread: isMe(message.user) ? 0 : unread + 1 });
}

onProject("chat:message", ({ message }) => add(message));
onProject("chat:read", ({ unread }) => put({ unread }));

// -- whom a text is for

/** Return those whom a message can name: members, and who is here. */
export function nameable() {
  const { info, people } = state.project;
  const users = [...info.members.map(({ user }) => user), ...[...people.values()].map((one) => one.user)];
  return [...new Map(users.map((user) => [user.id, user])).values()].filter((user) => !isMe(user));
}

/** Whom a text begins with, after an @: such a text is for people. */
export function addressee(text) {
  const rest = /^\s*@(.*)/su.exec(text)?.[1].toLowerCase();
  if (rest === undefined) return undefined;
  const begins = (name) =>
    rest.startsWith(name.toLowerCase()) && !/^[-./\\@:]*[\p{L}\p{N}_]/u.test(rest.slice(name.length));
  return nameable().find((user) => begins(user.name) || begins(user.id));
}

/** Return some people whose name begins like this. */
export function peopleLike(word, most) {
  const sought = word.toLowerCase();
  const begins = ({ name, id }) =>
    name.toLowerCase().startsWith(sought) || id.toLowerCase().startsWith(sought);
  const found = nameable().filter(begins);
  return found.sort((a, b) => byName(a.name, b.name)).slice(0, most);
}
