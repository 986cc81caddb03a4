// The snippets of the API's document, word for word, run by the official client.
//
// Each function below is a snippet with the names that it leaves to its reader as parameters. What
// the snippets do with those names is recorded; the script prints the record as one line of JSON.
// Usage: node snippets.mjs URL

import { createRequire } from "node:module";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const { io } = require("socket.io-client");

const url = process.argv[2];
const record = {};

// ---- the document ------------------------------------------------------------------------------

function connectSnippet(socket, console) {
  socket.on('connect', () => {
    console.log('Connected to server');
    console.log('Socket ID:', socket.id);

    // Join project rooms
    socket.emit('project:join', { projectId: 'project-123' });
  });
}

function userEvents(
  socket,
  console,
  {
    addUserToOnlineList,
    removeUserFromOnlineList,
    showNotification,
    showUserTypingIndicator,
    hideUserTypingIndicator,
    setTimeout,
  },
) {
  socket.on('user:joined', (data) => {
    console.log('User joined:', data.user);

    // Add user to online users list
    addUserToOnlineList(data.user);

    // Show notification
    showNotification(`${data.user.name} joined the project`);
  });

  socket.on('user:left', (data) => {
    console.log('User left:', data.user);

    // Remove user from online users list
    removeUserFromOnlineList(data.user.id);

    // Show notification
    showNotification(`${data.user.name} left the project`);
  });

  socket.on('user:typing', (data) => {
    console.log('User typing:', data.user);

    // Show typing indicator
    showUserTypingIndicator(data.user.id);

    // Clear typing indicator after delay
    setTimeout(() => {
      hideUserTypingIndicator(data.user.id);
    }, 3000);
  });
}

function joinProject(socket) {
  socket.emit('project:join', {
    projectId: 'project-123',
    userId: 'user-456'
  });
}

function leaveProject(socket) {
  socket.emit('project:leave', {
    projectId: 'project-123',
    userId: 'user-456'
  });
}

function userTyping(socket) {
  socket.emit('user:typing', {
    userId: 'user-456',
    projectId: 'project-123',
    isTyping: true
  });
}

function debouncedTypingSnippet(socket, debounce) {
  // Debounce frequent events
  const debouncedTyping = debounce((isTyping) => {
    socket.emit('user:typing', { isTyping });
  }, 300);
  return debouncedTyping;
}

function joiningRooms(socket, projectId, userId) {
  // Join project room
  socket.emit('room:join', {
    room: `project:${projectId}`,
    userId: userId
  });

  // Join user room
  socket.emit('room:join', {
    room: `user:${userId}`,
    userId: userId
  });

  // Join notification room
  socket.emit('room:join', {
    room: 'notifications',
    userId: userId
  });
}

function leavingRooms(socket, projectId, userId) {
  // Leave project room
  socket.emit('room:leave', {
    room: `project:${projectId}`,
    userId: userId
  });

  // Leave all rooms
  socket.emit('room:leaveAll', {
    userId: userId
  });
}

function roomEvents(socket, console) {
  // Listen for room-specific events
  socket.on('room:joined', (data) => {
    console.log('Joined room:', data.room);
  });

  socket.on('room:left', (data) => {
    console.log('Left room:', data.room);
  });

  socket.on('room:error', (data) => {
    console.error('Room error:', data.error);
  });
}

function testConnection(socket, console) {
  // Test basic connection
  socket.on('connect', () => {
    console.log('✅ Connected successfully');
    socket.emit('test:ping');
  });

  socket.on('test:pong', () => {
    console.log('✅ Ping-pong test passed');
  });
}

function testEvents(socket, console) {
  // Test event emission
  socket.emit('test:event', { message: 'Hello Server' });

  socket.on('test:response', (data) => {
    console.log('✅ Event test passed:', data);
  });
}

function testRooms(socket, console) {
  // Test room functionality
  socket.emit('room:join', { room: 'test-room' });

  socket.on('room:joined', (data) => {
    console.log('✅ Room test passed:', data);

    // Leave test room
    socket.emit('room:leave', { room: 'test-room' });
  });
}

// ---- running them ------------------------------------------------------------------------------

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

await testing();
await rooms();
await projects();
console.log(JSON.stringify(record));
