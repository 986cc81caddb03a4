// The JavaScript SDK comes back to a server whose database is away; test_javascript.py starts it.

import assert from "node:assert/strict";
import test from "node:test";
import { connected, cut, filePath, next, projectId } from "./clients.mjs";

test("a database that is away is no reason to give up", async () => {
  const ada = await connected({ userId: "ada" });
  const other = await connected({ userId: "bob" });
  await ada.joinProject(projectId);
  const document = await ada.openDocument(projectId, filePath);
  // The server fails once, from its second joining on.
  await cut(ada);
  document.append("still here");
  await document.wait();
  const said = next(ada, "chat:message");
  await other.call("chat:message", { projectId, message: "Hello" });
  assert.equal((await said).message.content, "Hello");
});
