// The JavaScript SDK connects, presents a session, and comes back; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { AICodingAssistantSocket, Refused, Unreachable } from "../../sdk/javascript/index.js";
import {
  baseURL,
  connected,
  created,
  cut,
  filePath,
  next,
  projectId,
  sessionURL,
  until,
} from "./clients.mjs";


test("takes no address instead of options", () => {
  assert.throws(() => new AICodingAssistantSocket(baseURL), /^TypeError: got string, expected opt/);
});

test("connects as somebody, joins, leaves", async () => {
  const ada = await connected({ userId: "user-456" });
  assert.deepEqual(ada.user, { id: "user-456", name: "user-456" });
  const other = await connected({ userId: "user-789" });
  const joined = next(ada, "user:joined");
  const state = await ada.joinProject(projectId);
  assert.deepEqual(
    state.files.map((file) => file.path),
    [filePath, "src/components/TodoList.jsx"],
  );
  await other.joinProject(projectId);
  assert.deepEqual((await joined).user, { id: "user-789", name: "user-789" });
  const left = next(ada, "user:left");
  await other.leaveProject(projectId);
  assert.equal((await left).user.id, "user-789");
});

test("leaves for good", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  const { project } = await other.call("project:create", { name: "Ours" });
  const share = { projectId: project.id, userId: "user-456", role: "editor" };
  await other.call("project:share", share);
  await ada.joinProject(project.id);
  await ada.leaveProject(project.id, { forGood: true });
  await assert.rejects(ada.joinProject(project.id), { code: "NOT_FOUND" });
});

test("a refusal has a code, an unreachable server an address", async () => {
  const ada = await connected({ userId: "user-456" });
  await assert.rejects(ada.joinProject("nowhere"), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.code, "NOT_FOUND");
    return true;
  });
  const lost = new AICodingAssistantSocket({ baseURL: "http://localhost:1", reconnection: false });
  await assert.rejects(lost.connect(), (error) => {
    assert.ok(error instanceof Unreachable);
    assert.match(error.message, /^cannot reach http:\/\/localhost:1: /);
    return true;
  });
  const stubborn = new AICodingAssistantSocket({
    baseURL: "http://localhost:1",
    maxReconnectionAttempts: 1,
    reconnectionDelay: 1,
  });
  await assert.rejects(stubborn.connect(), /no attempt was successful/);
});

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The promise's outcome, within a bound. */
function settled(promise) {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error("it never settles")), 10_000).unref(),
  );
  const outcome = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  return Promise.race([outcome, late]);
}

for (const how of ["disconnect", "cut", "disconnect while it comes back"]) {
  test(`connecting ends connected or told: ${how}`, async () => {
    for (const milliseconds of [0, 1, 3, 6, 10, 20]) {
      const socket = created({ userId: "user-456", reconnectionDelay: 1 });
      if (how.endsWith("back")) {
        await socket.connect();
        socket.socket.io.engine.close();
      }
      const calls = [socket.connect(), socket.connect()];
      const outcomes = calls.map(settled);
      if (milliseconds) await sleep(milliseconds);
      const { engine } = socket.socket.io;
      // The official client takes no notice of an engine that is closed while it opens.
      if (how === "cut") engine.readyState === "open" && engine.close();
      else socket.disconnect();
      for (const { value, error } of await Promise.all(outcomes)) {
        assert.ok(value?.id === "user-456" || error instanceof Unreachable, error);
      }
      const { value, error } = await settled(socket.connect());
      assert.equal(value?.id, "user-456", error);
      assert.ok(socket.connected);
      socket.disconnect();
    }
  });
}

test("a connection that is lost before it is told of is none", async () => {
  const socket = created({
    userId: "user-456",
    reconnectionDelay: 1,
    transports: ["websocket"],
  });
  const { io } = socket.socket;
  let lost = 0;
  io.once("open", async () => {
    // Behind the manager, which hears the answer to CONNECT first and reads it a moment later.
    await null;
    io.engine.once("data", () => {
      io.engine.close();
      lost += 1;
    });
  });
  const told = [];
  socket.socket.on("connect", () => told.push(socket.connected));
  const { value, error } = await settled(socket.connect());
  assert.equal(value?.id, "user-456", error);
  assert.equal(lost, 1);
  assert.deepEqual(told, [false, true]);
});

test("a session: opened, presented, over", async () => {
  const first = created({ baseURL: sessionURL });
  await assert.rejects(
    new AICodingAssistantSocket({ baseURL: sessionURL, sessionId: "over" }).connect(),
    { code: "UNAUTHORIZED" },
  );
  first.socket.connect();
  await assert.rejects(first.login("ada", "wrong"), { code: "UNAUTHORIZED" });
  const { session, user } = await first.login("ada", "open sesame");
  assert.deepEqual(user, { id: "ada", name: "Ada" });
  assert.equal(first.sessionId, session.id);
  const second = await connected({ baseURL: sessionURL, sessionId: session.id });
  assert.deepEqual(second.user, user);
  await first.logout();
  await assert.rejects(second.call("project:list"), { code: "UNAUTHORIZED" });
});

test("a session that is over makes one a guest in open mode", async (t) => {
  const { mock } = t.mock.method(console, "warn", () => {});
  const socket = await connected({ sessionId: "your-session-id" });
  assert.equal(socket.user, null);
  assert.match(mock.calls[0].arguments[0], /going on as a guest/);
  await socket.joinProject(projectId);
  assert.match(socket.user.id, /^guest-/);
});

test("after a lost connection it is where it was, with its locks", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  await ada.joinProject(projectId);
  await other.joinProject(projectId);
  const lock = await ada.lockFile(projectId, filePath);
  const { token } = lock;
  await cut(ada);
  assert.ok(lock.held);
  assert.ok(lock.token > token);
  await assert.rejects(other.lockFile(projectId, filePath), { code: "FILE_LOCKED" });
  const heard = next(ada, "file:created");
  const file = { path: "new.txt", action: "created", content: "new" };
  await other.call("file:change", { projectId, file });
  assert.equal((await heard).content, "new");
  await lock.unlock();
  await lock.unlock();
});

test("a project that is gone meanwhile takes nothing else along", async (t) => {
  const { mock } = t.mock.method(console, "warn", () => {});
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  const { project } = await other.call("project:create", { name: "Doomed" });
  const share = { projectId: project.id, userId: "user-456", role: "editor" };
  await other.call("project:share", share);
  await ada.joinProject(project.id);
  await ada.joinProject(projectId);
  const lost = await ada.lockFile(project.id, "a.txt");
  const kept = await ada.lockFile(projectId, filePath);
  ada.socket.disconnect();
  await other.call("project:delete", { projectId: project.id });
  await ada.connect();
  assert.deepEqual([lost.held, kept.held], [false, true]);
  assert.match(mock.calls[0].arguments[0], /no such project/);
  await kept.write("// still here\n");
  await kept.unlock();
});

test("looks again when the server was cut off from others", async () => {
  const ada = await connected({ userId: "user-456" });
  await ada.joinProject(projectId);
  const document = await ada.openDocument(projectId, filePath);
  const sent = [];
  ada.socket.onAnyOutgoing((event) => sent.push(event));
  const { text } = document;
  for (const heard of ada.socket.listeners("server:resync")) heard({}, {});
  await until(() => sent.includes("file:open"));
  assert.ok(sent.indexOf("project:join") < sent.indexOf("file:open"));
  await until(() => document.text === text);
  await document.close();
});

test("leaves a server that is about to end without a loss", async () => {
  // Whoever is told so does not wait before it comes back.
  const slow = { reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000 };
  const ada = await connected({ userId: "user-456", ...slow });
  const other = await connected({ userId: "user-789" });
  await ada.joinProject(projectId);
  await other.joinProject(projectId);
  const typed = await ada.openDocument(projectId, filePath);
  const lock = await ada.lockFile(projectId, "own.txt");
  const { token } = lock;
  const first = ada.id;
  const say = (message) => ada.call("chat:message", { projectId, message, key: message });
  const typing = next(other, "user:typing");
  const said = [say("before")];
  for (const heard of ada.socket.listeners("server:draining")) heard({}, {});
  // Nothing is sent from now on.
  said.push(say("meanwhile"));
  ada.emit("user:typing", { projectId, isTyping: true });
  typed.append("typed meanwhile\n");
  const opening = ada.openDocument(projectId, "src/components/TodoList.jsx");
  const messages = (await Promise.all(said)).map(({ message }) => message.content);
  assert.deepEqual(messages, ["before", "meanwhile"]);
  assert.notEqual(ada.id, first);
  assert.equal(ada.socket.io.reconnectionDelay(), 3_600_000);
  assert.ok((await typing).isTyping);
  await typed.close();
  await (await opening).close();
  assert.ok(lock.held);
  assert.ok(lock.token > token);
  await lock.unlock();
});

test("comes back at once where the server was faster", async () => {
  const ada = await connected({
    userId: "user-456",
    reconnectionDelay: 3_600_000,
    reconnectionDelayMax: 3_600_000,
  });
  const first = ada.id;
  // An acknowledgement is on its way, for ever.
  const lost = ada.call("test:ping");
  ada.socket.io.engine.write = () => {};
  for (const heard of ada.socket.listeners("server:draining")) heard({}, {});
  const pinged = ada.call("test:ping");
  ada.socket.io.engine.close();
  await assert.rejects(lost, Unreachable);
  await pinged;
  assert.notEqual(ada.id, first);
  assert.equal(ada.socket.io.reconnectionDelay(), 3_600_000);
});

test("leaves a server that ends at once, when it comes for the first time", async () => {
  const ada = created({
    userId: "user-456",
    reconnectionDelay: 3_600_000,
    reconnectionDelayMax: 3_600_000,
  });
  let first = null;
  ada.socket.once("connect", () => {
    first = ada.id;
    for (const heard of ada.socket.listeners("server:draining")) heard({}, {});
  });
  await ada.connect();
  assert.equal(ada.user.id, "user-456");
  assert.ok(first !== null && ada.id !== first);
  await ada.call("test:ping");
});

test("what is asked before one is in is asked as oneself, once one is", async () => {
  const ada = created({ userId: "user-456" });
  const sent = [];
  ada.socket.onAnyOutgoing((event) => sent.push(event));
  for (const round of ["before connect", "after disconnect"]) {
    const made = ada.call("project:create", { name: round });
    ada.emit("test:event", round);
    await ada.connect();
    const { project } = await made;
    assert.deepEqual(project.members.map(({ user }) => user.id), ["user-456"]);
    assert.deepEqual(sent.splice(0), ["user:join", "project:create", "test:event"]);
    ada.disconnect();
  }
});

test("tells what waits for a client that does not come back", async () => {
  const ada = await connected({ userId: "user-456", reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000 });
  ada.socket.io.engine.close();
  const waiting = ada.call("test:ping");
  ada.emit("test:ping");
  ada.disconnect();
  await assert.rejects(waiting, { message: "test:ping was not sent: there is no connection" });
});
