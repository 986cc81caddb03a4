// Chromium, and people in it, for the tests of the page: importing this starts the browser, and
// closes each test's pages after it. Whatever the page logs as an error, a refused script or style
// included, fails the test.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before } from "node:test";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const { chromium } = require("playwright-core");

// With OTHER_URL, of another node of a cluster, half of the people come there.
const { URL: url, OTHER_URL: otherUrl = url, CHROMIUM: executablePath } = process.env;

const VIEWPORT = { width: 1280, height: 800 };

let browser;
let shared;
// Tabs of earlier tests: what runs in them has read the page's modules, which costs half of a visit.
const idle = [];
let opened = [];
let places = new Map();
let problems = [];
let expected = null;

// One process draws for all pages, and one runs them: starting these costs more than what they do.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--in-process-gpu",
  "--process-per-site",
  "--renderer-process-limit=1",
];

before(async () => {
  browser = await chromium.launch({ executablePath, args });
  // What moves is drawn 60 times in a second, for as long as a page is open.
  shared = await browser.newContext({ viewport: VIEWPORT, reducedMotion: "reduce" });
});
after(() => browser.close());
afterEach(async () => {
  await Promise.all(opened.map(leave));
  opened = [];
  places = new Map();
  const found = problems.filter((problem) => !expected?.test(problem));
  problems = [];
  expected = null;
  assert.deepEqual(found, []);
});

/** Leave a tab as a new one is, or close it. */
async function leave(page) {
  if (page.isClosed() || page.context() !== shared) return page.close();
  page.removeAllListeners();
  await page.evaluate(() => sessionStorage.clear());
  await page.goto("about:blank");
  await page.setViewportSize(VIEWPORT);
  idle.push(page);
}

/** In this test a page may log errors like these. */
export function expectErrors(pattern) {
  expected = pattern;
}

/** A page of somebody: each tab is a person of its own. With `options` in a browser of their own. */
export async function visit(address, options) {
  const context = options ? await browser.newContext(options) : shared;
  const page = (!options && idle.pop()) || (await context.newPage());
  opened.push(page);
  page.setDefaultTimeout(+(process.env.PAGE_TIMEOUT ?? 60_000));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(address);
  return page;
}

/** Where somebody comes in: with two nodes every second person at the other one. */
function urlFor(name) {
  if (!places.has(name)) places.set(name, places.size % 2 ? otherUrl : url);
  return places.get(name);
}

/** Somebody who has come in, at `place`: a project and a file of it. */
export async function comeIn(name, place = "", options = undefined) {
  const page = await visit(`${urlFor(name)}/#${place}`, options);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return page;
}

/** Let a page go where another one is, on its own node. */
export function goTo(page, address) {
  return page.goto(`${new URL(page.url()).origin}/${new URL(address).hash}`);
}

/** Somebody who has made a project, and the new file `path` in it, which is open. */
export async function withProject(name, project, path) {
  const page = await comeIn(name);
  await page.getByRole("button", { name: "New project" }).click();
  await page.getByLabel("Name", { exact: true }).fill(project);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByLabel("Path of the new file").fill(path);
  await page.keyboard.press("Enter");
  await button(page, "Edit alone").waitFor();
  return page;
}

/** Share the open project. */
export async function share(page, userId, role) {
  await page.getByTitle("Settings and members").click();
  await page.getByLabel("User id").fill(userId);
  await page.getByLabel("Role").selectOption(role);
  await button(page, "Share").click();
  await page.getByRole("dialog").getByText(`${userId} ${role}`).waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
}

export const text = (page) => page.locator(".cm-content");
export const saved = (page) => page.getByText("Saved", { exact: true });
export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** Lose the connection of a page, and let it come back only with `comeOnline`. */
export function goOffline(page) {
  return page.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    const lost = new Promise((done) => socket.once("disconnect", done));
    socket.io.reconnection(false);
    socket.io.engine.close();
    await lost;
  });
}

export function comeOnline(page) {
  return page.evaluate(async () => {
    const { socket } = await import("/web/session.js");
    socket.io.reconnection(true);
    socket.connect();
  });
}

/** The lines in the editor. */
export async function lines(page) {
  const found = await text(page).locator(".cm-line").allTextContents();
  // The names at the others' cursors are no text.
  const names = await text(page).locator(".caret").allTextContents();
  return found.map((line) => names.reduce((rest, name) => rest.replace(name, ""), line));
}
