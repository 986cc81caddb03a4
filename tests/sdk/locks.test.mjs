// The JavaScript SDK locks files, and speaks with people; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { Refused, Unreachable } from "../../sdk/javascript/index.js";
import { connected, cut, filePath, next, projectId } from "./clients.mjs";

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

test("a lock that was released is not taken again after a lost connection", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  await (await ada.lockFile(projectId, filePath)).unlock();
  await cut(ada);
  const theirs = await other.lockFile(projectId, filePath);
  await theirs.unlock();
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
