// The JavaScript SDK asks the assistant, also while connections are lost; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { connected, cut, filePath, next, projectId } from "./clients.mjs";


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
  await assert.rejects(lost, /disconnect\(\) was called/);
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

test("a message whose acknowledgement is lost is asked once", async () => {
  const ada = await connected({ userId: "asker" });
  const { messages } = await ada.joinProject(projectId);
  const { socket } = ada;
  const keys = [];
  const { emit } = socket;
  socket.emit = function (event, payload, ...rest) {
    if (event === "ai:message") keys.push(payload.key);
    return emit.call(this, event, payload, ...rest);
  };
  socket.onack = () => {
    delete socket.onack;
    socket.io.engine.close();
  };
  const response = await ada.sendAIMessage({ message: "propose", projectId });
  assert.match(response.content, /proposed\.js/);
  assert.equal(keys.length, 2);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.equal(keys[1], keys[0]);
  assert.equal((await ada.joinProject(projectId)).messages.length, messages.length + 2);
  const again = await ada.sendAIMessage({ message: "propose", projectId, key: keys[0] });
  assert.equal(again.id, response.id);
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
