// The JavaScript SDK lets nothing go on for a user that the program logs out, or another one in for;
// test_javascript.py starts the servers, where Ada and Bob have a password.

import assert from "node:assert/strict";
import test, { before } from "node:test";
import { Refused, SessionEnded, Unreachable } from "../../sdk/javascript/index.js";
import { connected, filePath, next, projectId as project, sessionURL, until } from "./clients.mjs";

const PART = 262_144;
const LARGE = "large.txt";
const password = "open sesame";
const action = { id: "a", type: "create-file", content: "" };
let projectId;

const loggedIn = async () => {
  const ada = await connected({ baseURL: sessionURL });
  await ada.login("ada", password);
  return ada;
};

before(async () => {
  const ada = await loggedIn();
  projectId = (await ada.call("project:create", { name: "Ada's" })).project.id;
  for (const path of [LARGE, "small.txt"]) {
    await ada.uploadFile(projectId, path, `${"a".repeat(PART)}b`);
  }
});

const changes = {
  "logs out and in": async (ada) => {
    await ada.logout();
    await ada.login("bob", password);
  },
  "logs another one in": (ada) => ada.login("bob", password),
};

const deeds = {
  "file:upload": (ada) => ada.uploadFile(projectId, "new.txt", "a".repeat(3 * PART)),
  "file:download": (ada) => ada.downloadFile(projectId, LARGE),
  "file:read": (ada) => ada.readFile(projectId, LARGE),
  "file:list": (ada) => ada.listAll("file:list", { projectId, limit: 1 }),
  "project:search": (ada) => ada.replace(projectId, "b", "c", { limit: 1 }),
  "file:change": (ada) => ada.acceptAction(projectId, { requestId: "r" }, { ...action, path: `${ada.id}.js` }),
  "project:join": (ada) => ada.openDocument(projectId, LARGE),
  "ai:message": (ada) => ada.sendAIMessage({ message: "wait", projectId, key: "one" }),
  "file:lock": async (ada) => {
    const lock = await ada.lockFile(projectId, LARGE);
    try {
      await lock.write("late");
    } finally {
      await lock.unlock();
    }
  },
};

for (const [how, change] of Object.entries(changes)) {
  for (const [first, deed] of Object.entries(deeds)) {
    test(`what follows from ${first} is not sent as the next user, when one ${how}`, async () => {
      const ada = await loggedIn();
      const sent = [];
      let changed;
      ada.socket.onAnyOutgoing((event) => {
        sent.push(event);
        // The answer to the first event comes before Bob is in.
        if (event === first) changed ??= Promise.resolve(ada).then(change);
      });
      await assert.rejects(deed(ada), SessionEnded);
      await changed;
      assert.deepEqual(sent.filter((event) => !event.startsWith("auth:")), [first]);
      assert.deepEqual(ada.user, { id: "bob", name: "Bob" });
    });
  }

  test(`whoever waits hears that the session has ended, when one ${how}`, async () => {
    const ada = await loggedIn();
    const document = await ada.openDocument(projectId, "small.txt");
    const lock = await ada.lockFile(projectId, "small.txt");
    const answering = next(ada, "code:chunk");
    const answer = ada.sendAIMessage({ message: "wait", projectId });
    answer.catch(() => {});
    await answering;
    await change(ada);
    await assert.rejects(answer, SessionEnded);
    await assert.rejects(document.wait(), SessionEnded);
    assert.throws(() => document.append("late"), SessionEnded);
    await assert.rejects(lock.write("late"), { name: "SessionEnded", message: /^file:change was not sent: / });
    await lock.unlock();
  });

  test(`what is queued is sent before one ${how}`, async () => {
    const ada = await loggedIn();
    ada.typing(projectId);
    const queued = ada.queue("test:event", 1);
    const sent = [];
    ada.socket.onAnyOutgoing((event) => sent.push(event));
    const changed = change(ada);
    const late = ada.queue("test:event", 2);
    await changed;
    assert.equal((await queued).data, 1);
    await assert.rejects(late, { name: "SessionEnded", message: /^test:event was not sent: / });
    ada.stopTyping(projectId);
    await ada.flush();
    assert.deepEqual(sent.filter((event) => event !== "auth:logout"), ["batch:update", "auth:login"]);
  });
}

test("what was begun goes on where the user stays the same", async () => {
  const ada = await loggedIn();
  const document = await ada.openDocument(projectId, "small.txt");
  const upload = ada.uploadFile(projectId, "same.txt", "a".repeat(3 * PART));
  await assert.rejects(ada.login("bob", "wrong"), Refused);
  await ada.login("ada", password);
  document.append("!");
  assert.equal((await upload).size, 3 * PART);
  await document.close();
});

test("what a guest has begun is the user's who logs in", async () => {
  const guest = await connected();
  const document = await guest.openDocument(project, filePath);
  document.append("// a guest's\n");
  const upload = guest.uploadFile(project, "guest.txt", "a".repeat(3 * PART));
  await guest.login("grace", password);
  assert.equal((await upload).size, 3 * PART);
  document.append("// Grace's\n");
  await document.close();
  const { content } = await guest.readFile(project, filePath);
  assert.ok(content.endsWith("// a guest's\n// Grace's\n"));
});

test("nothing goes on after disconnect", async () => {
  const ada = await loggedIn();
  const sent = [];
  ada.socket.onAnyOutgoing((event) => sent.push(event));
  const read = ada.readFile(projectId, LARGE);
  const lost = assert.rejects(read, Unreachable);
  await until(() => sent.length > 0);
  ada.disconnect();
  sent.length = 0;
  await ada.connect();
  await lost;
  assert.ok(!sent.includes("file:read"));
});
