// Locks of the JavaScript SDK whose server loses its lease; tests/server/cluster/test_locks_of_clients.py
// starts two servers, takes the leases away, and lets the client come back to the other one.

import assert from "node:assert/strict";
import test from "node:test";
import { connected, projectId, until } from "./clients.mjs";

test("a lock whose server loses its lease is not held", async () => {
  const ada = await connected({ userId: "ada" });
  await ada.joinProject(projectId);
  const lost = await ada.lockFile(projectId, "lost.txt");
  // The test hears that by now it is held.
  ada.emit("chat:message", { projectId, message: "lose it" });
  await until(() => !lost.held);
  await assert.rejects(lost.write("late"), { code: "FILE_LOCKED" });
  const lock = await ada.lockFile(projectId, "kept.txt");
  const { token } = lock;
  ada.emit("chat:message", { projectId, message: "go to the other server" });
  await until(() => lock.token > token);
  assert.ok(lock.held);
  await lock.write("still mine", { action: "created" });
});
