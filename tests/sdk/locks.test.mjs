// The JavaScript SDK locks files, and speaks with people; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { Refused, Unreachable } from "../../sdk/javascript/index.js";
import { connected, cut, filePath, next, projectId, sessionURL, until } from "./clients.mjs";

test("a lock that somebody else has by now is released in silence", async () => {
  const ada = await connected({ userId: "user-456" });
  const other = await connected({ userId: "user-789" });
  const lock = await ada.lockFile(projectId, filePath);
  await ada.call("file:unlock", { projectId, filePath });
  // What a program sends by itself is not followed, see docs/sdk.md.
  assert.equal(lock.held, true);
  await assert.rejects(lock.write("late"), { code: "FILE_LOCKED" });
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

// -- what ends a lock, and what shows it: docs/sdk.md has the table

const path = "src/own.txt";

/** A project's owner, an editor, and the project, in which there is a file. */
async function owned() {
  const owner = await connected({ userId: "user-789" });
  const ada = await connected({ userId: "user-456" });
  const { project } = await owner.call("project:create", { name: "Ours" });
  await owner.call("project:share", { projectId: project.id, userId: "user-456", role: "editor" });
  const file = { path: "src/other.txt", action: "created", content: "" };
  await owner.call("file:change", { projectId: project.id, file });
  return [owner, ada, project.id];
}

const ENDS = {
  released: ["FILE_LOCKED", (owner, ada, lock) => lock.unlock()],
  "the role is lost": [
    "FORBIDDEN",
    (owner, ada, { projectId }) =>
      owner.call("project:share", { projectId, userId: "user-456", role: "viewer" }),
  ],
  "taken out": [
    "NOT_FOUND",
    (owner, ada, { projectId }) =>
      owner.call("project:unshare", { projectId, userId: "user-456" }),
  ],
  "the project is deleted": [
    "NOT_FOUND",
    (owner, ada, { projectId }) => owner.call("project:delete", { projectId }),
  ],
  "the project is left": [
    "FILE_LOCKED",
    (owner, ada, { projectId }) => ada.leaveProject(projectId),
  ],
  "handed over": [
    "FILE_LOCKED",
    async (owner, ada, { projectId, filePath }) => {
      const asked = next(ada, "lock:asked");
      const handed = owner.askForLock(projectId, filePath);
      const { request } = await asked;
      const answer = { requestId: request.id, answer: "hand-over" };
      await ada.call("lock:answer", { projectId, ...answer });
      assert.ok(await handed);
    },
  ],
  "moved onto another lock": [
    "FILE_LOCKED",
    async (owner, ada, { projectId }) => {
      await ada.lockFile(projectId, "lib/own.txt");
      await ada.moveFile(projectId, "src", "lib");
    },
  ],
};

for (const [how, [code, end]] of Object.entries(ENDS)) {
  for (const joins of [true, false]) {
    test(`a lock that has ended is not held: ${how}, ${joins ? "" : "not "}joined`, async () => {
      const [owner, ada, project] = await owned();
      if (joins) await ada.joinProject(project);
      const lock = await ada.lockFile(project, path);
      await end(owner, ada, lock);
      await until(() => !lock.held);
      await assert.rejects(lock.write("late"), { code });
      // There is nothing to be released.
      await lock.unlock();
    });
  }
}

for (const where of ["here", "elsewhere"]) {
  test(`whoever signs out ${where} holds no locks`, async () => {
    const first = await connected({ baseURL: sessionURL });
    await first.login("ada", "open sesame");
    const ada = await connected({ baseURL: sessionURL, sessionId: first.sessionId });
    const { project } = await ada.call("project:create", { name: "Mine" });
    await ada.joinProject(project.id);
    const lock = await ada.lockFile(project.id, path);
    await (where === "here" ? ada : first).logout();
    await until(() => !lock.held);
    const refusal = where === "here" ? { name: "SessionEnded" } : { code: "UNAUTHORIZED" };
    await assert.rejects(lock.write("late"), refusal);
  });
}

test("a lock follows its file, and outlives it", async () => {
  const [owner, ada, project] = await owned();
  await ada.joinProject(project);
  const lock = await ada.lockFile(project, path);
  await lock.write("one", { action: "created" });
  const moved = next(ada, "file:moved");
  await ada.moveFile(project, "src", "lib");
  await moved;
  assert.deepEqual([lock.held, lock.filePath], [true, "lib/own.txt"]);
  await lock.write("two");
  await ada.deleteFile(project, "lib/own.txt");
  assert.ok(lock.held);
  await lock.write("three", { action: "created" });
  await lock.unlock();
  const theirs = await owner.lockFile(project, "lib/own.txt");
  await theirs.unlock();
});

test("a lock that ends before it is known is refused", async () => {
  const [, ada, project] = await owned();
  const kept = await ada.lockFile(project, "kept.txt");
  const { call } = ada;
  ada.call = async (event, payload) => {
    const answer = await call.call(ada, event, payload);
    const gone = { filePath: path, token: answer.lock.token };
    for (const heard of ada.socket.listeners("file:unlocked")) heard(gone, { projectId: project });
    return answer;
  };
  const message = `file '${path}': the lock has ended at once: lock it again`;
  await assert.rejects(ada.lockFile(project, path), { code: "FILE_LOCKED", message });
  assert.ok(kept.held);
  ada.call = async (event, payload) => {
    const answer = await call.call(ada, event, payload);
    ada.call = call;
    await ada.leaveProject(project);
    return answer;
  };
  await assert.rejects(ada.lockFile(project, "other.txt"), { code: "FILE_LOCKED" });
  assert.ok(!kept.held);
});

for (const isTaken of [true, false]) {
  test(`after a resync a lock is not held, or taken again: ${isTaken}`, async () => {
    const [owner, ada, project] = await owned();
    await ada.joinProject(project);
    const lock = await ada.lockFile(project, path);
    const kept = await ada.lockFile(project, "kept.txt");
    const { token } = lock;
    const before = kept.token;
    // As if the event that says so had been lost.
    await ada.call("file:unlock", { projectId: project, filePath: path });
    if (isTaken) await owner.lockFile(project, path);
    for (const heard of ada.socket.listeners("server:resync")) heard({}, {});
    await until(() => (isTaken ? !lock.held : lock.token > token));
    if (!isTaken) await lock.write("mine", { action: "created" });
    assert.deepEqual([kept.held, kept.token], [true, before]);
  });
}

test("a lock that is released while it is taken again is given back", async () => {
  const [owner, ada, project] = await owned();
  await ada.joinProject(project);
  const lock = await ada.lockFile(project, path);
  await ada.call("file:unlock", { projectId: project, filePath: path });
  // Something else takes the place of the answer.
  const ask = ada._ask;
  let given;
  const isGivenBack = new Promise((resolve) => (given = resolve));
  ada._ask = async (event, payload) => {
    const answer = await ask.call(ada, event, payload);
    if (event === "file:lock") lock.held = false;
    if (event === "file:unlock") given();
    return answer;
  };
  for (const heard of ada.socket.listeners("server:resync")) heard({}, {});
  await isGivenBack;
  await (await owner.lockFile(project, path)).unlock();
});
