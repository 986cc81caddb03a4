// News of one page's project that come too late: on several nodes an older one may be heard after a
// newer one.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test late.test.mjs

import assert from "node:assert/strict";
import test from "node:test";
import {
  becomes,
  button,
  comeIn,
  goTo,
  hearAll,
  hearLate,
  linesAre,
  saved,
  share,
  text,
  withProject,
} from "./browser.mjs";

/** The files of the tree, as they are drawn. */
const tree = (page) => page.locator(".tree .name").allTextContents();

/** Ask the server for something in the open project. */
function ask(page, event, payload) {
  return page.evaluate(
    async ([name, more]) => {
      const { ask } = await import("/web/session.js");
      const { state } = await import("/web/state.js");
      return ask(name, { projectId: state.project.id, ...more });
    },
    [event, payload],
  );
}

const change = (page, action, path, content) =>
  ask(page, "file:change", { file: { path, action, content } });

/** Two people in a project, who both have the file open. */
async function two(project, path) {
  const ada = await withProject("ada", project, path);
  const bob = await comeIn("bob");
  await share(ada, "bob", "editor");
  await goTo(bob, ada.url());
  await text(bob).waitFor();
  return [ada, bob];
}

test("a deletion of before hides no file that is made anew", async () => {
  const [ada, bob] = await two("Made anew", "open.txt");
  await change(ada, "created", "a.txt", "one");
  await becomes(() => tree(bob), ["a.txt", "open.txt"]);
  await hearLate(bob, "file:deleted");
  for (const path of ["a.txt", "open.txt"]) {
    await change(ada, "deleted", path);
    await change(ada, "created", path, "anew");
  }
  await change(ada, "created", "last.txt", "");
  await becomes(() => tree(bob), ["a.txt", "last.txt", "open.txt"]);
  await hearAll(bob);
  // What one has open is another file.
  await bob.getByText("open.txt was deleted.").waitFor();
  await becomes(() => tree(bob), ["a.txt", "last.txt", "open.txt"]);
  await button(bob, "a.txt").click();
  await linesAre(bob, ["anew"]);
});

test("what is gone does not come back", async () => {
  const [ada, bob] = await two("Gone", "open.txt");
  await hearLate(bob, "file:created");
  await change(ada, "created", "a.txt", "one");
  await change(ada, "deleted", "a.txt");
  await change(ada, "created", "b.txt", "one");
  await ask(ada, "file:move", { filePath: "b.txt", newPath: "c.txt" });
  // A file that one has not heard of is at its new path.
  await becomes(() => tree(bob), ["c.txt", "open.txt"]);
  await hearAll(bob);
  await change(ada, "created", "last.txt", "");
  await becomes(() => tree(bob), ["c.txt", "last.txt", "open.txt"]);
});

test("a move of before takes nothing along that has come later", async () => {
  const [ada, bob] = await two("Moved", "a.txt");
  await text(bob).click();
  await bob.keyboard.type("old");
  await saved(bob).waitFor();
  await hearLate(bob, "file:moved");
  await ask(ada, "file:move", { filePath: "a.txt", newPath: "b.txt" });
  await change(ada, "created", "a.txt", "new");
  await change(ada, "created", "last.txt", "");
  await becomes(() => tree(bob), ["a.txt", "last.txt"]);
  await hearAll(bob);
  await becomes(() => tree(bob), ["a.txt", "b.txt", "last.txt"]);
  // What one has open goes along.
  await bob.getByLabel("File b.txt", { exact: true }).waitFor();
  await bob.keyboard.type("!");
  await saved(bob).waitFor();
  const { content } = await ask(ada, "file:read", { filePath: "b.txt" });
  assert.equal(content, "old!");
  await button(bob, "a.txt").click();
  await linesAre(bob, ["new"]);

  // Two moves the other way round.
  await hearLate(bob, "file:moved");
  await ask(ada, "file:move", { filePath: "last.txt", newPath: "one.txt" });
  await ask(ada, "file:move", { filePath: "one.txt", newPath: "two.txt" });
  await becomes(() => bob.evaluate(() => window.held.length), 2);
  await bob.evaluate(() => window.held.reverse());
  await hearAll(bob);
  await becomes(() => tree(bob), ["a.txt", "b.txt", "two.txt"]);
});

test("a lock that has ended keeps nobody out", async () => {
  const [ada, bob] = await two("Locked", "a.txt");
  const isKept = bob.getByText("ada keeps this file to edit it alone");
  await hearLate(bob, "file:locked");
  await ask(ada, "file:lock", { filePath: "a.txt", lockType: "exclusive" });
  await ask(ada, "file:unlock", { filePath: "a.txt" });
  await change(ada, "created", "last.txt", "");
  await button(bob, "last.txt").waitFor();
  await hearAll(bob);
  assert.equal(await isKept.count(), 0);
  await ask(ada, "file:lock", { filePath: "a.txt", lockType: "exclusive" });
  await isKept.waitFor();
});
