// A project with more than one answer of the server holds: files, versions, a chat, a large file.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test long.test.mjs; the server has what
// test_page.py puts there.

import assert from "node:assert/strict";
import test from "node:test";
import { button, comeIn } from "./browser.mjs";

/** How much the page has of everything. */
const sizes = (page) =>
  page.evaluate(async () => {
    const { state } = await import("/web/state.js");
    const { projects, project, open } = state;
    return [projects.length, project.files.size, project.versions.length, open?.text.length];
  });

test("everything is there, page by page", async () => {
  const ada = await comeIn("ada", "project-123");
  const log = ada.getByRole("log");
  await log.getByText("message 229", { exact: true }).waitFor();
  assert.deepEqual((await sizes(ada)).slice(0, 3), [105, 1_005, 205]);
  assert.equal(await log.getByRole("article").count(), 100);
  await button(ada, "Earlier messages").click();
  await log.getByText("message 30", { exact: true }).waitFor();
  await button(ada, "Earlier messages").click();
  await log.getByText("message 0", { exact: true }).waitFor();
  assert.equal(await log.getByRole("article").count(), 230);
  assert.equal(await button(ada, "Earlier messages").count(), 0);
});

test("a large file is read part by part", async () => {
  const ada = await comeIn("ada", "project-123/large.txt");
  await ada.locator(".cm-content").waitFor();
  assert.equal((await sizes(ada))[3], 1_500_000);
  await ada.getByText("This file is too long to be edited here").waitFor();
});
