// People with people: talking, notifications, following, locks that are asked for, invitations.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test people.test.mjs; SESSION_URL is that
// of a server where a session is required, with the user ada and the password "open sesame".

import assert from "node:assert/strict";
import test from "node:test";
import {
  button,
  comeIn,
  comeOnline,
  goOffline,
  refuse,
  saved,
  share,
  text,
  visit,
  withProject,
} from "./browser.mjs";

const { SESSION_URL: sessionUrl } = process.env;
const tab = (page, name) => page.getByRole("tab", { name });
const talk = (page) => page.getByRole("region", { name: "Talk" });
const toPeople = (page) => page.getByLabel("Message to the people");
const toAssistant = (page) => page.getByLabel("Message to the assistant");

/** Wait until a field has this text. */
const holds = async (field, value) =>
  field.page().waitForFunction(([one, text]) => one.value === text, [
    await field.elementHandle(),
    value,
  ]);

/** Two in a new project of Ada's; both have its file open. */
async function two(project, { path = "notes.txt", role = "editor", name = "bob" } = {}) {
  const bob = await comeIn(name);
  const ada = await withProject("ada", project, path);
  await share(ada, name, role);
  const hash = await ada.evaluate(() => location.hash);
  await bob.evaluate((place) => (location.hash = place), hash);
  await text(bob).waitFor();
  return [ada, bob];
}

test("people talk to people, and the assistant hears nothing", async () => {
  const [ada, bob] = await two("Talking", { role: "viewer" });
  // A viewer may talk, though not to the assistant.
  await tab(bob, "People").click();
  await toPeople(bob).pressSequentially("Is **this** done? ");
  await bob.reload();
  // What was typed and not sent is still there.
  await tab(bob, "People").click();
  await holds(toPeople(bob), "Is **this** done? ");
  await toPeople(bob).press("Enter");
  await talk(bob).locator("strong", { hasText: "this" }).waitFor();
  await tab(ada, "People, 1 unread").waitFor();
  // Ada answers from the assistant's tab: the name in front says for whom it is.
  await toAssistant(ada).pressSequentially("@bo");
  await button(ada, "bob: says it to people").click();
  await ada.keyboard.type("look at the end <img src=x onerror=alert(1)>");
  await ada.keyboard.press("Enter");
  await talk(ada).getByText("@bob look at the end <img").waitFor();
  await tab(ada, "People, 1 unread").waitFor({ state: "detached" });
  await talk(bob).locator(".names-me", { hasText: "look at the end" }).waitFor();
  await bob.getByRole("button", { name: "Notifications, 2 unread" }).waitFor();
  assert.equal(await talk(ada).locator("img").count(), 0);
  await tab(ada, "Assistant").click();
  assert.equal(await ada.locator(".message").count(), 0);
});

test("a message about a line opens it, and one that got lost is there once", async () => {
  const [ada, bob] = await two("Lines");
  await text(ada).click();
  await ada.keyboard.insertText(Array.from({ length: 200 }, (_, at) => `line ${at}`).join("\n"));
  await tab(ada, "People").click();
  await ada.getByLabel("About notes.txt, line 200").check();
  await toPeople(ada).fill("this one");
  await ada.keyboard.press("Enter");
  await tab(bob, "People").click();
  await button(bob, "Close the file").click();
  await button(bob, "notes.txt, line 200").click();
  await text(bob).getByText("line 199").waitFor();
  // The acknowledgement is lost with the connection: what is sent again is not there twice.
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    socket.onevent = () => {};
    socket.onack = () => {};
  });
  await toPeople(ada).fill("once");
  await ada.keyboard.press("Enter");
  await talk(bob).getByText("once").waitFor();
  await goOffline(ada);
  await ada.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    delete socket.onevent;
    delete socket.onack;
  });
  await holds(toPeople(ada), "once");
  await toPeople(ada).press("Enter");
  await ada.getByText("Offline: what you typed stays here").waitFor();
  await holds(toPeople(ada), "once");
  await comeOnline(ada);
  await talk(ada).getByText("once").waitFor();
  await toPeople(ada).press("Enter");
  await holds(toPeople(ada), "");
  assert.equal(await talk(ada).getByText("once", { exact: true }).count(), 1);
  assert.equal(await talk(bob).getByText("once", { exact: true }).count(), 1);
});

test("what did not get through comes back, and nothing is lost or sent twice", async () => {
  const ada = await comeIn("ada");
  const seen = await ada.evaluate(async () => {
    const { Words } = await import("/web/words.js");
    const words = new Words("ada", "p", "people");
    const texts = [];
    const [first, second] = [words.send("one"), words.send("two")];
    words.type("three");
    texts.push(words.text);
    words.sent(first, false);
    texts.push(words.text);
    words.sent(second, true);
    // After a reload, also of what was on its way.
    const later = new Words("ada", "p", "people");
    texts.push(later.text);
    later.type("");
    const third = later.send("four");
    const again = new Words("ada", "p", "people");
    again.type("four");
    texts.push(again.text, again.send("four") === third);
    again.sent(third, true);
    texts.push(again.text, Object.keys(localStorage).filter((key) => key.includes("ada/p/")).length);
    return texts;
  });
  assert.deepEqual(seen, ["three", "one\nthree", "one\nthree", "four", true, "", 0]);
});

test("whoever names somebody again and again does not fill their page", async () => {
  const [ada, bob] = await two("Named");
  await ada.setViewportSize({ width: 390, height: 780 });
  await bob.evaluate(async () => {
    const { ask } = await import("/web/session.js");
    const { state } = await import("/web/state.js");
    for (let number = 0; number < 5; number++) {
      const message = `@ada ${"look ".repeat(200)}`;
      await ask("chat:message", { projectId: state.project.id, message, key: `${number}` });
    }
  });
  await ada.getByRole("button", { name: "Notifications, 5 unread" }).waitFor();
  const passing = ada.locator(".toast", { hasText: "bob mentioned you" });
  assert.equal(await passing.count(), 1);
  assert.ok((await passing.boundingBox()).height < 100);
});

test("a notification says what it is about, opens it, and is read everywhere", async () => {
  const [ada, bob] = await two("Notices", { path: "src/app.js", name: "ben" });
  await button(bob, "All projects").click();
  await bob.getByRole("heading", { name: "Projects" }).waitFor();
  await tab(ada, "People").click();
  await text(ada).click();
  await ada.keyboard.type("a\nb\nc");
  await ada.getByLabel("About app.js, line 3").check();
  await toPeople(ada).fill("@ben what is this?");
  await ada.keyboard.press("Enter");
  const window = await comeIn("ben");
  await bob.getByRole("button", { name: "Notifications, 2 unread" }).click();
  const notice = bob.getByRole("dialog").getByRole("button", { name: "ada mentioned you" });
  await notice.getByText("Notices · src/app.js · line 3").waitFor();
  await notice.click();
  await bob.locator(".message:focus", { hasText: "what is this?" }).waitFor();
  await bob.locator(".cm-activeLine", { hasText: "c" }).waitFor();
  for (const page of [bob, window]) {
    await page.getByRole("button", { name: "Notifications, 1 unread" }).waitFor();
  }
  // What passes by opens it as well: the bin with what is in it.
  await text(bob).click();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type(" by bob");
  await saved(bob).waitFor();
  await ada.getByRole("button", { name: "app.js", exact: true }).click({ button: "right" });
  await ada.getByRole("menuitem", { name: "Delete" }).click();
  const passing = bob.locator(".toast", { hasText: "ada deleted src/app.js" });
  await passing.getByRole("button", { name: "Open" }).click();
  await button(bob, "Restore src/app.js").waitFor();
  await window.getByRole("button", { name: "Notifications, 1 unread" }).click();
  await button(window, "Mark all as read").click();
  await bob.getByRole("button", { name: "Notifications, 0 unread", includeHidden: true }).waitFor();
});

test("a person is followed from file to file, until one does something", async () => {
  const [ada, bob] = await two("Following");
  await text(ada).click();
  await ada.keyboard.insertText(Array.from({ length: 300 }, (_, at) => `line ${at}`).join("\n"));
  await button(bob, "Close the file").click();
  const here = bob.getByRole("region", { name: "People" });
  const banner = bob.locator(".following");
  const followAda = async () => {
    // By keyboard as well.
    await button(here, "ada").press("Enter");
    await banner.getByText("You follow ada.").waitFor();
  };
  await followAda();
  await text(bob).getByText("line 299").waitFor();
  await ada.keyboard.press("Control+Home");
  await text(bob).getByText("line 0").waitFor();
  await button(ada, "New file").click();
  await ada.getByLabel("Path of the new file").fill("other.txt");
  await ada.keyboard.press("Enter");
  await bob.getByLabel("File other.txt").waitFor();
  await bob.keyboard.press("Escape");
  await banner.waitFor({ state: "detached" });
  for (const deed of [
    () => text(bob).click(),
    () => bob.keyboard.type("x"),
    () => button(bob, "notes.txt").click(),
    () => button(banner, "Stop").click(),
  ]) {
    await followAda();
    await bob.getByLabel("File other.txt").waitFor();
    await text(bob).focus();
    await deed();
    await banner.waitFor({ state: "detached" });
  }
  // Each follows the other: nobody chases anybody.
  await followAda();
  await button(ada.getByRole("region", { name: "People" }), "bob").click();
  await ada.locator(".following").waitFor();
  await goOffline(bob);
  await bob.getByText("Your connection is lost: you follow ada no more").waitFor();
  await ada.getByText("bob is gone: you follow nobody now").waitFor();
  await comeOnline(bob);
  await bob.locator(".connection.online").waitFor();
  await followAda();
  await button(ada, "All projects").click();
  await bob.getByText("ada is gone: you follow nobody now").waitFor();
});

test("a file that somebody edits alone is asked for, kept and handed over", async () => {
  const [ada, bob] = await two("Asking", { name: "cyd" });
  await button(ada, "Edit alone").click();
  await text(ada).click();
  await ada.keyboard.type("by ada");
  await button(bob, "Ask for it").click();
  await ada.getByText("cyd asks for this file.").waitFor();
  await button(ada, "Keep").click();
  await bob.getByText("notes.txt: ada keeps it for now").waitFor();
  await button(bob, "Ask for it").click();
  await button(bob, "Never mind").click();
  await ada.getByText("cyd asks for this file.").waitFor({ state: "detached" });
  await button(bob, "Ask for it").click();
  await ada.getByText("cyd asks for this file.").waitFor();
  // The request goes where the file goes.
  await ada.getByRole("button", { name: "Actions for notes.txt" }).click();
  await ada.getByRole("menuitem", { name: "Rename…" }).click();
  await ada.getByLabel("New name of notes.txt").fill("renamed.txt");
  await ada.keyboard.press("Enter");
  await bob.getByLabel("File renamed.txt").waitFor();
  await button(bob, "Never mind").waitFor();
  await button(ada, "Hand over").click();
  await ada.getByText("cyd keeps this file to edit it alone").waitFor();
  await button(bob, "Edit together").waitFor();
  await text(bob).click();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type(", by bob");
  await text(ada).getByText("by ada, by bob").waitFor();
  // Whoever asks and is gone gets nothing; the bell answers as well.
  await button(ada, "Ask for it").click();
  await bob.getByText("ada asks for this file.").waitFor();
  await goOffline(ada);
  await bob.getByText("ada asks for this file.").waitFor({ state: "detached" });
  await comeOnline(ada);
  await button(ada, "Ask for it").click();
  await bob.getByRole("button", { name: "Notifications, 3 unread" }).click();
  await bob.getByRole("dialog").getByRole("button", { name: "Hand over" }).click();
  await button(ada, "Edit together").waitFor();
});

test("a name is sought, one that is nobody's is said at the field, and a link lets people in", async () => {
  const ada = await withProject("ada", "Invited", "notes.txt");
  await comeIn("dora");
  await ada.getByTitle("Settings and members").click();
  const field = ada.getByLabel("User id");
  await field.fill("DOR");
  await ada.locator("datalist option", { hasText: "dora" }).waitFor({ state: "attached" });
  await field.fill("nobody");
  await button(ada, "Share").click();
  await ada.getByRole("alert").getByText("There is no user “nobody”").waitFor();
  assert.equal(await field.inputValue(), "nobody");
  await ada.getByLabel("Works").selectOption("once");
  await button(ada, "Make a link").click();
  const link = await ada.getByLabel("The link").inputValue();
  await ada.getByText("once more").waitFor();
  // Whoever is signed out signs in first; the token is in no address any more.
  const eve = await visit(link);
  await eve.getByText("You are invited to a project").waitFor();
  assert.equal(await eve.evaluate(() => location.hash), "");
  await eve.reload();
  await eve.getByLabel("Your name").fill("eve");
  await button(eve, "Come in").click();
  await eve.getByText("You are in “Invited” as its editor").waitFor();
  await eve.getByTitle("Settings and members").waitFor();
  await ada.getByRole("dialog").getByText("eve editor").waitFor();
  await ada.getByText("once more").waitFor({ state: "detached" });
  const fay = await comeIn("fay");
  await fay.evaluate((address) => (location.href = address), link);
  await fay.getByText("the invitation is unknown or over: ask for another one").waitFor();
  await button(fay, "New project").waitFor();
  // What is revoked lets nobody in.
  await button(ada, "Make a link").click();
  const another = await ada.getByLabel("The link").inputValue();
  await button(ada, "Revoke").click();
  await button(ada, "Revoke").waitFor({ state: "detached" });
  await fay.getByText("the invitation is unknown").waitFor({ state: "detached" });
  await fay.evaluate((address) => (location.href = address), another);
  await fay.getByText("the invitation is unknown or over: ask for another one").waitFor();
  // One that waits for the server is nobody else's.
  await refuse(fay, "invitation:accept", { code: "STORAGE_ERROR", message: "not now" });
  await fay.evaluate((address) => (location.href = address), another);
  await fay.getByText("Not now", { exact: true }).waitFor();
  await button(fay, "Sign out fay").click();
  await fay.getByLabel("Your name").waitFor();
  assert.equal(await fay.getByText("You are invited to a project").count(), 0);
});

test("with a password, too: signing in goes on to the project", async () => {
  const owner = await visit(sessionUrl);
  const signIn = async (page) => {
    await page.getByLabel("User").fill("ada");
    await page.getByLabel("Password").fill("open sesame");
    await button(page, "Come in").click();
  };
  await signIn(owner);
  await button(owner, "New project").click();
  await owner.getByLabel("Name", { exact: true }).fill("Guarded");
  await button(owner, "Create").click();
  await owner.getByTitle("Settings and members").click();
  await button(owner, "Make a link").click();
  const link = await owner.getByLabel("The link").inputValue();
  const page = await visit(link);
  await page.getByText("You are invited to a project").waitFor();
  await signIn(page);
  await page.getByText("You are in “Guarded” as its owner").waitFor();
  await page.getByTitle("Settings and members").waitFor();
});
