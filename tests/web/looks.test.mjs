// Every view of the page in both themes: each text can be read (contrast.mjs). The server's assistant
// says what it is told to: echoing.py. With LOOKS=1 a picture of each view is in screenshots/ after it,
// to be looked at: these take half of the time.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test looks.test.mjs

import assert from "node:assert/strict";
import test from "node:test";
import { button, goOffline, text, visit } from "./browser.mjs";
import { unreadable } from "./contrast.mjs";

const { URL: url, LOOKS: withPictures } = process.env;
// Four pixels by two.
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAYAAAB/qH1jAAAAF0lEQVR4nGM4ISf3H4Tl5E40gDADugAA8wQOHbn7xAsAAAAASUVORK5CYII=",
  "base64",
);
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 780 };
const ANSWER = `A heading of **bold** and \`code\`, see https://example.com/x

| a | b |
|---|---|
| c | d |

\`\`\`js
// A comment
const answer = 42; function name(one) { return "text" + /re/.test(one); }
\`\`\`

\`\`\`one.js
<<<<<<< SEARCH
const one = 1;
=======
const one = 2;
>>>>>>> REPLACE
\`\`\`

\`\`\`one.js
<<<<<<< SEARCH
nowhere
=======
x
>>>>>>> REPLACE
\`\`\`
`;
const CODE = `// A comment
import { a } from "b";
const one = 1;
class Name extends Other { field = /re/; method(x) { return \`\${x}\` + null + this.x; } }
`;

/** Put something into the page's state, where the way to it by hand would be long. */
const put = (page, changes) =>
  page.evaluate(async (given) => (await import("/web/state.js")).update(given), changes);

/** Wait until the page shows its state. */
const drawn = (page) =>
  page.evaluate(async () => {
    for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
  });

async function toasts(page) {
  await page.evaluate(async () => {
    const { toast } = await import("/web/state.js");
    toast("Something has happened");
    toast("Something went wrong", "problem");
    toast("It is in the bin", "news", { name: "Undo", run() {} });
    toast("It went wrong, and can be mended", "problem", { name: "Again", run() {} });
  });
  await button(page, "Again").waitFor();
}

/** What others have said, to oneself among them, and what one has said. */
async function talk(page) {
  await page.evaluate(async () => {
    const { change } = await import("/web/project.js");
    const { state } = await import("/web/state.js");
    const createdAt = "2026-01-02T03:04:05.678Z";
    const bob = { id: "bob", name: "bob" };
    const place = { filePath: "src/one.js", line: 2 };
    const messages = [
      { id: "1", user: bob, content: "Look at **this** `code`, @ada", mentions: [state.user], place },
      { id: "2", user: bob, content: "- one\n- two\n\nhttps://example.com/x" },
      { id: "3", user: state.user, content: "I do", place },
    ];
    const told = messages.map((one) => ({ ...one, createdAt, projectId: state.project.id }));
    change({ talk: { messages: told, older: "1", unread: 0 } });
  });
}

/** Somebody asks for the open file, which one edits alone; and another file is kept by somebody. */
async function asking(page) {
  await button(page, "Edit alone").click();
  await button(page, "Edit together").waitFor();
  await page.evaluate(async () => {
    const { state, update } = await import("/web/state.js");
    const bob = { id: "bob", name: "bob" };
    const { path: filePath, lock } = state.open;
    const request = { id: "r", projectId: state.project.id, filePath, user: bob, holder: lock.user };
    update({ asks: new Map([["r", request]]) });
  });
  await button(page, "Hand over").waitFor();
}

/** What is being uploaded, in each state that a file can be in. */
function uploads(page, more) {
  return page.evaluate(async (given) => {
    const { update } = await import("/web/state.js");
    const file = new File(["x".repeat(40_000)], "one");
    const item = { file, sent: 0, problem: "", status: "waiting" };
    const states = [
      { path: "pictures/a rather long name of a picture that was taken.png", status: "sending", sent: 9e3 },
      { path: "film.mp4", status: "failed", problem: "It is larger than 5 MB" },
      { path: "notes.txt" },
      { path: "other.txt", status: "cancelled" },
      { path: "last.txt", status: "done", sent: 40_000 },
    ];
    const items = states.map((one, id) => ({ ...item, id, ...one }));
    const leftOut = ["pictures/.git"];
    update({ uploads: { projectId: "p", items, leftOut, question: null, isOver: false, ...given } });
  }, more);
}

const closeDialog = (page) => page.getByRole("button", { name: "Close", exact: true }).click();

test("every text can be read in both themes", async () => {
  const page = await visit(url);
  const faults = new Map();
  const look = async (view) => {
    await drawn(page);
    // The theme is only another set of colours: no view has to be reached twice.
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      if (withPictures) {
        const path = new URL(`screenshots/${colorScheme}-${view}.png`, import.meta.url).pathname;
        await page.screenshot({ path, animations: "disabled" });
      }
      for (const fault of await unreadable(page)) {
        if (!faults.has(fault)) faults.set(fault, `${colorScheme}, ${view}: ${fault}`);
      }
    }
  };

  await page.getByLabel("Your name").waitFor();
  await look("sign-in");
  await button(page, "Use a password instead").click();
  await page.getByLabel("User").fill("nobody");
  await page.getByLabel("Password").fill("wrong password");
  await button(page, "Come in").click();
  await page.getByRole("alert").waitFor();
  await toasts(page);
  await look("sign-in-refused");
  await put(page, { toasts: [] });
  await button(page, "Come in with a name only").click();
  await page.getByLabel("Your name").fill("ada");
  await button(page, "Come in").click();
  await button(page, "New project").waitFor();
  await look("projects");
  await button(page, "New project").click();
  await page.getByLabel("Name", { exact: true }).fill("Looks");
  await look("new-project");
  await button(page, "Create").click();
  await page.getByText("No files yet.").waitFor();
  await look("empty-project");

  await button(page, "New file").click();
  await page.getByLabel("Path of the new file").fill("one.js");
  await look("new-file");
  await page.keyboard.press("Enter");
  await text(page).click();
  await page.keyboard.insertText(CODE);
  await page.getByText("Saved", { exact: true }).waitFor();
  await look("file");
  await page.keyboard.press("Control+f");
  await page.locator(".cm-search").getByLabel("Find").fill("one");
  await look("search");
  await page.keyboard.press("Escape");
  await page.getByRole("treeitem").or(page.locator(".file")).first().click({ button: "right" });
  await page.locator(".menu").waitFor();
  const { width } = await page.locator(".menu").boundingBox();
  assert.ok(width < 320, `the menu is ${width} pixels wide`);
  await look("menu");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Shift+f");
  await button(page, "Replace").click();
  await button(page, "Which files").click();
  await page.getByLabel("Replace by").fill("two");
  await page.getByLabel("Search in all files", { exact: true }).fill("one");
  await page.locator(".hits ins").waitFor();
  await page.evaluate(async () => {
    const { state, update } = await import("/web/state.js");
    const report = { text: "Replaced 3 hits in 2 files.", failures: ["a.js: ada keeps a.js"], undo: [1] };
    update({ search: { ...state.search, report } });
  });
  await look("search-files");
  await page.setViewportSize(PHONE);
  await put(page, { pane: "files" });
  await look("phone-search");
  await page.setViewportSize(WIDE);
  await button(page, "Back to the files").click();
  await page.keyboard.press("Control+p");
  await page.getByRole("combobox", { name: "File to open" }).fill("oj");
  await page.getByRole("option", { name: "one.js" }).waitFor();
  await look("quick-open");
  await page.keyboard.press("Escape");
  await page.evaluate(() => (location.hash = `${location.hash.split("/")[0]}/src/gone.js:3`));
  await page.getByText("There is no file").waitFor();
  await look("missing-file");
  await page.goBack();
  await text(page).waitFor();

  await page.getByRole("tab", { name: "People" }).click();
  await look("talk-empty");
  await talk(page);
  await page.getByText("I do").waitFor();
  await page.getByLabel("Message to the people").fill("Text that waits @");
  await look("talk");
  await page.getByLabel("Message to the people").fill("");
  await page.getByRole("tab", { name: "Versions" }).click();
  await put(page, { side: "versions" });
  await page.evaluate(async () => {
    const { change } = await import("/web/project.js");
    const { state } = await import("/web/state.js");
    change({ talk: { ...state.project.talk, unread: 100 } });
  });
  await page.getByLabel("Name of the version").fill("First");
  await look("no-versions");
  await button(page, "Take").click();
  await button(page, "Compare").waitFor();
  await page.getByRole("tab", { name: "Assistant" }).click();
  await page.getByLabel("Message to the assistant").fill("fail");
  await page.keyboard.press("Enter");
  await page.locator(".message.problem").waitFor();
  await page.getByLabel("Message to the assistant").fill(`Change it\n${ANSWER}`);
  await page.keyboard.press("Enter");
  const proposal = page.getByRole("group", { name: "Proposal for one.js" });
  await proposal.getByRole("button", { name: "Review" }).waitFor();
  await page.locator(".unfit").waitFor();
  await look("answer");
  await proposal.getByRole("button", { name: "Review" }).click();
  await button(page, "Accept all").waitFor();
  const beside = await page.locator(".review").boundingBox();
  const reject = await page.locator(".cm-chunkButtons").getByText("Reject").boundingBox();
  assert.ok(reject.x + reject.width <= beside.x + beside.width, "a long line hides a button");
  await look("review");
  await button(page, "Accept all").click();
  await proposal.getByText("accepted by you").waitFor();
  await page.getByText("Saved", { exact: true }).waitFor();
  await page.getByRole("tab", { name: "Versions" }).click();
  await button(page, "Compare").first().click();
  await page.getByRole("dialog").getByText("+const one = 2;").waitFor();
  await look("compare");
  await closeDialog(page);

  await button(page, "History of this file").click();
  await page.getByRole("dialog").getByLabel("After").waitFor();
  await look("history");
  await page.setViewportSize(PHONE);
  await look("phone-history");
  await page.setViewportSize(WIDE);
  await closeDialog(page);
  await uploads(page, {});
  await look("uploads");
  await page.setViewportSize(PHONE);
  await look("phone-uploads");
  await page.setViewportSize(WIDE);
  await uploads(page, { isOver: true });
  await look("uploads-over");
  await page.evaluate(async () => {
    const { state, update } = await import("/web/state.js");
    const { items } = state.uploads;
    const question = { item: items[2], more: 3, answer: () => update({ uploads: null }) };
    update({ uploads: { ...state.uploads, isOver: false, question } });
  });
  await page.getByRole("dialog").getByText("notes.txt is there already").waitFor();
  await look("upload-taken");
  await page.getByRole("dialog").getByRole("button", { name: "Skip" }).click();
  for (const [name, bytes, shown] of [
    ["logo.png", [...PNG], "PNG image, 4 × 2 pixels"],
    ["data.bin", [0, 255], "Binary file, 2 bytes"],
  ]) {
    await page.evaluate(
      async ([filePath, numbers]) => {
        const { ask } = await import("/web/session.js");
        const { state } = await import("/web/state.js");
        const data = Uint8Array.from(numbers);
        const { file } = await ask("file:upload", { projectId: state.project.id, filePath, data });
        const { openFile } = await import("/web/file.js");
        const { putFile } = await import("/web/file_list.js");
        putFile(file);
        await openFile(filePath);
      },
      [name, bytes],
    );
    await page.getByText(shown).waitFor();
    await look(`binary-${name.split(".")[1]}`);
  }
  await page.evaluate(async () => (await import("/web/file.js")).openFile("one.js"));
  await text(page).waitFor();

  await page.getByTitle("Settings and members").click();
  await page.getByLabel("User id").fill("user-456");
  await button(page, "Share").click();
  await page.getByRole("dialog").getByRole("listitem").nth(1).waitFor();
  await look("settings");
  await page.getByLabel("User id").fill("nobody");
  await button(page, "Share").click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  await button(page, "Make a link").click();
  await page.getByLabel("The link").waitFor();
  await look("invitation");
  await closeDialog(page);
  await page.evaluate(async () => {
    const { state, update } = await import("/web/state.js");
    const about = { kind: "message", place: { filePath: "src/one.js", line: 2 } };
    const one = { id: "1", title: "bob mentioned you", message: "Look!", isRead: false, about };
    one.projectId = state.project.id;
    const shared = { ...one, title: "Project sharing", about: { kind: "project" } };
    const notices = [one, { ...shared, id: "2", isRead: true }];
    const createdAt = "2026-01-02T03:04:05.678Z";
    update({ notifications: notices.map((notice) => ({ ...notice, createdAt })) });
    // One of each status beside oneself, in all colours that people have.
    for (const [at, status] of ["online", "busy", "away", "offline"].entries()) {
      for (const part of ["a", "b", "c"]) {
        const user = { id: `${status}${part}`, name: `${part}${at} ${status}` };
        state.project.people.set(user.id, { user, status });
      }
    }
    update({});
  });
  await look("people");
  await put(page, { following: { user: { id: "onlinea", name: "a0 online" }, path: "one.js" } });
  await look("following");
  await put(page, { following: null });
  await asking(page);
  await look("asking");
  await page.evaluate(async () => (await import("/web/state.js")).update({ asks: new Map() }));
  await page.getByRole("button", { name: "Notifications, 1 unread" }).click();
  await look("notifications");
  await closeDialog(page);

  await button(page, "Wire").click();
  await page.locator(".wire tbody tr button").last().click();
  await toasts(page);
  await look("wire");
  await button(page, "Wire").click();
  await put(page, { toasts: [] });

  await page.setViewportSize(PHONE);
  await put(page, { dialog: "settings" });
  await look("phone-invitation");
  await closeDialog(page);
  await talk(page);
  for (const pane of ["files", "editor", "assistant", "people", "versions"]) {
    await put(page, pane === "files" || pane === "editor" ? { pane } : { pane, side: pane });
    await look(`phone-${pane}`);
  }
  await page.setViewportSize(WIDE);
  await goOffline(page);
  await put(page, { connection: "connecting" });
  await look("connecting");
  await put(page, { connection: "offline" });
  await toasts(page);
  await look("offline");
  assert.equal(faults.size, 0, [...faults.values()].join("\n"));
});
