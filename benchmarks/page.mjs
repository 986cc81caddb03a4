// The measurements of benchmarks/page.py, in Chromium.
//
// A key's work is what the page's main thread does for it: scripts, styles, layout and painting, by
// Chromium's own account and the thread's own clock, which stands while other programs run. Waiting for
// the screen's next frame, which hides work below 16 ms, is not in it.

import { createRequire } from "node:module";

const require = createRequire(new URL("../conformance/js/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const { URL: url, CHROMIUM: executablePath } = process.env;

const KEYS = 60;
const PAUSE_MILLISECONDS = 60;
const WARM_UP = 10;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

async function comeIn(name, path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${url}/#project-123/${path}`);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+End");
  return page;
}

const median = (numbers) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1];

function say(what, milliseconds, bound) {
  const miss = milliseconds > bound ? "  MISSED" : "";
  console.log(`  ${what}: ${milliseconds.toFixed(1)} ms (at most ${bound})${miss}`);
}

/** Milliseconds of the main thread for each of some deeds. */
async function work(page, deed, count) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1_000;
  };
  const each = [];
  for (let number = 0; number < WARM_UP + count; number++) {
    const before = await spent();
    await deed(number);
    await page.waitForTimeout(PAUSE_MILLISECONDS);
    if (number >= WARM_UP) each.push((await spent()) - before);
  }
  await session.detach();
  return median(each);
}

const typing = (page) => () => page.keyboard.press("x");

const ada = await comeIn("ada", "both.txt");
await ada.locator(".tree .file").first().waitFor();
const idle = await work(ada, async () => {}, 20);
say("2,000 files: a key", (await work(ada, typing(ada), KEYS)) - idle, 16);
const tree = await work(
  ada,
  () =>
    ada.evaluate(async () => {
      const { state, update } = await import("/web/state.js");
      const closed = new Set(state.project.closed);
      update({ project: { ...state.project, closed, files: new Map(state.project.files) } });
    }),
  20,
);
say("2,000 files: the tree drawn anew", tree - idle, 200);
const letter = (number) => ada.locator("[role=combobox]").press("sfmp1le"[number % 7]);
await ada.keyboard.press("Control+p");
say("2,000 files: a letter of quick open", (await work(ada, letter, 30)) - idle, 16);
await ada.keyboard.press("Escape");

const large = await comeIn("carl", "large.js");
await large.evaluate(async () => {
  const [{ forceParsing }, { liveEditorOf }] = await Promise.all([
    import("@codemirror/language"),
    import("/web/live_editor.js"),
  ]);
  // In its idle time CodeMirror parses for three seconds and then waits for a key, so that on a busy
  // machine it may never be at the end.
  const view = liveEditorOf("large.js");
  if (!forceParsing(view, view.state.doc.length, 60_000)) throw new Error("it is not parsed in a minute");
});
const idleLarge = await work(large, async () => {}, 20);
say("1 MB: a key", (await work(large, typing(large), KEYS)) - idleLarge, 16);
await large.close();

// One types without a pause; the other looks when each key is on the screen.
const bob = await comeIn("bob", "both.txt");
await bob.evaluate(() => {
  window.seen = [];
  const text = document.querySelector(".cm-content");
  const length = () => (text.textContent.match(/y/g) ?? []).length;
  new MutationObserver(() => {
    const time = performance.timeOrigin + performance.now();
    while (window.seen.length < length()) window.seen.push(time);
  }).observe(text, { subtree: true, childList: true, characterData: true });
});
await ada.evaluate(async () => {
  const { state } = await import("/web/state.js");
  window.typed = [];
  window.kept = [];
  addEventListener(
    "keydown",
    ({ key }) => key === "y" && window.typed.push(performance.timeOrigin + performance.now()),
    true,
  );
  const look = () => {
    const { unsaved } = state.open.document;
    const time = performance.timeOrigin + performance.now();
    while (window.kept.length < window.typed.length - unsaved) window.kept.push(time);
    requestAnimationFrame(look);
  };
  look();
});
await ada.locator(".cm-content").click();
for (let number = 0; number < 100; number++) {
  await ada.keyboard.press("y");
  await ada.waitForTimeout(40);
}
await bob.waitForFunction(() => window.seen.length >= 100);
await ada.waitForFunction(() => window.kept.length >= 100);
const [typed, kept, seen] = [
  ...(await ada.evaluate(() => [window.typed, window.kept])),
  await bob.evaluate(() => window.seen),
];
const ages = (times) => times.slice(0, 100).map((time, index) => time - typed[index]);
say("a key on the other's screen, median", median(ages(seen)), 100);
say("a key on the other's screen, worst of 100", Math.max(...ages(seen)), 100);
say("a key on disk while typing goes on, worst of 100", Math.max(...ages(kept)), 1_000);
await browser.close();
