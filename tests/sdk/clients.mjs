// Clients of the JavaScript SDK for one test, which are disconnected after it.

import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { AICodingAssistantSocket } from "../../sdk/javascript/index.js";

export const { URL: baseURL, SESSION_URL: sessionURL, STRICT_URL: strictURL } = process.env;
export const projectId = "project-123";
export const filePath = "src/components/App.jsx";

/** The clients of this test, the first first. */
export let opened = [];
afterEach(() => {
  for (const socket of opened) socket.disconnect();
  opened = [];
});

/** Return a client that is not connected yet. */
export function created(options) {
  const socket = new AICodingAssistantSocket({ baseURL, reconnectionDelay: 10, ...options });
  opened.push(socket);
  return socket;
}

export async function connected(options) {
  const socket = created(options);
  await socket.connect();
  return socket;
}

/** Wait for an event, at most 20 seconds. */
export const next = (socket, event) =>
  new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no ${event}`)), 20_000).unref();
    socket.once(event, resolve);
  });

/** Lose the connection as a cut cable does, and come back. */
export async function cut(socket) {
  const back = next(socket, "reconnect");
  socket.socket.io.engine.close();
  await back;
  await socket.connect();
}

/** Wait until a condition holds, at most 20 seconds. */
export async function until(condition) {
  for (const end = Date.now() + 20_000; !condition(); ) {
    assert.ok(Date.now() < end, "it never came");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
