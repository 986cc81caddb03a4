// The document's snippets on connections and their errors, word for word, run by the official client
// and, where that is silent, by the SDK. The others are in tests/server/documented.mjs.
//
// Each function is a snippet with the names that it leaves to its reader as parameters. What happens
// with those is printed, as one line of JSON. A line `put out ID` asks the test to have the server
// disconnect that socket.
// Usage: node connection.mjs URL

import { once } from "node:events";
import { createRequire } from "node:module";
import { AICodingAssistantSocket } from "../../sdk/javascript/index.js";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const client = require("socket.io-client");

const url = process.argv[2];
const record = {};

// The document's address stands for the server of the test.
const io = (_address, options) => client.io(url, { ...options, forceNew: true });

// ---- the document ------------------------------------------------------------------------------

function connectionOptions(io) {
  const socket = io('http://localhost:3001', {
    transports: ['websocket', 'polling'], // Fallback to polling if WebSocket fails
    autoConnect: true,                     // Automatically connect
    reconnection: true,                    // Enable reconnection
    reconnectionAttempts: 5,               // Max reconnection attempts
    reconnectionDelay: 1000,               // Delay between attempts
    timeout: 20000,                        // Connection timeout
    forceNew: false                        // Reuse existing connection
  });
  return socket;
}

function disconnectSnippet(socket, console) {
  socket.on('disconnect', (reason) => {
    console.log('Disconnected from server:', reason);

    if (reason === 'io server disconnect') {
      // Server initiated disconnect, reconnect manually
      socket.connect();
    }
  });
}

function reconnectSnippet(socket, console) {
  socket.on('reconnect', (attemptNumber) => {
    console.log('Reconnected after', attemptNumber, 'attempts');

    // Rejoin rooms and restore state
    socket.emit('project:join', { projectId: 'project-123' });
  });
}

function connectionErrors(socket, console, showConnectionError, setTimeout) {
  socket.on('connect_error', (error) => {
    console.error('Connection error:', error);

    // Show user-friendly error message
    showConnectionError('Unable to connect to server. Please check your internet connection.');

    // Attempt reconnection
    setTimeout(() => {
      socket.connect();
    }, 5000);
  });
}

function authenticationErrors(socket, console, window, showAuthError) {
  socket.on('auth:error', (error) => {
    console.error('Authentication error:', error);

    // Redirect to login page
    if (error.code === 'UNAUTHORIZED') {
      window.location.href = '/login';
    }

    // Show error message
    showAuthError(error.message);
  });
}

function generalErrors(socket, console, showError) {
  socket.on('error', (error) => {
    console.error('Socket error:', error);

    // Show generic error message
    showError('An error occurred. Please try again.');
  });
}

function connectionManagement(io) {
  // Optimize connection
  const socket = io('http://localhost:3001', {
    transports: ['websocket'],           // Prefer WebSocket
    upgrade: true,                       // Allow transport upgrade
    rememberUpgrade: true,               // Remember transport choice
    maxReconnectionAttempts: 5,          // Limit reconnection attempts
    reconnectionDelay: 1000,             // Start with 1 second delay
    reconnectionDelayMax: 5000,          // Max 5 second delay
    timeout: 20000,                      // 20 second timeout
    autoConnect: false                   // Manual connection
  });

  // Connect when needed
  function connectSocket() {
    if (!socket.connected) {
      socket.connect();
    }
  }

  // Disconnect when not needed
  function disconnectSocket() {
    if (socket.connected) {
      socket.disconnect();
    }
  }
  return { socket, connectSocket, disconnectSocket };
}

// ---- running them ------------------------------------------------------------------------------

/** A recorder: its methods note how they are called. */
function recorder(name) {
  const lines = (record[name] = []);
  return new Proxy({}, { get: (_, what) => (...args) => lines.push([what, ...args]) });
}

async function options() {
  const socket = connectionOptions(io);
  await once(socket, "connect");
  record.transport = socket.io.engine.transport.name;
  disconnectSnippet(socket, recorder("disconnect"));
  const { id } = socket;
  console.log(`put out ${id}`);
  await once(socket, "connect");
  record["came back"] = socket.id !== id;
  socket.disconnect();
}

async function reconnect() {
  const socket = new AICodingAssistantSocket({ baseURL: url, reconnectionDelay: 10 });
  await socket.connect();
  const watcher = io("");
  await watcher.emitWithAck("project:join", { projectId: "project-123", userId: "user-789" });
  const joined = once(watcher, "user:joined");
  reconnectSnippet(socket, recorder("reconnect"));
  socket.socket.io.engine.close();
  const [{ user }] = await joined;
  record["joined after the reconnection"] = user.id.startsWith("guest-");
  socket.disconnect();
  watcher.disconnect();
}

async function errors() {
  const lost = client.io("http://localhost:1", { reconnection: false });
  const screen = recorder("connection errors");
  const tried = once(lost, "connect_error");
  connectionErrors(
    lost,
    { error: (text, error) => screen.error(text, error.message) },
    screen.showConnectionError,
    (connect, milliseconds) => {
      screen.setTimeout(milliseconds);
      if (record["connection errors"].length < 6) connect();
      else lost.disconnect();
    },
  );
  await tried;
  await once(lost, "connect_error");

  const socket = io("");
  const window = { location: {} };
  const authentication = recorder("authentication errors");
  authenticationErrors(
    socket,
    { error: (text, error) => authentication.error(text, error.code) },
    window,
    authentication.showAuthError,
  );
  socket.emit("auth:session", { sessionId: "unknown" });
  await once(socket, "auth:error");
  record.location = window.location.href;

  const general = recorder("errors");
  generalErrors(
    socket,
    { error: (text, error) => general.error(text, error.code) },
    general.showError,
  );
  socket.emit("project:update", { projectId: "project-123" });
  await once(socket, "error");
  socket.disconnect();
}

async function management() {
  const { socket, connectSocket, disconnectSocket } = connectionManagement(io);
  connectSocket();
  await once(socket, "connect");
  connectSocket();
  disconnectSocket();
  record["disconnected again"] = !socket.connected;
  disconnectSocket();
}

await options();
await reconnect();
await errors();
await management();
console.log(JSON.stringify(record));
