// The connection, and who one is on it: a user named without a password (AUTH_MODE=open), a
// password, or a session from before. Each becomes one event right after "connect", also after a
// reconnection.

import { io } from "socket.io-client";
import { Due } from "./due.js";
import { Pauses, persist, retryAfter } from "./patience.js";
import { sentence } from "./sentence.js";
import { forgetUser, state, toast, update } from "./state.js";
import { record } from "./wire.js";

const ANSWER_MILLISECONDS = 20_000;
// How long acknowledgements are waited for before a server that is about to end is left, and how long
// the next connection may take until it is said that there is none.
const LEAVE_MILLISECONDS = 10_000;
const MOVE_MILLISECONDS = 3_000;
// Of a server that cannot do it now: the same may succeed later.
const FAILURES = new Set(["INTERNAL_ERROR", "STORAGE_ERROR"]);
const AWAY = "The server cannot get at its data now. What waits goes on by itself when it can.";
const SLOW = "The server does not answer yet. What waits goes on by itself when it does.";
const STORED = "identity";
const NO_ANSWER = "The server did not answer. Is the connection gone?";

export const socket = io({ autoConnect: false });
const recordEngine = record(socket.io);

/** What the server refused: `code` is one of the API's, and the message is a sentence. */
export class Refusal extends Error {
  constructor({ code, message, details }) {
    super(sentence(message));
    this.name = "Refusal";
    this.code = code;
    this.details = details;
  }
}

/** No acknowledgement came in time: what was asked for may have been done. */
export class NoAnswer extends Error {
  constructor() {
    super(NO_ANSWER);
    this.name = "NoAnswer";
  }
}

const due = new Due(() => socket.connected && request("test:ping").catch(() => {}));

// Whether one has to come back, and say who one is, before anything is asked; and what waits for that.
let isAway = false;
const held = new Set();

/**
 * Send an event and wait for its acknowledgement. Rejects with a Refusal, or when none comes. While one
 * comes back after a lost connection, it waits until one is in again.
 */
export async function ask(event, payload = {}) {
  // The client would keep it, and send it as whoever signs in next.
  if (!state.user) throw new NoAnswer();
  if (isAway) await untilIn();
  return request(event, payload);
}

function untilIn() {
  return new Promise((resolve, reject) => {
    const end = (is) => {
      clearTimeout(timer);
      held.delete(end);
      if (is) resolve();
      else reject(new NoAnswer());
    };
    const timer = setTimeout(() => end(false), ANSWER_MILLISECONDS);
    held.add(end);
  });
}

function setAway(away, isIn = false) {
  isAway = away;
  if (!away) for (const end of held) end(isIn);
}

async function request(event, payload = {}) {
  const answer = await new Promise((resolve, reject) => {
    const request = due.add((retryAfter) => reject(dropped(retryAfter)));
    socket.timeout(ANSWER_MILLISECONDS).emit(event, payload, (lost, result) => {
      if (lost) {
        due.forget(request);
        reject(new NoAnswer());
      } else {
        due.acknowledged(request);
        resolve(result);
      }
    });
  });
  if (!answer.ok) throw new Refusal(answer.error);
  return answer;
}

/** Send an event of which nobody waits for the answer. It is left out where the client would keep it. */
export function emit(event, payload) {
  if (state.user && !isAway) socket.emit(event, payload);
}

/** Return all items of a list that comes in pages, of which `key` holds the items of one. */
export async function askAll(event, key, payload = {}, after = undefined) {
  const found = [];
  do {
    const page = await insist(() => ask(event, { ...payload, after }));
    found.push(...page[key]);
    after = page.next;
  } while (after !== undefined);
  return found;
}

function dropped(retryAfter) {
  return new Refusal({
    code: "RATE_LIMIT_EXCEEDED",
    message: `Too much at once: the server left it out. Try again in ${retryAfter} seconds`,
    details: { retryAfter },
  });
}

/**
 * Do what must not be left undone: again a moment later for as long as it is refused only because it
 * comes too fast, and the connection lasts.
 */
export function insist(work) {
  return persist(work, (error) => retryAfter(error) !== undefined, lasting());
}

/** Return what tells whether the present connection lasts. */
function lasting() {
  const { id } = socket;
  return () => socket.connected && socket.id === id;
}

/**
 * Return whether the same may succeed later: the error is the server's own, such as of a database that is
 * away, or it did not answer in time, such as where its work waits for a database.
 */
export function isFailure(error) {
  return error instanceof NoAnswer || FAILURES.has(error.code);
}

/** Return what is said of an error while one tries again. */
export function patience(error) {
  if (error instanceof NoAnswer) return SLOW;
  return FAILURES.has(error.code) ? AWAY : error.message;
}

/**
 * Do what goes on by itself: again a moment later for as long as the server cannot do it now, or does not
 * answer, and the connection lasts.
 */
export function endure(work) {
  const lasts = lasting();
  const passes = (error) => {
    if (!isFailure(error) || !lasts()) return false;
    const said = patience(error);
    if (!state.toasts.some(({ text }) => text === said)) toast(said, "problem");
    return true;
  };
  return persist(work, passes, lasts);
}

// -- who one is: {name}, {username, password} or {sessionId}. Each tab may be somebody else.

let identity = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
// Whether one has been let in as that before: then no failure of the server signs one out.
let isKnown = false;

function remember(next) {
  identity = next;
  if (next && !next.password) sessionStorage.setItem(STORED, JSON.stringify(next));
  else sessionStorage.removeItem(STORED);
}

/** Sign in. */
export function signIn(next) {
  remember(next);
  isKnown = false;
  update({ signInError: "", signingIn: true });
  // A connection keeps the user that it has named, so another one needs another connection.
  socket.disconnect();
  connect();
}

/** Sign out, and end the session if there is one. */
export async function signOut() {
  // Without a connection nobody has its id any more, once it is forgotten here.
  if (identity?.sessionId && !isAway) await ask("auth:logout").catch(() => {});
  leave("");
}

/** Go on as whoever the tab was before it was loaded again. */
export function resume() {
  if (!identity) return;
  isKnown = true;
  update({ signingIn: true });
  connect();
}

function connect() {
  clearTimeout(returning);
  update({ connection: "connecting" });
  socket.connect();
  recordEngine();
}

const leavers = new Set();

/** Call `handler` when one is signed out. */
export function onSignedOut(handler) {
  leavers.add(handler);
}

function signedOut(error) {
  moved();
  clearTimeout(returning);
  setAway(false);
  for (const handler of leavers) handler();
  forgetUser(error);
}

const arrivals = new Set();

/**
 * Call `handler` whenever one is signed in on a connection, also after a reconnection; again while the
 * promise that it returns is rejected because the server cannot do it now.
 */
export function onArrival(handler) {
  arrivals.add(handler);
}

async function introduce() {
  if (socket.io.engine.readyState !== "open") {
    // The official client reads a packet a moment after it came, so it may tell of a connection that
    // it has lost meanwhile. Nobody is signed out because nothing answers there.
    socket.connected = false;
    return;
  }
  const connection = socket.id;
  try {
    // Nobody is signed out for being too fast, such as in another window. After wrong passwords the
    // wait may be minutes, which is to be said.
    const { user } = await (identity.password ? present() : insist(present));
    isKnown = true;
    update({ connection: "online", user, signingIn: false, signInError: "" });
  } catch (error) {
    // Where the connection was lost there was no answer: the next one asks again. So does one to a
    // server that was stopping or too slow, whose database was away, or that still counts too many
    // connections of one's own.
    if (socket.id !== connection) return;
    const passes = isFailure(error) || error.code === "RATE_LIMIT_EXCEEDED";
    if (!isKnown || !passes) return leave(error.message);
    if (!state.user) update({ signInError: patience(error) });
    comeBack(error);
    return;
  }
  arrive();
}

function arrive() {
  moved();
  pauses = new Pauses();
  const connection = socket.id;
  // The projects are entered before anything that has waited is sent.
  isAway = false;
  for (const handler of arrivals) {
    // Where the connection was lost the next one does all of it.
    endure(handler).catch(({ message }) => socket.id === connection && toast(message, "problem"));
  }
  setAway(false, true);
}

const departures = new Set();

/** Call `handler` when the connection is lost, or is left for another one. */
export function onDeparture(handler) {
  departures.add(handler);
}

function depart() {
  if (state.user) isAway = true;
  for (const handler of departures) handler();
}

let moving;

/** Return whether one is on the way from one server to another, which nobody has to notice. */
export function isMoving() {
  return moving !== undefined;
}

function moved() {
  clearTimeout(moving);
  moving = undefined;
}

/** Go to another server: this one is about to end, and acknowledges what was sent before. */
async function move() {
  if (!state.user) return;
  // While one introduces oneself nothing else is due.
  if (isAway) return reconnect();
  const { id } = socket;
  depart();
  moving = setTimeout(() => {
    moved();
    if (isAway && !socket.connected) update({ connection: "connecting" });
  }, LEAVE_MILLISECONDS + MOVE_MILLISECONDS);
  await due.settled(LEAVE_MILLISECONDS);
  if (socket.id === id) reconnect();
  else moved();
}

function reconnect() {
  const { io: manager } = socket;
  const delay = manager.reconnectionDelay();
  manager.reconnectionDelay(0);
  manager.once("reconnect_attempt", () => manager.reconnectionDelay(delay));
  manager.engine.close();
}

socket.on("server:draining", move);

// Something may have been missed: all is looked at anew, when everybody has heard so.
socket.on("server:resync", () => queueMicrotask(arrive));

/** Say which setting lets this page in, if the server refuses its origin or its host: it will go on. */
function tellRefusal(error) {
  if (error?.description !== 403) return;
  const text =
    `The server refuses pages of ${location.origin}. Whoever runs it lets them in with ` +
    `SOCKET_CORS_ORIGIN=${location.origin}, or lets the proxy pass on the browser's Host.`;
  if (!state.user) update({ signingIn: false, signInError: text });
  else if (!state.toasts.some((one) => one.text === text)) toast(text, "problem");
}

// Between the returns, until one is in.
let pauses = new Pauses();
let returning;

function comeBack(error) {
  socket.disconnect();
  clearTimeout(returning);
  returning = setTimeout(connect, pauses.after(error));
}

async function present() {
  if (identity.name) return request("user:join", { userId: identity.name });
  if (identity.sessionId) return request("auth:session", identity);
  const { username, password } = identity;
  const answer = await request("auth:login", { username, password });
  remember({ sessionId: answer.session.id });
  return answer;
}

socket.on("connect", introduce);
socket.on("disconnect", (reason) => {
  depart();
  if (!isMoving()) update({ connection: socket.active ? "connecting" : "offline" });
  // The client does not come back by itself when the server has ended the connection.
  if (reason === "io server disconnect" && identity) comeBack(new NoAnswer());
});
socket.on("connect_error", (error) => {
  moved();
  update({ connection: socket.active ? "connecting" : "offline" });
  tellRefusal(error);
});
// A browser names the page's origin with a POST, which comes only once the session is open.
socket.io.on("close", (_reason, error) => tellRefusal(error));
socket.on("auth:session", ({ session }) => {
  if (session.id) remember({ sessionId: session.id });
});
socket.on("auth:logout", async () => {
  // Whoever is not in yet hears so from the answer that is waited for.
  if (!identity?.sessionId || !state.user) return;
  // It may have been another session of the same user. Without an answer the next connection asks.
  const check = () => insist(() => ask("auth:check"));
  await endure(check).catch((error) => isFailure(error) || leave(error.message));
});
socket.on("auth:error", ({ event, message }) => {
  if (event === "auth:session") leave(sentence(message));
});
socket.on("error", ({ message }) => toast(sentence(message), "problem"));
socket.on("rate_limited", ({ retryAfter }) => {
  due.limited(retryAfter);
  toast("Too much at once: the server left something out. Wait a moment, and do it again.", "problem");
});

function leave(message) {
  remember(null);
  socket.disconnect();
  signedOut(message);
}

/** Return whether this is the user of this page. */
export function isMe(user) {
  return user?.id === state.user?.id;
}
