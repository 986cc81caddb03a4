// Chromium, and people in it, for the tests of the page: importing this starts the browser, and
// everybody leaves after each test. Whatever the page logs as an error, a refused script or style
// included, fails the test.
//
// To load the page costs ten times what signing in does. So whoever leaves signs out, and the next one
// comes in on the same tab; `visit` and `reload` load it. Nobody's data are there for others, and each
// test makes a project of its own.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before } from "node:test";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(new URL("../../conformance/js/package.json", import.meta.url));
const { chromium } = require("playwright-core");

// With OTHER_URL, of another node of a cluster, half of the people come there.
const { URL: url, OTHER_URL: otherUrl = url, CHROMIUM: executablePath } = process.env;

// Only what hangs takes as long.
const PATIENCE = +(process.env.PAGE_TIMEOUT ?? 60_000);
const VIEWPORT = { width: 1280, height: 800 };

let browser;
let shared;
// Tabs of earlier tests: those where one can come in, by their origins, and those that show nothing.
// What runs in the latter has read the page's modules, which costs half of a visit.
const signedOut = new Map();
const idle = [];
// What the test has done to these would be there for the next one.
let altered = new Set();
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
  // A name of this machine that is no secure context.
  "--host-resolver-rules=MAP plain.test 127.0.0.1",
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
  altered = new Set();
  places = new Map();
  const found = problems.filter((problem) => !expected?.test(problem));
  problems = [];
  expected = null;
  assert.deepEqual(found, []);
});

/** Leave a tab as a new one is, or close it. */
async function leave(page) {
  if (page.isClosed() || page.context() !== shared) return page.close();
  const isSignedOut = !altered.has(page) && (await signOut(page));
  page.removeAllListeners();
  await page.evaluate(() => sessionStorage.clear());
  await page.setViewportSize(VIEWPORT);
  await page.emulateMedia({ colorScheme: null });
  if (isSignedOut) return signedOutOf(new URL(page.url()).origin).push(page);
  await page.goto("about:blank");
  idle.push(page);
}

/** Return the tabs at an origin where one can come in. */
function signedOutOf(origin) {
  if (!signedOut.has(origin)) signedOut.set(origin, []);
  return signedOut.get(origin);
}

/** Sign out of an open server; return whether that was possible. */
async function signOut(page) {
  const isIn = await page.evaluate(async () => {
    const { state } = await import("/web/state.js");
    if (!state.user || state.connection !== "online" || state.authMode !== "open") return false;
    document.querySelector("[aria-label^='Sign out']").click();
    return true;
  });
  if (!isIn) return false;
  await page.getByLabel("Your name").waitFor();
  await goTo(page, "#");
  return true;
}

/** In this test a page may log errors like these. */
export function expectErrors(pattern) {
  expected = pattern;
}

/**
 * A page of somebody, loaded at this address: each tab is a person of its own. With `options` in a
 * browser of their own.
 */
export async function visit(address, options) {
  const context = options ? await browser.newContext(options) : shared;
  const page = (!options && idle.pop()) || (await context.newPage());
  watch(page);
  await page.goto(address);
  return page;
}

function watch(page) {
  opened.push(page);
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("dialog", (dialog) => dialog.accept());
}

/** A page where somebody may come in, with this address. */
async function entrance(origin, hash) {
  const page = signedOutOf(origin).pop();
  if (!page) return visit(`${origin}/${hash}`);
  watch(page);
  await goTo(page, hash);
  return page;
}

/** Do something to a page that neither signing out nor its next user would undo. */
export function alter(page, work, argument) {
  altered.add(page);
  return page.evaluate(work, argument);
}

/** Where somebody comes in: with two nodes every second person at the other one. */
function urlFor(name) {
  if (!places.has(name)) places.set(name, places.size % 2 ? otherUrl : url);
  return places.get(name);
}

/** Somebody who has come in, at `place`: a project and a file of it. */
export async function comeIn(name, place = "", options = undefined) {
  const [origin, hash] = [urlFor(name), `#${place}`];
  const page = await (options ? visit(`${origin}/${hash}`, options) : entrance(origin, hash));
  return signIn(page, name);
}

/** Come in, on a page that asks who one is. */
export async function signIn(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return page;
}

/** Let a page go where another one is, on its own node, as by a click on a link. */
export function goTo(page, address) {
  return page.evaluate((hash) => void (location.hash = hash), new URL(address, page.url()).hash);
}

/** Somebody who has made a project, and the new file `path` in it, which is open. */
export async function withProject(name, project, path) {
  const page = await comeIn(name);
  await page.evaluate(
    async ([name, filePath]) => {
      const { ask } = await import("/web/session.js");
      const { enterProject } = await import("/web/route.js");
      const { createFile } = await import("/web/file_actions.js");
      const made = await ask("project:create", { name, description: "", type: "web" });
      await enterProject(made.project.id);
      await createFile(filePath);
    },
    [project, path],
  );
  await shows(page, path);
  return page;
}

/** Wait until a page shows a file, and its address says so. */
async function shows(page, path) {
  await button(page, "Edit alone").waitFor();
  const isIts = ({ hash }) => decodeURIComponent(hash).includes(`/${path}`);
  await page.waitForURL(isIts, { waitUntil: "commit" });
}

/** The same by hand. */
export async function makeProject(page, project, path) {
  await button(page, "New project").click();
  await page.getByLabel("Name", { exact: true }).fill(project);
  await button(page, "Create").click();
  await button(page, "New file").click();
  await page.getByLabel("Path of the new file").fill(path);
  await page.keyboard.press("Enter");
  await shows(page, path);
}

/** Share the open project. */
export async function share(page, userId, role) {
  await page.evaluate(
    async (withWhom) => {
      const { ask } = await import("/web/session.js");
      const { state } = await import("/web/state.js");
      await ask("project:share", { projectId: state.project.id, ...withWhom });
    },
    { userId, role },
  );
}

/** The same by hand. */
export async function shareByHand(page, userId, role) {
  await page.getByTitle("Settings and members").click();
  await page.getByLabel("User id").fill(userId);
  await page.getByLabel("Role").selectOption(role);
  await button(page, "Share").click();
  await page.getByRole("dialog").getByText(`${userId} ${role}`).waitFor();
  await button(page, "Close").click();
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

/** Let a page's connection break when the answers to its next events of this name come, unheard. */
export function breakAtAnswer(page, event, times = 1) {
  const breakIt = async ([name, most]) => {
    const { socket } = await import("/web/session.js");
    const { emit } = socket;
    let left = most;
    socket.emit = function (event, ...rest) {
      if (event !== name || left === 0) return emit.call(this, event, ...rest);
      left -= 1;
      const callback = rest.pop();
      return emit.call(this, event, ...rest, () => {
        socket.io.engine.close();
        callback(new Error("socket has been disconnected"));
      });
    };
  };
  return alter(page, breakIt, [event, times]);
}

/** Let a page hear its next event of this name, and what comes after it of that name, last of all. */
export function hearLate(page, event) {
  const holdBack = async (name) => {
    const { socket } = await import("/web/session.js");
    const { onevent } = socket;
    const held = (window.held = []);
    socket.onevent = (packet) => {
      if (packet.data[0] === name) held.push(packet);
      else onevent.call(socket, packet);
    };
    window.hearAll = () => {
      delete socket.onevent;
      for (const packet of held.splice(0)) socket.onevent(packet);
    };
  };
  return alter(page, holdBack, event);
}

/** Let a page hear what was held back. */
export const hearAll = (page) => page.evaluate(() => window.hearAll());

/** Let a page never hear the answer to its next event of each of these names. */
export function loseAnswers(page, events) {
  const lose = async (names) => {
    const { socket } = await import("/web/session.js");
    const { emit } = socket;
    const left = new Set(names);
    socket.emit = function (event, ...rest) {
      if (!left.delete(event)) return emit.call(this, event, ...rest);
      // At once, as if the time for it was over.
      this.flags = {};
      queueMicrotask(() => rest.at(-1)(new Error("operation has timed out")));
      return this;
    };
  };
  return alter(page, lose, events);
}

/** Let a page hear that its next event of this name is refused. */
export function refuse(page, event, error) {
  const refuseIt = async ([name, why]) => {
    const { socket } = await import("/web/session.js");
    const { emit } = socket;
    socket.emit = function (event, ...rest) {
      if (event !== name) return emit.call(this, event, ...rest);
      this.flags = {};
      socket.emit = emit;
      queueMicrotask(() => rest.at(-1)(null, { ok: false, error: why }));
      return this;
    };
  };
  return alter(page, refuseIt, [event, error]);
}

/** Wait until what `look` finds is what is expected. */
export async function becomes(look, expected) {
  for (const end = Date.now() + PATIENCE; ; ) {
    const found = await look();
    if (isDeepStrictEqual(found, expected)) return;
    if (Date.now() > end) assert.deepEqual(found, expected);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Wait until the editor has these lines. */
export const linesAre = (page, expected) => becomes(() => lines(page), expected);

async function lines(page) {
  const found = await text(page).locator(".cm-line").allTextContents();
  // The names at the others' cursors are no text.
  const names = await text(page).locator(".caret").allTextContents();
  return found.map((line) => names.reduce((rest, name) => rest.replace(name, ""), line));
}
