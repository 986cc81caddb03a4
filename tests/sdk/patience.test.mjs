// How long the JavaScript SDK and the page wait before they try again; test_javascript.py runs it.

import assert from "node:assert/strict";
import test from "node:test";
import { Refused, Unreachable } from "../../sdk/javascript/errors.js";
import { Pauses, insisting, persist } from "../../sdk/javascript/patience.js";

const refusal = (code, details) => new Refused({ code, message: "no", details });

test("pauses grow up to the longest", () => {
  const pauses = new Pauses(() => 0);
  const error = refusal("STORAGE_ERROR");
  const all = Array.from({ length: 6 }, () => pauses.after(error));
  assert.deepEqual(all, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.equal(new Pauses(() => 1).after(new Unreachable("no answer")), 1_500);
});

test("a pause is at least what the server asks for", () => {
  const pauses = new Pauses(() => 0.5);
  assert.equal(pauses.after(refusal("RATE_LIMIT_EXCEEDED", { retryAfter: 4 })), 5_000);
  // What else is sent may take the place of this one, each time anew: so the next ones are longer.
  const soon = refusal("RATE_LIMIT_EXCEEDED", { retryAfter: 0.001 });
  const again = new Pauses(() => 0);
  const all = Array.from({ length: 8 }, () => again.after(soon));
  assert.deepEqual(all, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  // What the server says is no reason to wait for longer the next time.
  assert.equal(pauses.after(refusal("RATE_LIMIT_EXCEEDED", { holds: 100 })), 1_250);
});

test("tries again while the error passes and what it is done for lasts", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries < 3) throw new Unreachable("no answer");
    return tries;
  };
  let isThere = true;
  const done = persist(work, () => true, () => isThere);
  for (const milliseconds of [1_500, 3_000]) {
    await new Promise(setImmediate);
    mock.timers.tick(milliseconds);
  }
  assert.equal(await done, 3);
  tries = 0;
  await assert.rejects(persist(work, () => false, () => true), Unreachable);
  assert.equal(tries, 1);
  const late = assert.rejects(persist(work, () => true, () => isThere), Unreachable);
  await new Promise(setImmediate);
  isThere = false;
  mock.timers.tick(3_000);
  await late;
  assert.equal(tries, 2);
});

test("insists on what is refused only because it comes too fast", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const socket = { id: "first" };
  const refusals = [{ retryAfter: 0.5 }, { retryAfter: 0.5 }, undefined];
  const asked = [];
  const insist = insisting(socket, async (event, payload) => {
    asked.push([event, payload]);
    const details = refusals.shift();
    throw refusal("RATE_LIMIT_EXCEEDED", details);
  });
  const refused = assert.rejects(insist("file:lock", { a: 1 }), { details: undefined });
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise(setImmediate);
    mock.timers.tick(750);
  }
  await refused;
  assert.deepEqual(asked, Array(3).fill(["file:lock", { a: 1 }]));
  refusals.push({ retryAfter: 0.5 });
  const lost = assert.rejects(insist("file:lock", {}), { code: "RATE_LIMIT_EXCEEDED" });
  await new Promise(setImmediate);
  socket.id = "second";
  mock.timers.tick(750);
  await lost;
  assert.equal(asked.length, 4);
});
