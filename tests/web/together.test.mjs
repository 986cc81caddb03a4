// Two people in two browsers, a Python script and a Node script with the SDKs: all on one project.
//
// Usage: URL=http://localhost:3001 PYTHON=python CHROMIUM=chromium node --test together.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { AICodingAssistantSocket } from "../../sdk/javascript/index.js";
import { visit } from "./browser.mjs";

// OTHER_URL is that of another node of the same cluster, if there is one.
const { URL: url, OTHER_URL: otherUrl = url, PYTHON: python } = process.env;
const projectId = "project-123";

test("lock, edit, chat, snapshot, restore, go without notice and come back", async (t) => {
  async function comeIn(name, at) {
    const page = await visit(`${at}/#${projectId}`);
    await page.getByRole("button", { name }).click();
    await page.getByRole("button", { name: "App.jsx", exact: true }).waitFor();
    return page;
  }

  const ada = await comeIn("user-456", url);
  const bob = await comeIn("user-789", otherUrl);
  const node = new AICodingAssistantSocket({ baseURL: url, userId: "noder" });
  t.after(() => node.disconnect());
  await node.connect();
  await node.joinProject(projectId);
  const people = (page) => page.getByRole("region", { name: "People" });
  await people(ada).getByText("noder").waitFor();
  await people(bob).getByText("user-456").waitFor();

  // Ada takes a version, before anything is changed.
  await ada.getByRole("tab", { name: "Versions" }).click();
  await ada.getByLabel("Name of the version").fill("Before");
  await ada.getByRole("button", { name: "Take" }).click();
  await ada.getByText("Before", { exact: true }).waitFor();

  // The Python script writes a file, and asks the assistant about it.
  const script = fileURLToPath(new URL("script.py", import.meta.url));
  const process = spawn(python, [script, otherUrl, projectId], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => process.kill());
  const ended = new Promise((done) => process.once("exit", done));
  const printed = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const next = async () => (await printed.next()).value;
  assert.equal(await next(), "joined ['src/components/App.jsx', 'src/components/TodoList.jsx']");
  assert.equal(await next(), "True");
  await people(ada).getByText("pythonista").waitFor();
  for (const page of [ada, bob]) {
    await page.getByRole("button", { name: "from_python.py", exact: true }).waitFor();
  }
  await bob.getByText("outline from_python.py").waitFor();

  // Node holds a lock: the browsers may only look on.
  const lock = await node.lockFile(projectId, "from_python.py");
  await bob.getByRole("button", { name: "from_python.py", exact: false }).first().click();
  await bob.getByText("noder keeps this file to edit it alone").waitFor();
  await lock.write("# by node\n");
  await bob.locator(".cm-content").getByText("# by node").waitFor();
  await lock.unlock();
  await bob.getByRole("button", { name: "Edit alone", exact: true }).click();
  await bob.getByRole("button", { name: "Edit together" }).waitFor();
  await assert.rejects(node.lockFile(projectId, "from_python.py"), { code: "FILE_LOCKED" });
  const change = new Promise((done) => node.once("file:updated", done));
  await bob.locator(".cm-content").click();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type("# by bob");
  assert.match((await change).content, /^# by node\n#/);
  await bob.getByText("Saved", { exact: true }).waitFor();
  await bob.getByRole("button", { name: "Edit together" }).click();

  // Bob is gone without notice, and comes back to what happened meanwhile.
  await bob.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    window.back = new Promise((done) => socket.once("connect", done));
    socket.io.engine.close();
  });
  await ada.getByRole("button", { name: "App.jsx", exact: true }).click();
  await bob.evaluate(() => window.back);
  await people(bob).getByText("viewing App.jsx").waitFor();

  // Ada restores the version: everybody has the old files again.
  const restored = new Promise((done) => node.once("version:restored", done));
  await ada.getByRole("button", { name: "Restore" }).first().click();
  assert.equal((await restored).version.name, "Before");
  for (const page of [ada, bob]) {
    await page
      .getByRole("button", { name: "from_python.py", exact: true })
      .waitFor({ state: "detached" });
  }
  assert.equal(await next(), "restored ['src/components/App.jsx', 'src/components/TodoList.jsx']");
  assert.equal(await ended, 0);
  await people(ada).getByText("pythonista").waitFor({ state: "detached" });
});
