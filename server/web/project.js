// The project that is open: its files, locks, people, versions and chat, kept in step with the
// events of its room. `project:join` restores all of it, also after a reconnection.

import { closedFolders } from "./folders.js";
import { byName } from "./paths.js";
import { ask, askAll, emit, insist, isMe, onArrival, socket } from "./session.js";
import { NOTHING_OPEN, state, toast, update } from "./state.js";
import { rememberedTabs } from "./tabs.js";

/** Change the open project. */
export function change(changes) {
  if (state.project) update({ project: { ...state.project, ...changes } });
}

// The room is entered before its state is read: what comes in between waits for the rest.
let waiting = null;

/** Handle an event of the open project's room: `handler(data)`. */
export function onProject(event, handler) {
  socket.on(event, (data, envelope) => {
    const id = envelope.projectId;
    if (waiting?.id === id) waiting.events.push(() => handler(data));
    else if (state.project?.id === id) handler(data);
  });
}

/** Do something again once the open project is read, if that is under way: what is read may be older. */
export function onceRead(work) {
  if (waiting !== null && waiting.id === state.project?.id) waiting.events.push(work);
}

/** Enter a project and show it. */
export async function openProject(id) {
  waiting = { id, events: [] };
  const mine = waiting;
  try {
    const answer = await insist(() => ask("project:join", { projectId: id }));
    if (answer.nextFile !== undefined) {
      const more = await askAll("file:list", "files", { projectId: id }, answer.nextFile);
      answer.files.push(...more);
    }
    if (answer.nextLock !== undefined) {
      const more = await askAll("file:locks", "locks", { projectId: id }, answer.nextLock);
      answer.locks.push(...more);
    }
    if (answer.nextPresence !== undefined) {
      const from = answer.nextPresence;
      const more = await askAll("user:list", "presence", { projectId: id }, from);
      answer.presence.push(...more);
    }
    const talk = await insist(() => ask("chat:history", { projectId: id }));
    const versions = await askAll("version:list", "versions", { projectId: id });
    if (waiting !== mine) return;
    const { tabs, closedTabs, recent, active } = rememberedTabs(id);
    update({
      project: {
        id,
        role: answer.role,
        info: answer.project,
        files: new Map(answer.files.map((file) => [file.path, file])),
        closed: closedFolders(id),
        tabs, // see tabs.js
        closedTabs,
        recent,
        activeTab: active, // the path of the file that was open when it was left
        moves: [], // of files and folders, since it was opened: {source, target, revision}
        gone: new Map(), // the revisions of deletions since then, by path: see file_list.js
        locks: answer.locks,
        people: new Map(answer.presence.map((one) => [one.user.id, one])),
        places: new Map(), // where people are: by socket id
        typing: new Map(),
        versions,
        messages: answer.messages,
        olderMessages: answer.nextMessage, // where the chat goes on backwards
        answers: comingAnswers(answer.answers), // those that are being made: by request id
        assistant: answer.assistant, // who answers: {provider, model, budget}
        talk: { messages: talk.messages, older: talk.next, unread: talk.unread }, // see talk.js
        agent: null, // what another program says about its work
      },
    });
  } finally {
    if (waiting === mine) waiting = null;
  }
  for (const event of mine.events) event();
}

/** Answers as far as they are, in the form of chat.js. */
function comingAnswers(answers) {
  return Object.fromEntries(
    answers.map(({ requestId, user, chunks, content = "", actions = [] }) => [
      requestId,
      { text: content, progress: 0, user, chunks, actions, coming: {} },
    ]),
  );
}

/** Leave the open project and show the list. */
export function closeProject() {
  if (!state.project) return;
  waiting = null;
  emit("project:leave", { projectId: state.project.id });
  update({ ...NOTHING_OPEN, pane: "files" });
}

/** The open project was deleted, or is not shared with one any more. */
export function projectGone() {
  toast(`The project “${state.project.info.name}” is gone`);
  update(NOTHING_OPEN);
}

export function mayEdit() {
  return state.project !== null && state.project.role !== "viewer";
}

// -- the list of projects

// What is heard of the lists while they are on their way: they may be older than that.
let early = null;

/** Change the list of projects or of notifications as an event tells. `work` may be done again. */
export function changeList(work) {
  early?.push(work);
  work();
}

async function loadLists() {
  emit("room:join", { room: "notifications" });
  const mine = [];
  early = mine;
  try {
    const [projects, { notifications }] = await Promise.all([
      askAll("project:list", "projects"),
      ask("notification:list"),
    ]);
    update({ projects, notifications });
  } finally {
    if (early === mine) early = null;
  }
  for (const work of mine) work();
}
onArrival(loadLists);

socket.on("project:created", ({ project }) => putProject(project));
socket.on("project:updated", ({ project }) => {
  putProject(project);
  if (state.project?.id !== project.id) return;
  const me = project.members.find((member) => isMe(member.user));
  change({ info: project, role: me?.role ?? project.everyone ?? "viewer" });
});
socket.on("project:deleted", ({ projectId }) => {
  changeList(() => {
    update({ projects: state.projects.filter((project) => project.id !== projectId) });
  });
  if (state.project?.id === projectId) projectGone();
});

function putProject(project) {
  changeList(() => {
    const others = state.projects.filter((one) => one.id !== project.id);
    const projects = [...others, project].sort((a, b) => byName(a.name, b.name));
    update({ projects });
  });
}

// -- people

onProject("user:joined", ({ user }) => {
  const people = new Map(state.project.people);
  people.set(user.id, { user, status: "online" });
  change({ people });
  toast(`${user.name} joined`);
});
onProject("user:left", ({ user }) => {
  const people = new Map(state.project.people);
  people.delete(user.id);
  const places = new Map([...state.project.places].filter(([, one]) => one.user.id !== user.id));
  change({ people, places });
  toast(`${user.name} left`);
});
// Of no project: whoever sees the user in several hears it once.
socket.on("user:presence", ({ user, status, activity }) => {
  const say = () => {
    const people = new Map(state.project.people);
    if (people.has(user.id)) change({ people: people.set(user.id, { user, status, activity }) });
  };
  if (waiting) waiting.events.push(say);
  else if (state.project) say();
});
onProject("cursor:updated", (place) => {
  const places = new Map(state.project.places);
  // The last one is the one that was heard last.
  places.delete(place.socketId);
  change({ places: places.set(place.socketId, place) });
});
onProject("user:typing", ({ user, isTyping }) => {
  const typing = new Map(state.project.typing);
  if (isTyping) typing.set(user.id, user);
  else typing.delete(user.id);
  change({ typing });
});

/** Return the places of others in a file. */
export function placesIn(path) {
  return [...(state.project?.places.values() ?? [])].filter((place) => place.filePath === path);
}

/** Say what one is doing. */
export function sayActivity(activity) {
  const status = document.hidden ? "away" : "online";
  if (state.project) {
    emit("user:presence", { status, activity });
    const own = { user: state.user, status, activity };
    change({ people: new Map(state.project.people).set(state.user.id, own) });
  }
}

// -- versions

onProject("version:created", ({ version }) => {
  const others = state.project.versions.filter((one) => one.id !== version.id);
  change({ versions: [version, ...others] });
});
onProject("version:deleted", ({ versionId }) => {
  change({ versions: state.project.versions.filter((one) => one.id !== versionId) });
});
onProject("version:restored", ({ version }) => {
  toast(`The files are those of “${version.name}” again`);
});
