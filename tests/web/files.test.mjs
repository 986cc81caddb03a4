// The tree of files, and what people do with files in it.

import assert from "node:assert/strict";
import test from "node:test";
import {
  button,
  comeIn,
  comeOnline,
  goOffline,
  lines,
  saved,
  share,
  text,
  withProject,
} from "./browser.mjs";

/** The lines of the tree, as they are drawn. */
function tree(page) {
  return page.locator(".tree .name").allTextContents();
}

async function choose(page, name, item) {
  await page.getByRole("button", { name: `Actions for ${name}` }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

async function make(page, path) {
  await button(page, "New file").click();
  await page.getByLabel("Path of the new file").fill(path);
  await page.keyboard.press("Enter");
  await page.getByLabel(`File ${path}`, { exact: true }).waitFor();
}

/** Two people in a project of one file, which both have open. */
async function two(project, path) {
  const bob = await comeIn("bob");
  const ada = await withProject("ada", project, path);
  await share(ada, "bob", "editor");
  await bob.evaluate((hash) => (location.hash = hash), new URL(ada.url()).hash);
  await text(bob).waitFor();
  return [ada, bob];
}

test("a folder is renamed under the hands of somebody who types in it", async () => {
  const [ada, bob] = await two("Moved", "src/notes.txt");
  await text(bob).click();
  await bob.keyboard.type("one ");
  await choose(ada, "src", "Rename…");
  await ada.getByLabel("New name of src").fill("lib/inner");
  await bob.keyboard.type("two ");
  await ada.keyboard.press("Enter");
  await ada.getByLabel("File lib/inner/notes.txt").waitFor();
  await bob.keyboard.type("three");
  await bob.getByLabel("File lib/inner/notes.txt").waitFor();
  await saved(bob).waitFor();
  assert.deepEqual(await lines(bob), ["one two three"]);
  await ada.getByText("one two three").waitFor();
  assert.deepEqual(await tree(ada), ["lib", "inner", "notes.txt"]);
  assert.match(bob.url(), /lib\/inner\/notes\.txt$/);
  // The caret is where it was: nothing was drawn anew.
  await bob.keyboard.type("!");
  await ada.getByText("one two three!").waitFor();
});

test("a file is moved while somebody is away", async () => {
  const [ada, bob] = await two("Away", "notes.txt");
  await text(bob).click();
  await bob.keyboard.type("before ");
  await saved(bob).waitFor();
  await goOffline(bob);
  await bob.keyboard.type("offline");
  await choose(ada, "notes.txt", "Move…");
  await ada.getByLabel("New path of notes.txt").fill("docs/Notes.txt");
  await ada.keyboard.press("Enter");
  await ada.getByLabel("File docs/Notes.txt").waitFor();
  await comeOnline(bob);
  await bob.getByLabel("File docs/Notes.txt").waitFor();
  await saved(bob).waitFor();
  await ada.getByText("before offline").waitFor();
  assert.deepEqual(await tree(bob), ["docs", "Notes.txt"]);
});

test("names are in the order of people, and folders stay closed", async () => {
  const ada = await withProject("ada", "Order", "file10.txt");
  for (const path of ["file2.txt", "b/1.txt", "B.txt"]) await make(ada, path);
  await button(ada, "New folder").click();
  await ada.getByLabel("Path of the new folder").fill("a/empty");
  await ada.keyboard.press("Enter");
  await button(ada, "empty").waitFor();
  const all = ["a", "empty", "b", "1.txt", "B.txt", "file2.txt", "file10.txt"];
  assert.deepEqual(await tree(ada), all);
  await button(ada, "a").click();
  await button(ada, "b").click();
  const shown = ["a", "b", "B.txt", "file2.txt", "file10.txt"];
  assert.deepEqual(await tree(ada), shown);
  await ada.reload();
  await button(ada, "B.txt").waitFor();
  assert.deepEqual(await tree(ada), shown);
});

test("the keyboard does all of it", async () => {
  const ada = await withProject("ada", "Keys", "a/one.txt");
  await make(ada, "two.txt");
  await button(ada, "two.txt").focus();
  const { keyboard } = ada;
  await keyboard.press("Home");
  await keyboard.press("ArrowLeft");
  assert.deepEqual(await tree(ada), ["a", "two.txt"]);
  await keyboard.press("ArrowRight");
  await keyboard.press("ArrowDown");
  await keyboard.press("F2");
  await keyboard.type("uno");
  await keyboard.press("Enter");
  await button(ada, "uno.txt").waitFor();
  await button(ada, "uno.txt").focus();
  // The menu: Duplicate is the fourth.
  await keyboard.press("Shift+F10");
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await keyboard.press(key);
  await ada.getByLabel("File a/uno copy.txt").waitFor();
  assert.deepEqual(await tree(ada), ["a", "uno copy.txt", "uno.txt", "two.txt"]);
  await button(ada, "two.txt").focus();
  await keyboard.press("Delete");
  await button(ada, "two.txt").waitFor({ state: "detached" });
  await button(ada, "uno.txt").focus();
  await keyboard.press("F2");
  await keyboard.type("x");
  await keyboard.press("Escape");
  await button(ada, "uno.txt").waitFor();
});

test("a file is dragged into a folder, and onto a name that is taken", async () => {
  const ada = await withProject("ada", "Dragged", "a/one.txt");
  await make(ada, "two.txt");
  await button(ada, "two.txt").dragTo(button(ada, "a"));
  await ada.getByLabel("File a/two.txt").waitFor();
  assert.deepEqual(await tree(ada), ["a", "one.txt", "two.txt"]);
  await choose(ada, "two.txt", "Rename…");
  await ada.getByLabel("New name of two.txt").fill("one.txt");
  await ada.keyboard.press("Enter");
  await ada.getByText("something is there already").waitFor();
  // The field is still there, to choose another one.
  await ada.getByLabel("New name of two.txt").fill("Two.txt");
  await ada.keyboard.press("Enter");
  await button(ada, "Two.txt").waitFor();
  // Onto the ground below the lines: out of all folders.
  const box = ada.locator(".lines");
  const { height } = await box.boundingBox();
  await button(ada, "Two.txt").dragTo(box, { targetPosition: { x: 60, y: height - 20 } });
  await ada.getByLabel("File Two.txt").waitFor();
  assert.deepEqual(await tree(ada), ["a", "one.txt", "Two.txt"]);
});

test("what is deleted is undone at once, or later from the bin", async () => {
  const [ada, bob] = await two("Thrown away", "src/notes.txt");
  await text(bob).click();
  await bob.keyboard.type("kept");
  await saved(bob).waitFor();
  await choose(ada, "src", "Delete");
  await button(ada, "src").waitFor({ state: "detached" });
  await bob.getByText("src/notes.txt was deleted.").waitFor();
  await button(ada, "Undo").click();
  await button(ada, "notes.txt").click();
  await text(ada).getByText("kept").waitFor();
  await choose(ada, "notes.txt", "Delete");
  await button(ada, "notes.txt").waitFor({ state: "detached" });
  await make(ada, "src/notes.txt");
  await button(ada, "Bin").click();
  await button(ada, "Restore src/notes.txt").click();
  await ada.getByText("Nothing is in it.").waitFor();
  await button(ada, "Close").click();
  await button(ada, "notes copy.txt").click();
  await text(ada).getByText("kept").waitFor();
});
