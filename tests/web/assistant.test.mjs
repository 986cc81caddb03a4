// The assistant edits: its proposals as a diff that streams, accepted and rejected by part, merged
// into a text that goes on, and never written without consent. The server's assistant says what a
// message says after its first line: see echoing.py.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test assistant.test.mjs

import assert from "node:assert/strict";
import test from "node:test";
import {
  becomes,
  button,
  comeIn,
  comeOnline,
  goOffline,
  makeProject,
  share,
  signIn,
  text,
  visit,
  withProject,
} from "./browser.mjs";

const TEN = Array.from({ length: 10 }, (_, at) => `line ${at}`);

/** Let the assistant say something; the first line is the question. */
async function say(page, answer, question = "Change it") {
  await page.getByLabel("Message to the assistant").fill(answer ? `${question}\n${answer}` : question);
  await page.keyboard.press("Enter");
}

function edit(path, ...pairs) {
  const parts = pairs.map(
    ([search, replace]) => `<<<<<<< SEARCH\n${search}\n=======\n${replace}\n>>>>>>> REPLACE\n`,
  );
  return `\`\`\`${path}\n${parts.join("")}\`\`\`\n`;
}

/** Somebody in a new project with a file of ten lines. */
async function withTen(name, project) {
  const page = await withProject(name, project, "ten.txt");
  await text(page).click();
  await page.keyboard.insertText(TEN.join("\n"));
  await page.getByText("Saved", { exact: true }).waitFor();
  return page;
}

/** Somebody else in it. */
async function withOther(owner, name, role, project) {
  const page = await comeIn(name);
  await share(owner, name, role);
  await page.getByRole("button", { name: project }).first().click();
  await page.getByRole("button", { name: "ten.txt", exact: true }).click();
  await text(page).waitFor();
  return page;
}

const proposal = (page, path = "ten.txt") => page.getByRole("group", { name: `Proposal for ${path}` });
const review = (page, path = "ten.txt") => page.getByRole("region", { name: `Review of ${path}` });
const live = (page) =>
  page.evaluate(async () => {
    const { state } = await import("/web/state.js");
    return state.open.document.text.toString();
  });
const changed = (...pairs) => pairs.reduce((all, [at, to]) => all.with(at, to), TEN).join("\n");

test("a proposal is reviewed change by change, and undo takes back just that", async () => {
  const ada = await withTen("ada", "By part");
  await say(ada, edit("ten.txt", ["line 1", "LINE 1"], ["line 4", "LINE 4"], ["line 8", "LINE 8"]));
  await proposal(ada).getByRole("button", { name: "Review" }).click();
  await review(ada).getByText("3 changes").waitFor();
  await becomes(() => live(ada), TEN.join("\n"));
  await review(ada).getByRole("button", { name: "Accept", exact: true }).first().click();
  await review(ada).getByText("2 changes").waitFor();
  await becomes(() => live(ada), changed([1, "LINE 1"]));
  await ada.keyboard.press("Control+z");
  await review(ada).getByText("3 changes").waitFor();
  await becomes(() => live(ada), TEN.join("\n"));
  await review(ada).getByRole("button", { name: "Accept", exact: true }).first().click();
  await review(ada).getByRole("button", { name: "Reject", exact: true }).first().click();
  await review(ada).getByText("1 change").waitFor();
  await review(ada).getByRole("button", { name: "Accept all" }).click();
  await review(ada).waitFor({ state: "detached" });
  await becomes(() => live(ada), changed([1, "LINE 1"], [8, "LINE 8"]));
  await proposal(ada).getByText("accepted in part by you").waitFor();
  // It is not offered again.
  assert.equal(await proposal(ada).getByRole("button").count(), 0);
  await ada.reload();
  await proposal(ada).getByText("accepted in part by you").waitFor();
  await text(ada).getByText("LINE 8").waitFor();
});

test("it streams, and others type into it meanwhile", async () => {
  const ada = await withTen("amy", "Streaming");
  const bob = await withOther(ada, "bob", "editor", "Streaming");
  await say(ada, "```ten.txt\nLINE 0\nline 1\nline 2\n@@wait@@LINE 3\n" + TEN.slice(4).join("\n") + "\n```\n");
  await proposal(ada).getByRole("button", { name: "Review" }).click();
  await review(ada).getByText("The assistant is writing…").waitFor();
  // The rest of the file is there as it is.
  await review(ada).locator(".cm-deletedChunk", { hasText: "line 0" }).waitFor();
  await review(ada).getByText("LINE 0", { exact: true }).waitFor();
  assert.equal(await review(ada).locator(".cm-deletedChunk").count(), 1);
  assert.equal(await review(ada).getByRole("button", { name: "Accept all" }).isDisabled(), true);
  await text(bob).click();
  // The assistant has not seen what is typed meanwhile: it stays.
  await text(bob).click();
  await bob.keyboard.press("Control+End");
  await bob.keyboard.type(" by bob");
  await review(ada).getByText("line 9 by bob").waitFor();
  await bob.getByLabel("Message to the assistant").fill("go on");
  await bob.keyboard.press("Enter");
  await review(ada).getByText("2 changes").waitFor();
  await text(bob).getByText("line 6").click();
  await bob.keyboard.press("Home");
  await bob.keyboard.type("more ");
  await review(ada).getByText("more line 6").waitFor();
  await review(ada).getByRole("button", { name: "Accept all" }).click();
  await becomes(() => live(ada), changed([0, "LINE 0"], [3, "LINE 3"], [6, "more line 6"], [9, "line 9 by bob"]));
  await becomes(() => live(bob), await live(ada));
});

test("edits stream one by one, and what is rejected of them stays so", async () => {
  const ada = await withTen("ama", "Edits");
  const three = edit("ten.txt", ["line 1", "LINE 1"], ["line 4", "LINE 4"], ["line 8", "LINE 8"]);
  await say(ada, three.replace("<<<<<<< SEARCH\nline 8", "@@wait@@<<<<<<< SEARCH\nline 8"));
  await proposal(ada).getByText("being written…").waitFor();
  await proposal(ada).getByRole("button", { name: "Review" }).click();
  await review(ada).getByText("2 changes, and the assistant is writing…").waitFor();
  for (const name of ["Accept all", "Reject all"]) {
    assert.equal(await review(ada).getByRole("button", { name }).isDisabled(), true);
  }
  await review(ada).getByRole("button", { name: "Reject", exact: true }).first().click();
  await review(ada).getByText("1 change, and the assistant is writing…").waitFor();
  await review(ada).getByRole("button", { name: "Accept", exact: true }).click();
  await review(ada).getByText("0 changes, and the assistant is writing…").waitFor();
  await say(ada, "", "go on");
  await review(ada).getByText("1 change", { exact: true }).waitFor();
  await becomes(() => live(ada), changed([4, "LINE 4"]));
  await review(ada).getByRole("button", { name: "Accept", exact: true }).click();
  await review(ada).waitFor({ state: "detached" });
  await becomes(() => live(ada), changed([4, "LINE 4"], [8, "LINE 8"]));
  await proposal(ada).getByText("accepted in part by you").waitFor();
});

test("an old proposal is put into the present text", async () => {
  const ada = await withTen("ann", "Old");
  await say(ada, edit("ten.txt", ["line 2", "LINE 2"], ["line 7", "LINE 7"]));
  await proposal(ada).getByRole("button", { name: "Accept" }).waitFor();
  await text(ada).click();
  await ada.keyboard.press("Control+Home");
  await ada.keyboard.type("before\n");
  await text(ada).getByText("line 5").click();
  await ada.keyboard.press("End");
  await ada.keyboard.type("!");
  await ada.getByText("Saved", { exact: true }).waitFor();
  await ada.reload();
  await text(ada).getByText("before").waitFor();
  await proposal(ada).getByRole("button", { name: "Accept" }).click();
  const expected = `before\n${changed([2, "LINE 2"], [5, "line 5!"], [7, "LINE 7"])}`;
  await becomes(() => live(ada), expected);
  await proposal(ada).getByText("accepted by you").waitFor();
  // Half of it was done by hand: it is not done twice, and what is left is offered.
  await say(ada, edit("ten.txt", ["line 3", "LINE 3"], ["line 9", "LINE 9"]));
  const second = proposal(ada).last();
  await second.getByRole("button", { name: "Review" }).click();
  await review(ada).getByRole("button", { name: "Accept", exact: true }).first().click();
  await review(ada).getByRole("button", { name: "Close the review" }).click();
  await second.getByRole("button", { name: "Review" }).click();
  await review(ada).getByText("1 change").waitFor();
  await review(ada).getByRole("button", { name: "Reject all" }).click();
  await second.getByText("rejected by you").or(second.getByText("accepted in part by you")).waitFor();
  await becomes(() => live(ada), expected.replace("line 3", "LINE 3"));
});

test("several files: a version of before, new ones, and what cannot be taken", async () => {
  const ada = await withTen("aya", "Several");
  await say(
    ada,
    `${edit("ten.txt", ["line 0", "LINE 0"])}\`\`\`js src/new.js\nconst one = 1;\n\`\`\`\n` +
      `${edit("ten.txt", ["nowhere", "x"])}\`\`\`../up.txt\nx\n\`\`\`\n`,
    "Two files",
  );
  await ada.getByText("ten.txt was not taken as a change: edit 1: the lines").waitFor();
  await ada.getByText("../up.txt was not taken as a change: path '../up.txt'").waitFor();
  await button(ada, "Accept all 2 files").click();
  await proposal(ada).getByText("accepted by you").waitFor();
  await proposal(ada, "src/new.js").getByText("accepted by you").waitFor();
  await text(ada).getByText("const one = 1;").waitFor();
  await ada.getByRole("tab", { name: "Versions" }).click();
  await ada.getByText("Before “Two files”").waitFor();
  await button(ada, "Compare").click();
  const window = ada.getByRole("dialog");
  await window.getByText("+LINE 0").waitFor();
  await window.getByText("+const one = 1;").waitFor();
});

test("what somebody else has decided, offline, and a role that may only read", async () => {
  const ada = await withTen("ava", "Others");
  const bob = await withOther(ada, "bob", "editor", "Others");
  const eve = await withOther(ada, "eve", "viewer", "Others");
  await say(ada, edit("ten.txt", ["line 0", "LINE 0"]));
  await proposal(eve).getByRole("button", { name: "Review" }).click();
  await review(eve).getByText("1 change").waitFor();
  assert.deepEqual(await review(eve).getByRole("button", { name: /Accept|Reject/ }).allTextContents(), []);
  await proposal(bob).getByRole("button", { name: "Review" }).click();
  await review(bob).getByText("1 change").waitFor();
  await goOffline(ada);
  await proposal(ada).getByRole("button", { name: "Accept" }).click();
  await ada.getByText("Offline: 1 change waits").waitFor();
  await becomes(() => live(ada), changed([0, "LINE 0"]));
  await comeOnline(ada);
  await ada.getByText("Saved", { exact: true }).waitFor();
  await review(bob).waitFor({ state: "detached" });
  await proposal(bob).getByText("accepted by ava").waitFor();
  await becomes(() => live(bob), changed([0, "LINE 0"]));
  await proposal(eve).getByText("accepted by ava").waitFor();
});

test("who comes back finds the answer as far as it is", async () => {
  const ada = await withTen("ada-lou", "Coming back");
  await say(ada, "```ten.txt\nall new\n```\nsaid before @@wait@@said after");
  const answer = ada.locator(".message.answer");
  await answer.getByText("said before").waitFor();
  await ada.reload();
  await answer.getByText("said before").waitFor();
  await proposal(ada).getByRole("button", { name: "Review" }).waitFor();
  await ada.getByLabel("Message to the assistant").fill("go on");
  await ada.keyboard.press("Enter");
  await answer.getByText("said before said after").waitFor();
});

test("what goes along with a message is shown, and an @ offers files", async () => {
  const ada = await withTen("alma", "Along");
  await ada.getByText("With ten.txt · up to 10 kB of the project").waitFor();
  await text(ada).getByText("line 0").click();
  await ada.keyboard.press("Home");
  for (let line = 0; line < 2; line++) await ada.keyboard.press("Shift+ArrowDown");
  await ada.getByText("With ten.txt, 3 lines selected").waitFor();
  await ada.getByRole("button", { name: "New file" }).click();
  await ada.getByLabel("Path of the new file").fill("src/other.py");
  await ada.keyboard.press("Enter");
  await ada.getByText("With other.py").waitFor();
  const message = ada.getByLabel("Message to the assistant");
  await message.pressSequentially("Look at @te");
  await button(ada, "ten.txt").last().waitFor();
  await ada.keyboard.press("Tab");
  assert.equal(await message.inputValue(), "Look at @ten.txt ");
  await ada.keyboard.press("Enter");
  const shown = ada.locator("details.shown");
  await shown.getByText("Read 2 files: 69 bytes of at most 10 kB").click();
  await shown.getByText("src/other.py, open in the editor").waitFor();
  await shown.getByText("ten.txt, named in the message").waitFor();
});

test("hostile answers are text: no markup, no link but to the web and mail", async () => {
  const ada = await withTen("abi", "Hostile");
  await say(
    ada,
    [
      "| a | b\\|c |",
      "|---|:-:|",
      "| <img src=x onerror=alert(1)> | [js](javascript:alert(1)) |",
      "| `code` and [web](https://example.com/a?b=\"c) | [data](data:text/html,x) <script>x</script> |",
      "| **bold** | [mail](mailto:a@example.com) [file](file:///etc/passwd) | too many |",
      "| one",
      "",
      "See https://example.com/x. And [x](//evil.example) [y](/local)",
      "",
      "| no | table |",
    ].join("\n"),
  );
  const message = ada.locator(".message.answer").last();
  await message.getByText("no | table").waitFor();
  assert.deepEqual(await message.locator("th").allTextContents(), ["a", "b|c"]);
  assert.deepEqual(await message.locator("td").allTextContents(), [
    "<img src=x onerror=alert(1)>",
    "[js](javascript:alert(1))",
    "code and web",
    "[data](data:text/html,x) <script>x</script>",
    "bold",
    "mail [file](file:///etc/passwd)",
    "| one".slice(2),
    "",
  ]);
  const links = await message.locator("a").evaluateAll((all) =>
    all.map((one) => [one.href, one.rel, one.target, one.title]),
  );
  assert.deepEqual(links.map(([href]) => href), [
    "https://example.com/a?b=%22c",
    "mailto:a@example.com",
    "https://example.com/x",
  ]);
  for (const [href, rel, target, title] of links) {
    assert.deepEqual([rel, target, title], ["noopener noreferrer", "_blank", href]);
  }
  assert.equal(await message.locator("img, script").count(), 0);
});

test("whatever has Copy is copied, also where the browser hides its clipboard", async () => {
  const address = new URL(process.env.URL);
  address.hostname = "plain.test";
  const page = await signIn(await visit(address.href), "plain");
  assert.equal(await page.evaluate(() => window.isSecureContext), false);
  await makeProject(page, "Copies", "ten.txt");
  const message = page.getByLabel("Message to the assistant");
  const pasted = async () => {
    await message.fill("");
    await message.press("Control+V");
    return message.inputValue();
  };
  await say(page, "```js\nconst a = 1;\n```\n", "Show it");
  await button(page, "Copy").click();
  await button(page, "Copied").waitFor();
  assert.equal(await pasted(), "const a = 1;\n");
  await button(page, "Copy link to line").click();
  await page.getByText("The link to line 1 of ten.txt is copied").waitFor();
  assert.equal(await pasted(), page.url());
  // Out of a dialog, outside of which nothing can be chosen; the keyboard stays where it was.
  await page.getByTitle("Settings and members").click();
  await button(page, "Make a link").click();
  const link = await page.getByLabel("The link").inputValue();
  await button(page, "Copy").last().press("Enter");
  await page.getByText("The link is copied").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Copy");
  await page.keyboard.press("Escape");
  assert.equal(await pasted(), link);
});

test("with the keyboard alone, and at the width of a phone", async () => {
  const ada = await comeIn("ada");
  await ada.setViewportSize({ width: 390, height: 780 });
  await ada.getByRole("button", { name: "New project" }).click();
  await ada.getByLabel("Name", { exact: true }).fill("Phone");
  await ada.getByRole("button", { name: "Create" }).click();
  await ada.getByRole("button", { name: "New file" }).click();
  await ada.getByLabel("Path of the new file").fill("ten.txt");
  await ada.keyboard.press("Enter");
  await text(ada).click();
  await ada.keyboard.insertText(TEN.join("\n"));
  await ada.getByText("Saved", { exact: true }).waitFor();
  await ada.getByRole("button", { name: "assistant" }).click();
  const two = edit("ten.txt", ["line 1", "LINE 1"], ["line 8", "LINE 8"]);
  await say(ada, two.replace("<<<<<<< SEARCH\nline 8", "@@wait@@<<<<<<< SEARCH\nline 8"));
  await proposal(ada).getByText("being written…").waitFor();
  await proposal(ada).getByRole("button", { name: "Review" }).focus();
  await ada.evaluate(async () => {
    const { send } = await import("/web/chat.js");
    await send("go on");
  });
  // It is written to its end, and the keyboard is where it was.
  await proposal(ada).getByRole("button", { name: "Reject" }).waitFor();
  await ada.locator(".message footer").nth(1).waitFor();
  await ada.keyboard.press("Enter");
  await review(ada).getByText("2 changes").waitFor();
  // Nothing is wider than the screen.
  const { scrollWidth, clientWidth } = await ada.evaluate(() => ({
    scrollWidth: document.documentElement.scrollWidth,
    clientWidth: document.documentElement.clientWidth,
  }));
  assert.equal(scrollWidth, clientWidth);
  await ada.keyboard.press("Tab");
  assert.equal(await ada.evaluate(() => document.activeElement.textContent), "Accept");
  await ada.keyboard.press("Enter");
  await review(ada).getByText("1 change").waitFor();
  await review(ada).getByLabel("Next change").focus();
  await ada.keyboard.press("Enter");
  await ada.keyboard.press("Tab");
  await ada.keyboard.press("Tab");
  assert.equal(await ada.evaluate(() => document.activeElement.textContent), "Reject");
  await ada.keyboard.press("Enter");
  await becomes(() => live(ada), changed([1, "LINE 1"]));
  // The review is closed: the lines are the file's alone.
  await becomes(() => text(ada).locator(".cm-line").count(), 10);
});
