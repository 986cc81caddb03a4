// Whoever is too fast for the server, on the page: nothing that was typed is lost, and they are told.
//
// Usage: URL=http://localhost:3001 CHROMIUM=chromium node --test limits.test.mjs; the server takes
// 100 events of a connection at once and 2 a second, and 300 everyday events of a user at once and 2
// a second.

import assert from "node:assert/strict";
import test from "node:test";
import { alter, button, linesAre, saved, text, withProject } from "./browser.mjs";

// More than a user may send, in few events of the connection, also where a busy machine stood still
// and 30 seconds of theirs count; and more than the connection may send, but not so much that the
// server ends it.
const updates = Array(100).fill({ event: "test:ping" });
const USER = { events: 34, name: "batch:update", data: { updates } };
const CONNECTION = { events: 130, name: "test:ping", data: {} };

/** Let so much be sent right before the page's next `event` that this is one too many. */
function floodBefore(page, event, flood) {
  return alter(
    page,
    async ([event, { events, name, data }]) => {
      const { socket } = await import("/web/session.js");
      socket.onAnyOutgoing(function before(next) {
        if (next !== event) return;
        socket.offAnyOutgoing(before);
        for (let count = 0; count < events; count++) socket.emit(name, data);
      });
    },
    [event, flood],
  );
}

/** Note what is said on a page, however short it is there; returns a function that returns it all. */
async function listen(page) {
  await page.evaluate(() => {
    window.said = new Set();
    const note = () => {
      for (const { innerText } of document.querySelectorAll("[role=alert], .toast")) {
        window.said.add(innerText.trim());
      }
    };
    const all = { childList: true, subtree: true, characterData: true };
    new MutationObserver(note).observe(document.body, all);
  });
  return () => page.evaluate(() => [...window.said].join("\n"));
}

test("what a user may not save yet is saved a moment later, and they are told", async () => {
  const ada = await withProject("ada", "Fast", "notes.txt");
  const said = await listen(ada);
  await floodBefore(ada, "file:edit", USER);
  await text(ada).pressSequentially("typed");
  await saved(ada).waitFor();
  assert.match(await said(), /More than 300 everyday events at once or 100 a second/);
  await ada.getByRole("alert").waitFor({ state: "detached" });
  await linesAre(ada, ["typed"]);
});

test("what the server drops of a connection is saved a moment later, and they are told", async () => {
  const bob = await withProject("bob", "Dropped", "notes.txt");
  const said = await listen(bob);
  await floodBefore(bob, "file:edit", CONNECTION);
  await text(bob).pressSequentially("typed");
  await saved(bob).waitFor();
  assert.match(await said(), /Too much at once: the server left something out\./);
  assert.match(await said(), /Too much at once: the server left it out\. Try again in/);
  await bob.getByRole("alert").waitFor({ state: "detached" });
});

test("the others are let in again only when the text is saved", async () => {
  const carol = await withProject("carol", "Given back", "notes.txt");
  await button(carol, "Edit alone").click();
  await button(carol, "Edit together").waitFor();
  await floodBefore(carol, "file:edit", CONNECTION);
  await text(carol).pressSequentially("typed");
  await button(carol, "Edit together").click();
  await button(carol, "Edit alone").waitFor();
  await carol.reload();
  await text(carol).getByText("typed").waitFor();
});

test("coming back too fast signs nobody out and loses nothing", async () => {
  const dave = await withProject("dave", "Back", "notes.txt");
  await text(dave).pressSequentially("before");
  await saved(dave).waitFor();
  // In the new connection, which names its user first of all: until then a flood is nobody's.
  const flood = { ...USER, data: { ...USER.data, userId: "dave" } };
  await floodBefore(dave, "user:join", flood);
  await dave.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    window.refused = 0;
    socket.io.reconnectionDelay(1);
    socket.io.reconnectionDelayMax(1);
    socket.io.on("reconnect", () => {
      socket.io.engine.on("packet", ({ data }) => {
        if (data?.includes("RATE_LIMIT_EXCEEDED")) window.refused++;
      });
    });
    const lost = new Promise((done) => socket.once("disconnect", done));
    socket.io.engine.close();
    await lost;
  });
  await text(dave).pressSequentially(" and after");
  await saved(dave).waitFor();
  assert.ok((await dave.evaluate(() => window.refused)) > 0);
  await linesAre(dave, ["before and after"]);
});
