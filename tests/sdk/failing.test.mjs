// The JavaScript SDK comes back to a server that refuses it for now; test_javascript.py starts it.

import assert from "node:assert/strict";
import test from "node:test";
import { Unreachable } from "../../sdk/javascript/index.js";
import { connected, cut, filePath, next, projectId } from "./clients.mjs";

test("a passing refusal is no reason to give up", async () => {
  const ada = await connected({ userId: "ada" });
  const other = await connected({ userId: "bob" });
  await ada.joinProject(projectId);
  const document = await ada.openDocument(projectId, filePath);
  const lock = await ada.lockFile(projectId, "own.txt");
  const { token } = lock;
  // The server fails, from its second joining on.
  await cut(ada);
  assert.ok(lock.held);
  assert.ok(lock.token > token);
  document.append("still here");
  await document.wait();
  const said = next(ada, "chat:message");
  await other.call("chat:message", { projectId, message: "Hello" });
  assert.equal((await said).message.content, "Hello");
});

test("a refusal for good ends it", async () => {
  const eve = await connected({ userId: "eve" });
  const gone = next(eve, "disconnect");
  eve.socket.io.engine.close();
  await gone;
  await assert.rejects(eve.call("test:ping"), Unreachable);
  assert.ok(!eve.connected);
  assert.ok(!eve.socket.active);
});
