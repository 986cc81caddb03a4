// The JavaScript SDK against a running server; test_javascript.py starts it and gives its address.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { Due } from "../../sdk/javascript/due.js";
import { AICodingAssistantSocket, Refused, Unreachable } from "../../sdk/javascript/index.js";
import { Due as PageDue } from "../../server/web/due.js";

const { URL: baseURL, SESSION_URL: sessionURL, STRICT_URL: strictURL } = process.env;
const projectId = "project-123";
const filePath = "src/components/App.jsx";

let opened = [];
afterEach(() => {
  for (const socket of opened) socket.disconnect();
  opened = [];
});

async function connected(options) {
  const socket = new AICodingAssistantSocket({ baseURL, reconnectionDelay: 10, ...options });
  opened.push(socket);
  await socket.connect();
  return socket;
}

const next = (socket, event) =>
  new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no ${event}`)), 20_000).unref();
    socket.once(event, resolve);
  });

/** Lose the connection as a cut cable does. */
async function cut(socket) {
  const back = next(socket, "reconnect");
  socket.socket.io.engine.close();
  await back;
  await socket.connect();
}

test("takes no address instead of options", () => {
  assert.throws(() => new AICodingAssistantSocket(baseURL), /^TypeError: got string, expected opt/);
});

test("reads a file of any size, and lists of any length", async () => {
  const ada = await connected({ userId: "user-456" });
  const content = "aé€😀".repeat(250_000);
  const file = { path: "large.txt", action: "created", content };
  await ada.call("file:change", { projectId, file });
  const read = await ada.readFile(projectId, "large.txt");
  assert.equal(read.content, content);
  assert.equal(read.size, 2_500_000);
  assert.equal(read.next, undefined);
  const listed = await ada.listAll("file:list", { projectId, limit: 1 });
  assert.deepEqual(
    listed.map(({ path }) => path),
    ["large.txt", filePath, "src/components/TodoList.jsx"],
  );
  const rest = await ada.listAll("file:list", { projectId, limit: 1 }, filePath);
  assert.equal(rest.length, 1);
  const found = await ada.search(projectId, "todolist", { limit: 1, isWholeWord: true });
  assert.deepEqual(
    found.map((one) => [one.filePath, one.hits.length]),
    [
      [filePath, 3],
      ["src/components/TodoList.jsx", 1],
    ],
  );
  await ada.call("file:change", { projectId, file: { path: "large.txt", action: "deleted" } });
});

test("reads a file again that changes meanwhile, and gives up in the end", async () => {
  const ada = await connected({ userId: "user-456" });
  const answers = [];
  ada.call = async () => answers.shift();
  const part = (content, hash, next) => ({ filePath, content, size: 4, hash, next });
  answers.push(part("on", "1", 2), part("xx", "2"), part("tw", "2", 2), part("o!", "2"));
  assert.equal((await ada.readFile(projectId, filePath)).content, "two!");
  for (let count = 0; count < 5; count++) answers.push(part("on", "1", 2), part("xx", "2", 3));
  await assert.rejects(ada.readFile(projectId, filePath), { code: "VERSION_CONFLICT" });
  assert.equal(answers.length, 0);
});

test("takes and gives files as bytes", async () => {
  const ada = await connected({ userId: "user-456" });
  const data = Uint8Array.from({ length: 600_000 }, (_, at) => at % 251);
  const file = await ada.uploadFile(projectId, "a/data.bin", data);
  assert.deepEqual([file.size, file.mediaType], [600_000, "application/octet-stream"]);
  const found = await ada.downloadFile(projectId, "a/data.bin");
  assert.deepEqual(Buffer.compare(found.data, data), 0);
  assert.equal(found.next, undefined);
  await assert.rejects(ada.uploadFile(projectId, "a/data.bin", "x"), { code: "VERSION_CONFLICT" });
  const text = await ada.uploadFile(projectId, "a/data.bin", "twö", { overwrite: true });
  assert.equal(text.mediaType, undefined);
  assert.equal((await ada.moveFile(projectId, "a", "b")).count, 1);
  assert.equal((await ada.copyFile(projectId, "b/data.bin", "b/c.txt")).file.size, 4);
  const archive = await fetch(await ada.createDownload(projectId, "b"));
  assert.match(archive.headers.get("content-disposition"), /^attachment; filename="b.zip"/);
  assert.equal(Buffer.from(await archive.arrayBuffer()).readUInt32BE(), 0x504b0304);
  const { deletionId } = await ada.deleteFile(projectId, "b");
  assert.equal((await ada.listAll("bin:list", { projectId }))[0].id, deletionId);
  assert.equal((await ada.restoreFile(projectId, deletionId, { newPath: "c" })).count, 2);
  await ada.deleteFile(projectId, "c");
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
      const socket = new AICodingAssistantSocket({
        baseURL,
        userId: "user-456",
        reconnectionDelay: 1,
      });
      opened.push(socket);
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
  const socket = new AICodingAssistantSocket({
    baseURL,
    userId: "user-456",
    reconnectionDelay: 1,
    transports: ["websocket"],
  });
  opened.push(socket);
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
  const first = new AICodingAssistantSocket({ baseURL: sessionURL });
  opened.push(first);
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

test("a lock that somebody else has by now is released in silence", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  const lock = await ada.lockFile(projectId, filePath);
  await ada.call("file:unlock", { projectId, filePath });
  const theirs = await other.lockFile(projectId, filePath);
  await lock.unlock();
  await assert.rejects(ada.call("file:unlock", { projectId, filePath }), { code: "FILE_LOCKED" });
  await theirs.unlock();
  const gone = await ada.lockFile(projectId, filePath);
  gone.projectId = "no-such-project";
  await assert.rejects(gone.unlock(), { code: "NOT_FOUND" });
  await ada.call("file:unlock", { projectId, filePath });
});

test("people: messages, invitations, a lock that is asked for", async () => {
  const ada = await connected({ userId: "ada" });
  const bob = await connected({ userId: "bob" });
  const { project } = await ada.call("project:create", { name: "Ours" });
  const { token } = await ada.invite({ projectId: project.id, uses: 1 });
  assert.equal((await bob.acceptInvitation(token)).role, "editor");
  await assert.rejects(bob.acceptInvitation("none"), { code: "NOT_FOUND" });
  const message = { projectId: project.id, message: "@bob look", key: "k" };
  const said = await ada.sendMessage(message);
  assert.deepEqual(said.mentions, [{ id: "bob", name: "bob" }]);
  assert.deepEqual(await ada.sendMessage(message), said);
  await ada.lockFile(project.id, "a");
  for (const [answer, isHandedOver] of [
    ["keep", false],
    ["hand-over", true],
  ]) {
    ada.once("lock:asked", ({ request }) => {
      ada.call("lock:answer", { projectId: project.id, requestId: request.id, answer });
    });
    assert.equal(await bob.askForLock(project.id, "a"), isHandedOver);
  }
  const lock = await bob.lockFile(project.id, "a");
  await lock.unlock();
  await ada.lockFile(project.id, "a");
  const asked = next(ada, "lock:asked");
  const waiting = assert.rejects(bob.askForLock(project.id, "a"), Unreachable);
  await asked;
  bob.disconnect();
  await waiting;
});

test("a lock writes, and ends with its block", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  const lock = await ada.lockFile(projectId, filePath);
  assert.equal(lock.filePath, filePath);
  const { file } = await lock.write("// one\n");
  assert.equal(file.size, 7);
  await assert.rejects(other.lockFile(projectId, filePath), { code: "FILE_LOCKED" });
  await lock[Symbol.asyncDispose]();
  assert.equal(lock.held, false);
  await assert.rejects(lock.write("// two\n"), Refused);
  const next = await other.lockFile(projectId, filePath, { lockType: "shared" });
  await next.unlock();
});

test("the assistant: a whole response, its pieces, a stop, a failure", async () => {
  const ada = await connected({ userId: "user-456" });
  const pieces = [];
  const response = await ada.sendAIMessage({
    message: "propose",
    projectId,
    context: { currentFile: filePath },
    onChunk: (text) => pieces.push(text),
  });
  assert.equal(
    response.content,
    "A **proposal**:\n\n```proposed.js\nconst proposed = 1;\n```\n",
  );
  assert.equal(pieces.join(""), response.content);
  const [action] = response.actions;
  assert.deepEqual(action, {
    id: "action-1",
    type: "create-file",
    path: "proposed.js",
    content: "const proposed = 1;\n",
  });
  const { file } = await ada.acceptAction(projectId, response, action);
  assert.equal(file.path, "proposed.js");
  await assert.rejects(ada.rejectAction(projectId, response, action), { code: "VERSION_CONFLICT" });

  const stop = new AbortController();
  const stopped = await ada.sendAIMessage({
    message: "Write something long",
    projectId,
    onChunk: () => stop.abort(),
    signal: stop.signal,
  });
  assert.equal(stopped.cancelled, true);
  assert.equal(stopped.content, "Once upon a time");

  const failed = ada.sendAIMessage({ message: "fail", projectId });
  await assert.rejects(failed, { code: "AI_SERVICE_ERROR", message: "out of order" });
  const late = ada.sendAIMessage({ message: "wait", projectId, timeout: 1 });
  await assert.rejects(late, /no response within 1 ms/);
  const lost = ada.sendAIMessage({ message: "wait", projectId, onChunk: () => ada.disconnect() });
  await assert.rejects(lost, /the connection was lost before the response/);
});

/** Wait for an answer; resolves when it has begun, with what waits for it and the request's id. */
async function asking(ada, options) {
  const begun = next(ada, "code:chunk");
  const answer = ada.sendAIMessage({ message: "wait", ...options });
  answer.catch(() => {});
  return { answer, requestId: (await begun).requestId };
}

// Answers of before are still being made for the other users.
test("an answer goes on while the connection is lost", async () => {
  const ada = await connected({ userId: "asker" });
  // It has not joined the project that it asks about.
  const { answer, requestId } = await asking(ada, { projectId });
  await cut(ada);
  ada.emit("ai:cancel", { requestId });
  const { content, cancelled } = await answer;
  assert.deepEqual([content, cancelled], ["Once upon a time", true]);
});

test("an answer that ended while the connection was lost is found", async () => {
  const ada = await connected({ userId: "asker", reconnectionDelay: 300 });
  const other = await connected({ userId: "asker" });
  await other.joinProject(projectId);
  const { answer, requestId } = await asking(ada, { projectId });
  const back = next(ada, "reconnect");
  ada.socket.io.engine.close();
  const ended = next(other, "ai:response");
  other.emit("ai:cancel", { requestId });
  await ended;
  assert.equal(ada.connected, false);
  await back;
  assert.equal((await answer).content, "Once upon a time");
});

test("an answer that was lost meanwhile is not waited for", async () => {
  const ada = await connected({ userId: "asker", reconnectionDelay: 300 });
  const { project } = await ada.call("project:create", { name: "Doomed" });
  const other = await connected({ userId: "asker" });
  const gone = await asking(ada, { projectId: project.id });
  ada.socket.io.engine.close();
  await other.call("project:delete", { projectId: project.id });
  await assert.rejects(gone.answer, { code: "NOT_FOUND" });
});

test("an answer that cannot go on ends at once", async (t) => {
  const ada = await connected({ userId: "asker" });
  const ofNone = await asking(ada, {});
  ada.socket.io.engine.close();
  await assert.rejects(ofNone.answer, /an answer for no project ends with its connection/);

  // The server goes on with these two for a while.
  const once = await connected({ userId: "once", reconnection: false });
  const lost = await asking(once, { projectId });
  once.socket.io.engine.close();
  await assert.rejects(lost.answer, /the connection was lost before the response: forced close/);

  const away = await connected({ userId: "away" });
  const late = await asking(away, { projectId });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  away.socket.io.engine.close();
  t.mock.timers.tick(15_000);
  t.mock.timers.reset();
  await assert.rejects(late.answer, /it was not back within 15 seconds/);
});

test("typing is told rarely, and ends", async (t) => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  await other.joinProject(projectId);
  const heard = [];
  other.on("user:typing", ({ isTyping }) => heard.push(isTyping));
  const settle = async () => {
    await ada.call("project:list");
    await other.call("project:list");
  };
  t.mock.timers.enable({ apis: ["Date"] });
  for (let key = 0; key < 10; key++) ada.typing(projectId);
  t.mock.timers.tick(2_000);
  ada.typing(projectId);
  ada.stopTyping(projectId);
  ada.stopTyping(projectId);
  t.mock.timers.reset();
  await settle();
  assert.deepEqual(heard, [true, true, false]);
});

test("what is queued goes in one batch, with a result each", async () => {
  const ada = await connected({ userId: "user-456" });
  let sent = 0;
  ada.socket.onAnyOutgoing((event) => (sent += event === "batch:update"));
  const listed = ada.queue("project:list");
  const refused = ada.queue("project:join", { projectId: "nowhere" });
  await Promise.all([ada.flush(), assert.rejects(refused, { code: "NOT_FOUND" })]);
  assert.equal((await listed).projects[0].id, projectId);
  assert.equal(sent, 1);
  await ada.flush();
  const many = Array.from({ length: 100 }, () => ada.queue("test:event", 1));
  await Promise.all(many);
  assert.equal(sent, 2);
});

test("a loop loses nothing: it is no faster than a server takes events", async () => {
  const ada = await connected({ userId: "user-456" });
  const [limited, echoed] = [[], []];
  ada.on("rate_limited", (data) => limited.push(data));
  ada.on("test:response", (data) => echoed.push(data));
  for (let number = 0; number < 150; number++) {
    ada.emit("test:event", number);
    assert.deepEqual(await ada.call("test:ping"), {});
  }
  assert.deepEqual(echoed, [...Array(150).keys()]);
  assert.deepEqual(limited, []);
  const late = Array.from({ length: 200 }, () => ada.call("test:ping"));
  const ends = Promise.allSettled(late);
  ada.disconnect();
  assert.ok((await ends).every(({ reason }) => reason instanceof Unreachable));
});

test("an acknowledgement is asked for once there is a connection", (t) => {
  // A ping without one would wait with the others, and one more every quarter of a second.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let [connected, asked, pings] = [false, 0, 0];
  const ping = () => {
    asked++;
    if (connected) pings++;
    return connected;
  };
  for (const Kind of [Due, PageDue]) {
    [connected, asked, pings] = [false, 0, 0];
    const due = new Kind(ping, () => {});
    due.add(() => {});
    due.limited(400);
    t.mock.timers.tick(400);
    t.mock.timers.tick(400);
    assert.deepEqual([asked, pings], [2, 0]);
    connected = true;
    t.mock.timers.tick(400);
    t.mock.timers.tick(4_000);
    assert.deepEqual([asked, pings], [3, 1]);
  }
});

test("what a stricter server drops is refused, and nothing else", async (t) => {
  const { mock } = t.mock.method(console, "warn", () => {});
  const ada = await connected({ baseURL: strictURL });
  const echoed = [];
  ada.on("test:response", (data) => echoed.push(data));
  const ends = await Promise.allSettled([...Array(80).keys()].map((n) => ada.call("test:event", n)));
  const handled = ends.flatMap(({ status, value }) => (status === "fulfilled" ? value.data : []));
  const refusals = ends.flatMap(({ reason }) => reason ?? []);
  assert.deepEqual(echoed, handled);
  // One place of the ten is the CONNECT's.
  assert.deepEqual(handled.slice(0, 9), [...Array(9).keys()]);
  assert.ok(refusals.length > 0);
  for (const { code, details } of refusals) {
    assert.equal(code, "RATE_LIMIT_EXCEEDED");
    assert.ok(details.retryAfter > 0 && details.retryAfter <= 0.1);
  }
  assert.match(mock.calls[0].arguments[0], /going on more slowly/);
  // It goes on more slowly after each refusal, until it keeps to what the server takes.
  for (let inARow = 0; inARow < 5; inARow++) {
    await ada.call("test:ping").catch((error) => {
      assert.equal(error.code, "RATE_LIMIT_EXCEEDED");
      inARow = -1;
    });
  }
});
