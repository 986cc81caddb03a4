// Finding one's way: addresses, tabs, quick open, and the search in all files.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test finding.test.mjs; SESSION_URL is a
// server where a session is required, with the user ada and the password "open sesame".

import assert from "node:assert/strict";
import test from "node:test";
import {
  alter,
  becomes,
  breakAtAnswer,
  button,
  comeIn,
  comeOnline,
  goOffline,
  linesAre,
  saved,
  share,
  text,
  visit,
  withProject,
} from "./browser.mjs";

const { URL: url, SESSION_URL: sessionUrl } = process.env;
const APP = "src/components/App.jsx";

const file = (page, path) => page.getByLabel(`File ${path}`, { exact: true });

async function make(page, path) {
  await button(page, "New file").click();
  await page.getByLabel("Path of the new file").fill(path);
  await page.keyboard.press("Enter");
  await file(page, path).waitFor();
}

/** Wait until the address ends like this. */
const at = (page, ending) =>
  page.waitForURL((address) => address.href.endsWith(ending), { waitUntil: "commit" });

/** Wait until the caret is in this line, from 1. */
const caretIn = (page, line) =>
  page.locator(`.cm-lineNumbers .cm-activeLineGutter >> text="${line}"`).waitFor();

const numbered = (count) => Array.from({ length: count }, (_, index) => `line ${index + 1}`).join("\n");

test("a double click is one, and so is a second Enter", async () => {
  const ada = await comeIn("ada");
  await button(ada, "New project").dblclick();
  await ada.getByLabel("Name", { exact: true }).fill("Twice");
  await button(ada, "Create").dblclick();
  await button(ada, "New file").click();
  await ada.getByLabel("Path of the new file").fill("notes.txt");
  await ada.keyboard.press("Enter");
  await ada.keyboard.press("Enter");
  await text(ada).waitFor();
  const sent = await ada.evaluate(async () => {
    const { state } = await import("/web/state.js");
    return state.packets
      .filter(({ direction, data }) => direction === "out" && typeof data === "string")
      .map(({ data }) => /^2\d*\["(project:create|file:change)/.exec(data)?.[1])
      .filter(Boolean);
  });
  assert.deepEqual(sent, ["project:create", "file:change"]);
});

test("what was made is not made again where the answer was lost", async () => {
  const carol = await comeIn("carol");
  await button(carol, "New project").click();
  await carol.getByLabel("Name", { exact: true }).fill("Worst moment");
  await breakAtAnswer(carol, "project:create");
  await button(carol, "Create").click();
  await button(carol, "New file").waitFor();
  await carol.getByRole("tab", { name: "Versions" }).click();
  const name = carol.getByLabel("Name of the version");
  await name.fill("Once");
  await breakAtAnswer(carol, "version:create");
  await button(carol, "Take").click();
  await becomes(() => name.inputValue(), "");
  assert.equal(await button(carol, "Compare").count(), 1);
  // The answer is lost twice, and then one does it by hand.
  await button(carol, "All projects").click();
  await button(carol, "New project").click();
  await carol.getByLabel("Name", { exact: true }).fill("Still worse");
  await breakAtAnswer(carol, "project:create", 2);
  await button(carol, "Create").click();
  await carol.getByText("The server did not answer").waitFor();
  await button(carol, "Create").click();
  await button(carol, "New file").waitFor();
  await button(carol, "All projects").click();
  const projects = carol.getByRole("main").getByRole("strong");
  await becomes(async () => (await projects.allTextContents()).sort(), [
    "Still worse",
    "Todo list",
    "Worst moment",
  ]);
});

test("back and forward go from file to file, and to the line where one was", async () => {
  const ada = await withProject("ada", "Back", "a b/one:1.txt");
  await text(ada).click();
  await ada.keyboard.insertText(numbered(90));
  await at(ada, "/a%20b/one%3A1.txt:90");
  await ada.locator(".cm-lineNumbers").getByText("80", { exact: true }).click();
  await at(ada, "/a%20b/one%3A1.txt:80");
  await make(ada, "two.txt");
  await at(ada, "/two.txt");
  await text(ada).click();
  await ada.keyboard.insertText("first\nsecond");
  await at(ada, "/two.txt:2");
  await ada.goBack();
  await file(ada, "a b/one:1.txt").waitFor();
  await caretIn(ada, 80);
  await ada.getByText("line 80", { exact: true }).waitFor();
  await ada.goForward();
  await file(ada, "two.txt").waitFor();
  await caretIn(ada, 2);
  await ada.reload();
  await file(ada, "two.txt").waitFor();
  await caretIn(ada, 2);
  // What is closed is an address too: that of the project.
  await button(ada, "Close one:1.txt").click();
  await button(ada, "Close the file").click();
  await ada.getByText("Choose a file to read it.").waitFor();
  await ada.goBack();
  await file(ada, "two.txt").waitFor();
});

test("an address that somebody has just gone to is not written over", async () => {
  const ada = await withProject("ada", "Race", "one.txt");
  await text(ada).click();
  await ada.keyboard.insertText("first\nsecond");
  await make(ada, "two.txt");
  await at(ada, "/two.txt");
  // The browser tells of it in a task of its own. Before that the page has something to write.
  const gone = await ada.evaluate(async () => {
    const { writeAddress } = await import("/web/route.js");
    const { alterOpen } = await import("/web/state.js");
    alterOpen({ target: { line: 1 } });
    location.hash = location.hash.replace("two.txt", "one.txt:2");
    writeAddress();
    return location.hash;
  });
  assert.match(gone, /one\.txt:2$/);
  await file(ada, "one.txt").waitFor();
  await caretIn(ada, 2);
  // So it has when a caret has rested for 300 milliseconds.
  await ada.waitForFunction(() => location.hash.endsWith("one.txt:2"));
  const left = await ada.evaluate(async () => {
    const { liveEditorOf } = await import("/web/live_editor.js");
    const { setTimeout } = window;
    const rested = [];
    window.setTimeout = (work, milliseconds) => {
      if (milliseconds === 300) rested.push(work);
      else setTimeout(work, milliseconds);
    };
    liveEditorOf("one.txt").dispatch({ selection: { anchor: 0 } });
    window.setTimeout = setTimeout;
    location.hash = location.hash.replace("one.txt:2", "two.txt");
    for (const work of rested) work();
    return [rested.length, location.hash];
  });
  assert.equal(left[0], 1);
  assert.match(left[1], /two\.txt$/);
  await file(ada, "two.txt").waitFor();
});

test("a link to a line is copied, and opened by somebody who has to sign in first", async () => {
  const ada = await comeIn("user-456", `project-123/${APP}:3`);
  await caretIn(ada, 3);
  await alter(ada, () => {
    navigator.clipboard.writeText = async (copied) => (window.copied = copied);
  });
  await button(ada, "Copy link to line").click();
  await ada.getByText("The link to line 3 of App.jsx is copied").waitFor();
  const link = await ada.evaluate(() => window.copied);
  assert.equal(link, `${url}/#project-123/${APP}:3`);
  await button(ada, "Actions for App.jsx").click();
  await ada.getByRole("menuitem", { name: "Copy link" }).click();
  await ada.getByText("The link to App.jsx is copied").waitFor();
  assert.equal(await ada.evaluate(() => window.copied), `${url}/#project-123/${APP}`);

  const bob = await visit(link.replace(url, sessionUrl));
  for (const password of ["wrong password", "open sesame"]) {
    await bob.getByLabel("User").fill("ada");
    await bob.getByLabel("Password").fill(password);
    await button(bob, "Come in").click();
    if (password === "wrong password") await bob.getByRole("alert").waitFor();
  }
  await file(bob, APP).waitFor();
  await caretIn(bob, 3);
});

test("an address of what is renamed, deleted or not shared says so", async () => {
  const bob = await comeIn("bob");
  const ada = await withProject("ada", "Gone", "src/one.txt");
  await make(ada, "two.txt");
  const project = new URL(ada.url()).hash.split("/")[0];
  const go = (page, path) => page.evaluate((hash) => (location.hash = hash), `${project}/${path}`);
  await button(ada, "Actions for src").click();
  await ada.getByRole("menuitem", { name: "Rename…" }).click();
  await ada.getByLabel("New name of src").fill("lib");
  await ada.keyboard.press("Enter");
  await button(ada, "lib").waitFor();
  await go(ada, "src/one.txt");
  await ada.getByText("src/one.txt is lib/one.txt now").waitFor();
  await file(ada, "lib/one.txt").waitFor();
  await at(ada, `${project}/lib/one.txt`);

  // So it is for whoever was not there. Of what never was there files of the same name are shown.
  await share(ada, "bob", "editor");
  await go(bob, "src/one.txt");
  await bob.getByText("src/one.txt is lib/one.txt now").waitFor();
  await file(bob, "lib/one.txt").waitFor();
  await at(bob, `${project}/lib/one.txt`);
  await go(bob, "src/2/one.txt:2");
  await bob.getByText("There is no file src/2/one.txt in this project.").waitFor();
  await at(bob, "/src/2/one.txt:2");
  await button(bob, "lib/one.txt").click();
  await file(bob, "lib/one.txt").waitFor();

  await button(ada, "Actions for two.txt").click();
  await ada.getByRole("menuitem", { name: "Delete" }).click();
  await button(ada, "two.txt").waitFor({ state: "detached" });
  await go(bob, "two.txt");
  await bob.getByText("It was deleted by ada just now.").waitFor();
  await button(bob, "Restore two.txt").click();
  await file(bob, "two.txt").waitFor();
  await go(bob, "../%2e%2e/%zz:9");
  await bob.locator(".toast.problem").waitFor();

  const eve = await comeIn("eve", `${project.slice(1)}/two.txt:7`);
  await eve.locator(".toast.problem").getByText("no such project").waitFor();
  // The link is still there, for whoever has signed in under another name.
  await at(eve, "/two.txt:7");
});

/** The names in the tabs, that of the shown one in brackets. */
const tabs = (page) =>
  page
    .locator(".file-tabs [role=tab]")
    .evaluateAll((found) =>
      found.map((tab) => {
        const name = tab.querySelector(".name").textContent;
        return tab.ariaSelected === "true" ? `[${name}]` : name;
      }),
    );

/** Wait until the tabs are these. */
const tabsAre = (page, expected) =>
  becomes(() => tabs(page).then((names) => names.join(" ")), expected);

test("tabs keep their order, what is typed and what can be undone, and are remembered", async () => {
  const ada = await withProject("ada", "Tabs", "a.txt");
  const { keyboard } = ada;
  await text(ada).click();
  await keyboard.insertText(numbered(50));
  await saved(ada).waitFor();
  await make(ada, "b.txt");
  await make(ada, "c.txt");
  await tabsAre(ada, "a.txt b.txt [c.txt]");
  await ada.getByRole("tab", { name: "a.txt" }).click();
  await caretIn(ada, 50);
  // A new one comes beside the one that is shown.
  await make(ada, "d.txt");
  await tabsAre(ada, "a.txt [d.txt] b.txt c.txt");
  await keyboard.press("Alt+Shift+PageDown");
  await tabsAre(ada, "a.txt b.txt [d.txt] c.txt");
  await keyboard.press("Alt+PageUp");
  await tabsAre(ada, "a.txt [b.txt] d.txt c.txt");
  await ada.getByRole("tab", { name: "c.txt" }).dragTo(ada.getByRole("tab", { name: "a.txt" }));
  await tabsAre(ada, "c.txt a.txt [b.txt] d.txt");
  await ada.getByRole("tab", { name: "d.txt" }).click({ button: "middle" });
  await keyboard.press("Alt+w");
  await tabsAre(ada, "c.txt [a.txt]");
  await keyboard.press("Alt+Shift+T");
  await tabsAre(ada, "c.txt a.txt [b.txt]");
  await ada.getByRole("tab", { name: "c.txt" }).focus();
  await keyboard.press("Delete");
  await tabsAre(ada, "a.txt [b.txt]");

  // Without a connection tabs go on as well.
  await goOffline(ada);
  await text(ada).click();
  await keyboard.type("offline");
  await ada.getByText("Offline: 7 changes wait").waitFor();
  await ada.getByRole("tab", { name: "a.txt" }).click();
  await ada.getByRole("tab", { name: "b.txt waits for a connection" }).waitFor();
  await text(ada).click();
  await keyboard.press("Control+z");
  await linesAre(ada, [""]);
  await comeOnline(ada);
  for (const path of ["a.txt", "b.txt"]) {
    await ada.locator(`[data-path="${path}"] .mark`).waitFor({ state: "detached" });
  }
  await ada.getByRole("tab", { name: "b.txt" }).click();
  await saved(ada).waitFor();
  await tabsAre(ada, "a.txt [b.txt]");
  await ada.reload();
  await tabsAre(ada, "a.txt [b.txt]");
  await linesAre(ada, ["offline"]);
  await button(ada, "All projects").click();
  await ada.getByRole("button", { name: "Tabs" }).click();
  await tabsAre(ada, "a.txt [b.txt]");
  await at(ada, "/b.txt");
});

test("tabs follow what becomes of their files, and a phone lists them", async () => {
  const ada = await withProject("ada", "Followed", "src/a.txt");
  await make(ada, "src/b.txt");
  const context = { viewport: { width: 390, height: 780 } };
  const phone = await comeIn("ada", new URL(ada.url()).hash.slice(1), context);
  await file(phone, "src/b.txt").waitFor();
  await button(ada, "Actions for src").click();
  await ada.getByRole("menuitem", { name: "Rename…" }).click();
  await ada.getByLabel("New name of src").fill("lib");
  await ada.keyboard.press("Enter");
  await file(ada, "lib/b.txt").waitFor();
  await ada.getByRole("tab", { name: "a.txt" }).click();
  await file(ada, "lib/a.txt").waitFor();
  await button(phone, "1 open").click();
  await phone.getByRole("menuitem", { name: "lib/b.txt" }).waitFor();
  await phone.keyboard.press("Escape");
  // A deleted one that is not shown goes; one that is shown stays with its text.
  for (const name of ["a.txt", "b.txt"]) {
    await phone.evaluate(async (filePath) => {
      const { ask } = await import("/web/session.js");
      const { state } = await import("/web/state.js");
      await ask("file:delete", { projectId: state.project.id, filePath });
    }, `lib/${name}`);
  }
  await ada.getByText("lib/a.txt was deleted.").waitFor();
  await tabsAre(ada, "[a.txt]");
  await ada.getByTitle("lib/a.txt was deleted").waitFor();
  await button(ada, "Dismiss").click();
  await ada.getByText("Choose a file to read it.").waitFor();
  await tabsAre(ada, "");
  // A long name makes no pane wider.
  await phone.getByLabel("Panes").getByRole("button", { name: "Files" }).click();
  await make(phone, `${"long".repeat(50)}.txt`);
  await phone.getByLabel("Panes").getByRole("button", { name: "Assistant" }).click();
  await phone.getByText("With long").waitFor();
  assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 390);
});

test("quick open: letters of a path, a line, and what was open last", async () => {
  const ada = await withProject("ada", "Quick", "src/components/App.jsx");
  const { keyboard } = ada;
  await text(ada).click();
  await keyboard.insertText(numbered(40));
  await make(ada, "src/application.py");
  await make(ada, "docs/apples.md");
  const field = ada.getByLabel("File to open");
  const chosen = ada.locator("[role=option][aria-selected=true]");
  const quick = async (typed) => {
    await keyboard.press("Control+p");
    await field.waitFor();
    await keyboard.type(typed);
  };
  await quick("");
  // Not the one that is open.
  assert.deepEqual(await ada.locator("[role=option] .name").allTextContents(), [
    "application.py",
    "App.jsx",
  ]);
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await file(ada, "src/components/App.jsx").waitFor();
  await quick("scajx:12");
  await chosen.getByText("App.jsx").waitFor();
  await keyboard.press("Enter");
  await caretIn(ada, 12);
  await at(ada, "App.jsx:12");
  await quick(":30");
  await ada.getByText("Go to line 30 of src/components/App.jsx").waitFor();
  await keyboard.press("Enter");
  await caretIn(ada, 30);
  await ada.goBack();
  await caretIn(ada, 12);
  await quick("<b>nothing");
  await ada.getByText("No path has these letters in this order.").waitFor();
  await keyboard.press("Enter");
  await file(ada, "src/components/App.jsx").waitFor();
  await quick("doc apple");
  await keyboard.press("Escape");
  await field.waitFor({ state: "detached" });
  await quick("doc apple");
  await keyboard.press("Enter");
  await file(ada, "docs/apples.md").waitFor();
  // Who does not wait for it types into it all the same, and not into the file.
  await text(ada).click();
  await keyboard.press("Control+p");
  await keyboard.type("scajx");
  await chosen.getByText("App.jsx").waitFor();
  assert.equal(await field.inputValue(), "scajx");
  await linesAre(ada, [""]);
  await keyboard.press("Enter");
  await file(ada, "src/components/App.jsx").waitFor();
});

test("search in all files, and replace what is chosen", async () => {
  const bob = await comeIn("bob");
  const ada = await withProject("ada", "Search", "src/one.js");
  const { keyboard } = ada;
  const type = async (page, words) => {
    await text(page).click();
    await page.keyboard.insertText(words);
  };
  await type(ada, "const Needle = 1;\nneedle(Needle);");
  await make(ada, "src/two.js");
  await type(ada, "a needle\n".repeat(3));
  await make(ada, "three.md");
  await type(ada, "needles");
  await share(ada, "bob", "editor");
  await bob.evaluate((hash) => (location.hash = hash), new URL(ada.url()).hash);
  await text(bob).waitFor();
  await type(bob, "unsaved needle, ");

  await keyboard.press("Control+Shift+f");
  await keyboard.type("needle");
  await ada.getByText("8 hits in 3 files.").waitFor();
  await button(ada, "Whole words").click();
  await ada.getByText("7 hits in 3 files.").waitFor();
  await button(ada, "Match case").click();
  await ada.getByText("5 hits in 3 files.").waitFor();
  // With the keyboard to a hit, and into its file.
  await ada.getByLabel("Search in all files", { exact: true }).focus();
  for (const key of ["ArrowDown", "ArrowDown", "Enter"]) await keyboard.press(key);
  await file(ada, "src/one.js").waitFor();
  await caretIn(ada, 2);

  await button(ada, "Which files").click();
  await ada.getByLabel("Only in, such as src, *.js").fill("src, *.txt");
  await ada.getByText("4 hits in 2 files.").waitFor();
  await button(ada, "Replace").click();
  await ada.getByLabel("Replace by").fill("thread");
  await ada.locator(".hits ins").first().waitFor();
  await ada.getByLabel("Replace in line 2").last().uncheck();
  await button(ada, "Replace 3 hits").click();
  await ada.getByText("Replaced 3 hits in 2 files.").waitFor();
  await linesAre(ada, ["const Needle = 1;", "thread(Needle);"]);
  await ada.getByRole("tab", { name: "Versions" }).click();
  await ada.getByText("Before replacing “needle”").waitFor();
  await ada.getByRole("tab", { name: "two.js" }).click();
  await file(ada, "src/two.js").waitFor();
  await linesAre(ada, ["a thread", "a needle", "a thread", ""]);
  // What was changed since stays as it is.
  await text(ada).press("Control+Home");
  await keyboard.type("x");
  await keyboard.press("Control+End");
  await button(ada, "Put it back").click();
  await ada.getByText("Put back 2 hits in 2 files. 1 hit had changed meanwhile, and stayed.").waitFor();
  await ada.getByRole("tab", { name: "one.js" }).click();
  await linesAre(ada, ["const Needle = 1;", "needle(Needle);"]);

  await button(ada, "Regular expression").click();
  await ada.getByLabel("Search in all files", { exact: true }).fill("(needle");
  await ada.getByText(/^The text to search for is no regular expression: missing \)/).waitFor();
  await ada.getByLabel("Search in all files", { exact: true }).fill("");
  await ada.getByText("What you and others are typing is found, too.").waitFor();
  await button(ada, "Back to the files").click();
  await button(ada, "New file").waitFor();
});

test("a key in a file of a megabyte sends its change, and not the file", async () => {
  const bob = await comeIn("bob");
  const ada = await withProject("ada", "Long", "notes.txt");
  await share(ada, "bob", "editor");
  await ada.evaluate(async () => {
    const { createWith } = await import("/web/file_actions.js");
    await createWith("long.txt", "0123456789abcde\n".repeat(62_500));
  });
  await file(ada, "long.txt").waitFor();
  await bob.evaluate((hash) => (location.hash = hash), new URL(ada.url()).hash);
  await text(bob).getByText("0123456789abcde").first().waitFor();
  const count = (page) =>
    alter(page, async () => {
      const { socket } = await import("/web/session.js");
      const { ws } = socket.io.engine.transport;
      const send = ws.send.bind(ws);
      window.bytes = 0;
      ws.send = (data) => {
        window.bytes += data.length ?? data.byteLength;
        send(data);
      };
      ws.addEventListener("message", ({ data }) => (window.bytes += data.length ?? data.byteLength));
    });
  for (const page of [ada, bob]) await count(page);
  await text(ada).click();
  await ada.keyboard.press("Control+Home");
  await ada.keyboard.type("é");
  await saved(ada).waitFor();
  // Behind the letter is the caret of ada, with her name.
  await text(bob).getByText(/^é/).first().waitFor();
  const bytes = await Promise.all([ada, bob].map((page) => page.evaluate(() => window.bytes)));
  // The edit and what is heard of it, where the caret is, and the news of the save.
  assert.ok(Math.max(...bytes) < 4_000, `got ${bytes} bytes`);
});
