// Runs the snippets of the API's document, which are in documented.mjs, with the official client. What
// they do with the names that they leave to their reader is recorded; the script prints the record as
// one line of JSON.
// Usage: node snippets.mjs URL SESSION_ID

import { createRequire } from "node:module";
import {
  aiEvents,
  aiStatus,
  authenticationEvents,
  authenticationFlow,
  batching,
  connectSnippet,
  debouncedTypingSnippet,
  fileChange,
  fileEvents,
  fileLock,
  fileUnlock,
  joinProject,
  joiningRooms,
  leaveProject,
  leavingRooms,
  projectEvents,
  projectUpdate,
  roomEvents,
  sendAIMessage,
  sessionManagement,
  testConnection,
  testEvents,
  testRooms,
  userEvents,
  userPresence,
  userTyping,
} from "./documented.mjs";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const { io } = require("socket.io-client");

const url = process.argv[2];
const record = {};

/** A recorder: its methods note how they are called. */
function recorder(name) {
  const lines = (record[name] = []);
  return new Proxy({}, { get: (_, what) => (...args) => lines.push([what, ...args]) });
}

function open() {
  return io(url, { forceNew: true, transports: ["websocket", "polling"] });
}

function heard(socket, event) {
  return new Promise((done) => socket.once(event, (...args) => done(args)));
}

/** Everything that was sent to these clients before has arrived. */
async function settled(...sockets) {
  for (const socket of sockets) await socket.emitWithAck("user:typing", { isTyping: false });
}

async function testing() {
  const socket = open();
  testConnection(socket, recorder("connection"));
  await heard(socket, "test:pong");
  testEvents(socket, recorder("events"));
  await heard(socket, "test:response");
  testRooms(socket, recorder("rooms"));
  await heard(socket, "room:left");
  socket.disconnect();
}

async function rooms() {
  const socket = open();
  roomEvents(socket, recorder("room events"));
  joiningRooms(socket, "project-123", "user-456");
  leavingRooms(socket, "project-123", "user-456");
  socket.emit("room:join", { room: "lobby" });
  await settled(socket);
  socket.disconnect();
}

async function projects() {
  const watcher = open();
  // The indicator's end is called at once: waiting for three seconds would show nothing else.
  const screen = recorder("screen");
  const names = { setTimeout: (hide) => hide() };
  const page = new Proxy(names, { get: (own, name) => own[name] ?? screen[name] });
  userEvents(watcher, recorder("user events"), page);
  const [, envelope] = await (async () => {
    await watcher.emitWithAck("project:join", { projectId: "project-123", userId: "user-789" });
    const joined = heard(watcher, "user:joined");
    const actor = open();
    joinProject(actor);
    const first = await joined;
    userTyping(actor);
    debouncedTypingSnippet(actor, (call) => call)(false);
    leaveProject(actor);
    await settled(actor, watcher);
    actor.disconnect();
    return first;
  })();
  record.envelope = envelope;

  const guest = open();
  const lines = recorder("connect");
  connectSnippet(guest, { log: (...args) => lines.log(...args.slice(0, 1)) });
  const [{ user }] = await heard(watcher, "user:joined");
  record.guest = user;
  guest.disconnect();
  await heard(watcher, "user:left");
  watcher.disconnect();
}

async function files() {
  const watcher = open();
  projectEvents(watcher, recorder("project log"), recorder("project page"));
  fileEvents(watcher, recorder("file log"), recorder("file page"));
  await watcher.emitWithAck("project:join", { projectId: "project-123", userId: "user-789" });
  const actor = open();
  joinProject(actor);
  projectUpdate(actor);
  fileLock(actor);
  fileChange(actor);
  fileUnlock(actor);
  userPresence(actor);
  [record.presence] = await heard(watcher, "user:presence");
  const created = await actor.emitWithAck("project:create", { name: "Mine" });
  const projectId = created.project.id;
  await actor.emitWithAck("project:share", { projectId, userId: "user-789", role: "viewer" });
  await actor.emitWithAck("project:delete", { projectId });
  const file = { path: "a.txt", action: "created", content: "" };
  await actor.emitWithAck("file:change", { projectId: "project-123", file });
  batching(actor, (call) => call)({
    event: "file:change",
    data: { projectId: "project-123", file: { path: "a.txt", action: "deleted" } },
  });
  await settled(actor, watcher);
  actor.disconnect();
  watcher.disconnect();
}

async function assistant() {
  const watcher = open();
  aiEvents(watcher, recorder("ai log"), recorder("ai page"));
  await watcher.emitWithAck("project:join", { projectId: "project-123", userId: "user-789" });
  const actor = open();
  const answered = heard(watcher, "ai:response");
  sendAIMessage(actor);
  await answered;
  await actor.emitWithAck("project:join", { projectId: "project-123" });
  const reported = heard(watcher, "ai:processing");
  aiStatus(actor);
  await reported;
  actor.disconnect();
  watcher.disconnect();
}

async function authentication() {
  const lines = recorder("auth log");
  const window = { location: { href: "/" } };
  const here = () => open();
  const socket = authenticationFlow(here, () => process.argv[3], lines, window);
  authenticationEvents(socket, recorder("session log"), recorder("session page"));
  await heard(socket, "auth:success");
  await settled(socket);
  sessionManagement(socket);
  await heard(socket, "auth:logout");
  record.redirected = window.location.href;
  await settled(socket);
  socket.disconnect();

  const refused = authenticationFlow(here, () => "nonsense", recorder("refused log"), window);
  await heard(refused, "auth:error");
  record.redirectedAfterwards = window.location.href;
  refused.disconnect();
}

await testing();
await rooms();
await projects();
await files();
await assistant();
await authentication();
console.log(JSON.stringify(record));
