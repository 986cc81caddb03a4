// The tree of files, and what people do with files in it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import {
  alter,
  becomes,
  button,
  comeIn,
  comeOnline,
  expectErrors,
  goOffline,
  linesAre,
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
  await linesAre(bob, ["one two three"]);
  await ada.getByText("one two three").waitFor();
  await becomes(() => tree(ada), ["lib", "inner", "notes.txt"]);
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
  await becomes(() => tree(bob), ["docs", "Notes.txt"]);
});

test("names are in the order of people, and folders stay closed", async () => {
  const ada = await withProject("ada", "Order", "file10.txt");
  for (const path of ["file2.txt", "b/1.txt", "B.txt"]) await make(ada, path);
  await button(ada, "New folder").click();
  await ada.getByLabel("Path of the new folder").fill("a/empty");
  await ada.keyboard.press("Enter");
  await button(ada, "empty").waitFor();
  const all = ["a", "empty", "b", "1.txt", "B.txt", "file2.txt", "file10.txt"];
  await becomes(() => tree(ada), all);
  await button(ada, "a").click();
  await button(ada, "b").click();
  const shown = ["a", "b", "B.txt", "file2.txt", "file10.txt"];
  await becomes(() => tree(ada), shown);
  await ada.reload();
  await button(ada, "B.txt").waitFor();
  await becomes(() => tree(ada), shown);
});

test("the keyboard does all of it", async () => {
  const ada = await withProject("ada", "Keys", "a/one.txt");
  await make(ada, "two.txt");
  await button(ada, "two.txt").focus();
  const { keyboard } = ada;
  await keyboard.press("Home");
  await keyboard.press("ArrowLeft");
  await becomes(() => tree(ada), ["a", "two.txt"]);
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
  await becomes(() => tree(ada), ["a", "uno copy.txt", "uno.txt", "two.txt"]);
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
  await becomes(() => tree(ada), ["a", "one.txt", "two.txt"]);
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
  await becomes(() => tree(ada), ["a", "one.txt", "Two.txt"]);
});

test("what is deleted is undone at once, or later from the bin", async () => {
  const [ada, bob] = await two("Thrown away", "src/notes.txt");
  await text(bob).click();
  await bob.keyboard.type("kept");
  await saved(bob).waitFor();
  await choose(ada, "src", "Delete");
  await button(ada, "src").waitFor({ state: "detached" });
  await bob.getByText("src/notes.txt was deleted.").waitFor();
  // Also from where one has gone meanwhile.
  await button(ada, "All projects").click();
  await ada.getByRole("button", { name: "Thrown away" }).waitFor();
  await button(ada, "Undo").click();
  await ada.getByRole("button", { name: "Thrown away" }).click();
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

// Four pixels by two, made by hand: their rows, in a zlib stream.
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAYAAAB/qH1jAAAAF0lEQVR4nGM4ISf3H4Tl5E40gDADugAA8wQOHbn7xAsAAAAASUVORK5CYII=",
  "base64",
);

/** Let a page send a file as a program would, over whatever is there. */
function send(page, filePath, bytes) {
  return page.evaluate(
    async ([path, numbers]) => {
      const [{ ask }, { state }] = await Promise.all([
        import("/web/session.js"),
        import("/web/state.js"),
      ]);
      const data = Uint8Array.from(numbers);
      await ask("file:upload", { projectId: state.project.id, filePath: path, data, overwrite: true });
    },
    [filePath, [...bytes]],
  );
}

test("an image is shown, and what is no text can be had", async () => {
  const [ada, bob] = await two("Images", "notes.txt");
  await send(bob, "logo.png", PNG);
  await button(ada, "logo.png").click();
  await ada.getByText("PNG image, 4 × 2 pixels").waitFor();
  assert.equal(await button(ada, "Edit alone").count(), 0);
  // It is drawn anew when it is another one.
  await send(bob, "logo.png", PNG.subarray(0, 40));
  expectErrors(/ERR_|decode/);
  await ada.getByText("This is not a whole PNG image.").waitFor();
  await send(bob, "data.bin", [0, 255, 1]);
  await button(ada, "data.bin").click();
  await ada.getByText("Binary file, 3 bytes").waitFor();
  const [download] = await Promise.all([
    ada.waitForEvent("download"),
    button(ada, "Download").click(),
  ]);
  assert.equal(download.suggestedFilename(), "data.bin");
  assert.deepEqual([...(await readFile(await download.path()))], [0, 255, 1]);
  // Whoever types into a text that becomes an image has what the server had not; and back again.
  await button(bob, "notes.txt").click();
  await text(bob).click();
  await bob.keyboard.type("typed");
  await saved(bob).waitFor();
  await send(ada, "notes.txt", PNG);
  await bob.getByText("PNG image, 4 × 2 pixels").waitFor();
  await send(ada, "notes.txt", Buffer.from("words"));
  await text(bob).waitFor();
  await linesAre(bob, ["words"]);
  // After an outage it is what it is by then.
  await goOffline(bob);
  await send(ada, "notes.txt", PNG);
  await comeOnline(bob);
  await bob.getByText("PNG image, 4 × 2 pixels").waitFor();
});

const made = (name, content) => ({ name, mimeType: "", buffer: Buffer.from(content) });

/** Choose files, {name, mimeType, buffer} each, in the window that the menu opens. */
async function upload(page, files) {
  await button(page, "Upload").click();
  const [window] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("menuitem", { name: "Files…" }).click(),
  ]);
  await window.setFiles(files);
}

/** Drop files on a line of the tree, or on the tree itself. */
function drop(page, selector, files) {
  return page.locator(selector).evaluate((element, all) => {
    const dataTransfer = new DataTransfer();
    for (const [name, content] of all) dataTransfer.items.add(new File([content], name));
    for (const kind of ["dragover", "drop"]) {
      element.dispatchEvent(
        new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }),
      );
    }
  }, files);
}

test("thousands of files are dropped, and cancelled at once", async () => {
  const [ada, bob] = await two("Cancelled", "docs/notes.txt");
  const many = Array.from({ length: 2_000 }, (_, number) => [`many-${number}.txt`, `${number}`]);
  // Whether something is there already is looked up, and not sought among all files for each one.
  await ada.evaluate(async () => {
    const { change } = await import("/web/project.js");
    const { state } = await import("/web/state.js");
    class Counting extends Map {
      *keys() {
        for (const path of super.keys()) {
          window.sought += 1;
          yield path;
        }
      }
    }
    window.sought = 0;
    change({ files: new Counting(state.project.files) });
  });
  await drop(ada, '.tree [data-path="docs"]', many);
  const panel = ada.getByRole("region", { name: "Uploads" });
  await panel.getByText(/^[1-9]\d* of 2000 files, /).waitFor();
  await panel.getByText("more", { exact: false }).waitFor();
  await button(ada, "Cancel all").click();
  assert.ok((await ada.evaluate(() => window.sought)) <= 10);
  await panel.waitFor({ state: "detached" });
  // Those that are there stay, for everybody, and nothing comes after them.
  const count = (page) =>
    page.evaluate(async () => (await import("/web/state.js")).state.project.files.size);
  const there = await count(ada);
  assert.ok(there > 1 && there < 2_000, `${there} files`);
  await ada.getByText(there === 2 ? /is uploaded$/ : `${there - 1} files are uploaded`).waitFor();
  await bob.reload();
  await button(bob, "notes.txt").waitFor();
  assert.equal(await count(bob), there);
  assert.equal(await count(ada), there);
  // The next ones go their way.
  await drop(ada, '.tree [data-path="docs"]', [["last.txt", "last"]]);
  await ada.getByLabel("File docs/last.txt").waitFor();
});

test("whoever signs out leaves nothing to the next one on the same tab", async () => {
  const tab = await withProject("ada", "Left", "docs/notes.txt");
  const many = Array.from({ length: 2_000 }, (_, number) => [`many-${number}.txt`, `${number}`]);
  await drop(tab, '.tree [data-path="docs"]', many);
  await tab.getByRole("region", { name: "Uploads" }).getByText(/^[1-9]\d* of 2000 files, /).waitFor();
  await tab.getByRole("tab", { name: "Versions" }).click();
  // Of two files that are on their way the bytes are read only after the user has gone.
  await tab.evaluate(async () => {
    const { arrayBuffer } = Blob.prototype;
    window.reading = 0;
    const goesOn = new Promise((resolve) => (window.goOn = resolve));
    Blob.prototype.arrayBuffer = async function () {
      window.reading += 1;
      await goesOn;
      return arrayBuffer.call(this);
    };
  });
  await tab.waitForFunction(() => window.reading === 2);
  await button(tab, "Sign out ada").click();
  await tab.getByLabel("Your name").waitFor();
  await tab.evaluate(async () => {
    window.goOn();
    const { ask } = await import("/web/session.js");
    ask("file:upload").catch(({ name }) => (window.refused = name));
  });
  assert.equal(await tab.evaluate(() => window.refused), "NoAnswer");
  await tab.getByLabel("Your name").fill("bob");
  await button(tab, "Come in").click();
  await button(tab, "New project").waitFor();
  const left = await tab.evaluate(async () => {
    const { ask } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    for (let trips = 0; trips < 3; trips++) await ask("test:ping");
    const { uploads, side, projects, packets } = state;
    const heard = packets.some(({ data }) => /"Left"|file:upload/.test(data));
    return { uploads, side, heard, named: projects.map(({ name }) => name) };
  });
  assert.ok(!left.named.includes("Left"));
  assert.deepEqual({ ...left, named: [] }, { uploads: null, side: "assistant", heard: false, named: [] });
});

test("files are uploaded, and what is there is asked about", async () => {
  const [ada, bob] = await two("Uploads", "docs/notes.txt");
  await upload(ada, [made("one.txt", "one"), made("logo.png", PNG)]);
  await ada.getByText("2 files are uploaded").waitFor();
  await button(bob, "logo.png").click();
  await bob.getByText("PNG image, 4 × 2 pixels").waitFor();
  // On a folder, and on a file of it: both are put there.
  await drop(ada, '.tree [data-path="docs"]', [["two.txt", "two"]]);
  await ada.getByLabel("File docs/two.txt").waitFor();
  await linesAre(ada, ["two"]);
  await drop(ada, '.tree [data-path="docs/two.txt"]', [
    ["notes.txt", "other notes"],
    ["two.txt", "zwei"],
    ["three.txt", "three"],
  ]);
  const dialog = ada.getByRole("dialog");
  await dialog.getByText("docs/notes.txt is there already").waitFor();
  await dialog.getByRole("button", { name: "Keep both" }).click();
  await dialog.getByText("docs/two.txt is there already").waitFor();
  await dialog.getByRole("button", { name: "Replace" }).click();
  await ada.getByText("3 files are uploaded").waitFor();
  // It is edited together: what is replaced is a change like any other.
  await ada.getByText("zwei").waitFor();
  await button(ada, "three.txt").waitFor();
  const names = ["notes copy.txt", "notes.txt", "three.txt", "two.txt"];
  await becomes(() => tree(ada), ["docs", ...names, "logo.png", "one.txt"]);
  await drop(
    ada,
    ".lines",
    ["one.txt", "logo.png"].map((name) => [name, "skipped"]),
  );
  await dialog.getByLabel("Do the same for 1 more").check();
  await dialog.getByRole("button", { name: "Skip" }).click();
  await dialog.waitFor({ state: "detached" });
  await ada.getByLabel("Uploads").waitFor({ state: "detached" });
  await button(ada, "one.txt").click();
  await ada.getByText("one", { exact: true }).waitFor();
});

test("an upload waits while one is offline, and can be cancelled", async () => {
  const [ada, bob] = await two("Outage", "notes.txt");
  const large = Buffer.alloc(2_000_000, 0xff);
  // It breaks after the first part.
  await alter(ada, async () => {
    const { socket } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    const emit = socket.emit;
    let parts = 0;
    socket.emit = function (...args) {
      emit.apply(this, args);
      if (args[0] !== "file:upload" || ++parts !== 2) return this;
      socket.io.reconnection(false);
      socket.io.engine.close();
      return this;
    };
    globalThis.ofUploads = () => state.uploads.items.map(({ path, status }) => `${path} ${status}`);
  });
  await upload(ada, [
    made("large.bin", large),
    ...["b", "c"].map((name) => made(`${name}.txt`, name)),
    made("huge.bin", Buffer.alloc(5_000_001)),
  ]);
  const panel = ada.getByLabel("Uploads");
  await panel.getByText("Offline: it goes on by itself.").waitFor();
  await panel.getByText("It is larger than 5 MB").waitFor();
  await panel.getByRole("button", { name: "Cancel c.txt" }).click();
  await comeOnline(ada);
  await panel.getByText("2 of 4 files").waitFor();
  const ended = ["large.bin done", "b.txt done", "c.txt cancelled", "huge.bin failed"];
  assert.deepEqual(await ada.evaluate(() => globalThis.ofUploads()), ended);
  await button(bob, "large.bin").click();
  await bob.getByText("Binary file, 2.0 MB").waitFor();
  await becomes(() => tree(bob), ["b.txt", "large.bin", "notes.txt"]);
  await panel.getByRole("button", { name: "Close the list of uploads" }).click();
});

test("thousands of files come at a pace, while others type", async () => {
  const [ada, bob] = await two("Many", "notes.txt");
  const count = 150;
  await drop(
    ada,
    ".lines",
    Array.from({ length: count }, (_, number) => [`file${number}.txt`, `${number}`]),
  );
  await text(bob).click();
  await bob.keyboard.type("typed meanwhile");
  await saved(bob).waitFor();
  await text(ada).getByText("typed meanwhile").waitFor();
  await ada.getByText(`${count} files are uploaded`).waitFor();
  await bob.waitForFunction(
    async (expected) => (await import("/web/state.js")).state.project.files.size === expected,
    count + 1,
  );
});

test("a folder and the project are downloaded as archives", async () => {
  const [ada, bob] = await two("Archive", "src/a.txt");
  await send(bob, "b ü.txt", Buffer.from("beside"));
  const fetched = async (click) => {
    const [download] = await Promise.all([ada.waitForEvent("download"), click()]);
    const bytes = await readFile(await download.path());
    return [download.suggestedFilename(), bytes];
  };
  const [name, bytes] = await fetched(() => button(ada, "Download all files").click());
  assert.equal(name, "Archive.zip");
  assert.ok(bytes.includes("Archive/src/a.txt") && bytes.includes("Archive/b ü.txt"));
  const [folder, packed] = await fetched(() => choose(ada, "src", "Download as zip"));
  assert.equal(folder, "src.zip");
  assert.ok(packed.includes("src/a.txt") && !packed.includes("b ü.txt"));
  const [file, content] = await fetched(() => choose(ada, "b ü.txt", "Download"));
  assert.deepEqual([file, content.toString()], ["b ü.txt", "beside"]);
});

test("the history of a file is compared, and restored by typing", async () => {
  const [ada, bob] = await two("History", "notes.txt");
  await send(ada, "notes.txt", Buffer.from("one\ntwo\nthree\n"));
  await send(bob, "notes.txt", Buffer.from("one\nTWO\nthree\n"));
  await ada.getByText("TWO").waitFor();
  await button(ada, "History of this file").click();
  const dialog = ada.getByRole("dialog");
  // The last save is what it is now: the one before is compared with that.
  const before = dialog.getByLabel("Before");
  await before.getByText("two").waitFor();
  await dialog.getByLabel("After").getByText("TWO").waitFor();
  assert.equal(await dialog.getByLabel("Saves").getByRole("button").count(), 3);
  await dialog.getByLabel("compared with").selectOption({ index: 1 });
  await dialog.getByRole("button", { name: "Restore" }).click();
  await dialog.waitFor({ state: "detached" });
  await bob.getByText("two", { exact: true }).waitFor();
  await linesAre(ada, ["one", "two", "three", ""]);
  // It is an edit like any other: undone as one.
  await text(ada).click();
  await ada.keyboard.press("Control+z");
  await bob.getByText("TWO").waitFor();
  // An image has a history as well.
  await send(bob, "logo.png", PNG);
  await send(bob, "logo.png", PNG.subarray(0, 60));
  expectErrors(/ERR_|decode/);
  await choose(ada, "logo.png", "History");
  await dialog.getByText("It is no text: ").waitFor();
  await dialog.getByRole("button", { name: "Restore" }).click();
  await dialog.waitFor({ state: "detached" });
  await button(bob, "logo.png").click();
  await bob.getByText("PNG image, 4 × 2 pixels").waitFor();
});
