// The snippets of the API's document, word for word, run by the official client.
//
// Each function below is a snippet with the names that it leaves to its reader as parameters. What
// the snippets do with those names is recorded; the script prints the record as one line of JSON.
// Usage: node snippets.mjs URL SESSION_ID

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

function projectUpdate(socket) {
  socket.emit('project:update', {
    projectId: 'project-123',
    userId: 'user-456',
    update: {
      type: 'description',
      value: 'Updated project description'
    }
  });
}

function fileChange(socket) {
  socket.emit('file:change', {
    projectId: 'project-123',
    userId: 'user-456',
    file: {
      path: 'src/components/App.jsx',
      action: 'updated',
      timestamp: new Date().toISOString()
    }
  });
}

function fileLock(socket) {
  socket.emit('file:lock', {
    projectId: 'project-123',
    userId: 'user-456',
    filePath: 'src/components/App.jsx',
    lockType: 'exclusive'
  });
}

function fileUnlock(socket) {
  socket.emit('file:unlock', {
    projectId: 'project-123',
    userId: 'user-456',
    filePath: 'src/components/App.jsx'
  });
}

function sendAIMessage(socket) {
  socket.emit('ai:message', {
    message: 'Create a React component for a todo list',
    projectId: 'project-123',
    userId: 'user-456',
    context: {
      currentFile: 'src/components/TodoList.jsx',
      language: 'javascript',
      framework: 'react'
    }
  });
}

function aiStatus(socket) {
  socket.emit('ai:status', {
    status: 'processing',
    progress: 50,
    message: 'Generating component structure...'
  });
}

function userPresence(socket) {
  socket.emit('user:presence', {
    userId: 'user-456',
    status: 'online',
    activity: 'editing App.jsx',
    timestamp: new Date().toISOString()
  });
}

function projectEvents(
  socket,
  console,
  {
    addProjectToList,
    updateProjectInList,
    removeProjectFromList,
    showNotification,
  },
) {
  socket.on('project:created', (data) => {
    console.log('New project created:', data.project);

    // Add project to UI
    addProjectToList(data.project);

    // Show notification
    showNotification(`Project "${data.project.name}" created successfully`);
  });

  socket.on('project:updated', (data) => {
    console.log('Project updated:', data.project);

    // Update project in UI
    updateProjectInList(data.project);

    // Show notification
    showNotification(`Project "${data.project.name}" updated`);
  });

  socket.on('project:deleted', (data) => {
    console.log('Project deleted:', data.projectId);

    // Remove project from UI
    removeProjectFromList(data.projectId);

    // Show notification
    showNotification('Project deleted successfully');
  });
}

function fileEvents(
  socket,
  console,
  {
    addFileToExplorer,
    updateFileInUI,
    removeFileFromUI,
    isFileOpen,
    showNotification,
  },
) {
  socket.on('file:created', (data) => {
    console.log('New file created:', data.file);

    // Add file to file explorer
    addFileToExplorer(data.file);

    // Show notification
    showNotification(`File "${data.file.name}" created`);
  });

  socket.on('file:updated', (data) => {
    console.log('File updated:', data.file);

    // Update file in UI
    updateFileInUI(data.file);

    // Show notification if file is currently open
    if (isFileOpen(data.file.path)) {
      showNotification(`File "${data.file.name}" updated`);
    }
  });

  socket.on('file:deleted', (data) => {
    console.log('File deleted:', data.filePath);

    // Remove file from UI
    removeFileFromUI(data.filePath);

    // Show notification
    showNotification('File deleted successfully');
  });
}

function aiEvents(
  socket,
  console,
  {
    addMessageToChat,
    showAITypingIndicator,
    hideAITypingIndicator,
    processAIActions,
    updateAIProgress,
    showAIError,
  },
) {
  socket.on('ai:message', (data) => {
    console.log('AI message received:', data.message);

    // Add message to chat
    addMessageToChat(data.message, 'user');

    // Show typing indicator
    showAITypingIndicator();
  });

  socket.on('ai:response', (data) => {
    console.log('AI response received:', data.response);

    // Hide typing indicator
    hideAITypingIndicator();

    // Add AI response to chat
    addMessageToChat(data.response, 'ai');

    // Process any actions
    if (data.response.actions) {
      processAIActions(data.response.actions);
    }
  });

  socket.on('ai:processing', (data) => {
    console.log('AI processing:', data.status);

    switch (data.status) {
      case 'started':
        showAITypingIndicator();
        break;
      case 'progress':
        updateAIProgress(data.progress);
        break;
      case 'completed':
        hideAITypingIndicator();
        break;
      case 'error':
        hideAITypingIndicator();
        showAIError(data.error);
        break;
    }
  });
}

function authenticationFlow(io, getSessionId, console, window) {
  // 1. Connect to socket
  const socket = io('http://localhost:3001');

  // 2. Authenticate with session
  socket.emit('auth:session', {
    sessionId: getSessionId()
  });

  // 3. Listen for authentication response
  socket.on('auth:success', (data) => {
    console.log('Authenticated as:', data.user);

    // Join user-specific rooms
    socket.emit('user:join', { userId: data.user.id });
  });

  socket.on('auth:error', (error) => {
    console.error('Authentication failed:', error);

    // Redirect to login
    window.location.href = '/login';
  });
  return socket;
}

function authenticationEvents(
  socket,
  console,
  { updateUserStatus, clearUserSession, updateSessionInfo },
) {
  socket.on('auth:login', (data) => {
    console.log('User logged in:', data.user);

    // Update UI state
    updateUserStatus(data.user);

    // Join user-specific rooms
    socket.emit('user:join', { userId: data.user.id });
  });

  socket.on('auth:logout', (data) => {
    console.log('User logged out:', data.userId);

    // Update UI state
    clearUserSession();

    // Leave user-specific rooms
    socket.emit('user:leave', { userId: data.userId });
  });

  socket.on('auth:session', (data) => {
    console.log('Session updated:', data.session);

    // Update session information
    updateSessionInfo(data.session);
  });
}

function sessionManagement(socket) {
  // Check authentication status
  socket.emit('auth:check');

  // Refresh session
  socket.emit('auth:refresh');

  // Logout
  socket.emit('auth:logout');
}

function batching(socket, debounce) {
  // Batch multiple updates
  let updateQueue = [];
  const batchUpdate = debounce(() => {
    if (updateQueue.length > 0) {
      socket.emit('batch:update', { updates: updateQueue });
      updateQueue = [];
    }
  }, 1000);

  // Add update to queue
  function queueUpdate(update) {
    updateQueue.push(update);
    batchUpdate();
  }
  return queueUpdate;
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
