// What the wire drawer makes of packets, with literals of the protocol.

import assert from "node:assert/strict";
import test from "node:test";
import { takeApart } from "../../server/web/packets.js";

const empty = { socketType: "", namespace: "", id: "", event: "", payload: undefined };

/** A packet without its explanation. */
function read(engineType, data) {
  const { parts, ...packet } = takeApart(engineType, data);
  // The pieces are the whole packet, in its order.
  if (typeof data !== "object") {
    const digit = { open: "0", close: "1", ping: "2", pong: "3", message: "4" }[engineType];
    assert.equal(parts.map(({ text }) => text).join(""), digit + (data ?? ""));
  }
  return packet;
}

test("Engine.IO packets", () => {
  assert.deepEqual(read("ping"), { ...empty, engineType: "ping", size: 1 });
  assert.deepEqual(read("open", '{"sid":"a"}'), {
    ...empty,
    engineType: "open",
    payload: { sid: "a" },
    size: 12,
  });
  assert.deepEqual(read("pong", "probe"), {
    ...empty,
    engineType: "pong",
    payload: "probe",
    size: 6,
  });
});

for (const [data, expected] of [
  ['0{"sid":"a"}', { socketType: "CONNECT", payload: { sid: "a" } }],
  ['0/admin,{"name":"é"}', { socketType: "CONNECT", namespace: "/admin", payload: { name: "é" } }],
  ["1/admin,", { socketType: "DISCONNECT", namespace: "/admin" }],
  ["1", { socketType: "DISCONNECT" }],
  ['2["a:b",1]', { socketType: "EVENT", event: "a:b", payload: ["a:b", 1] }],
  ['212["a"]', { socketType: "EVENT", event: "a", id: "12", payload: ["a"] }],
  ["3/admin,456[]", { socketType: "ACK", namespace: "/admin", id: "456", payload: [] }],
  ['4{"message":"no"}', { socketType: "CONNECT_ERROR", payload: { message: "no" } }],
  [
    '51-/x,7["a",{"_placeholder":true,"num":0}]',
    {
      socketType: "BINARY_EVENT",
      namespace: "/x",
      id: "7",
      event: "a",
      payload: ["a", { _placeholder: true, num: 0 }],
    },
  ],
  ["61-3[null]", { socketType: "BINARY_ACK", id: "3", payload: [null] }],
  ["2{broken", { socketType: "EVENT", payload: "{broken" }],
  ["9", { socketType: "unknown" }],
]) {
  test(`message ${data}`, () => {
    const size = 1 + Buffer.byteLength(data);
    assert.deepEqual(read("message", data), {
      ...empty,
      namespace: "/",
      engineType: "message",
      size,
      ...expected,
    });
  });
}

test("an attachment is bytes", () => {
  assert.deepEqual(read("message", new ArrayBuffer(5)), {
    ...empty,
    engineType: "message",
    socketType: "attachment",
    size: 5,
  });
});

test("what opens a session is covered", () => {
  const login = '21["auth:login",{"username":"ada","password":"open \\"sesame"}]';
  const { parts, payload, size } = takeApart("message", login);
  assert.deepEqual(payload, ["auth:login", { username: "ada", password: "•••" }]);
  assert.equal(size, 1 + login.length);
  assert.ok(!JSON.stringify(parts).includes("sesame"));
  const session = { userId: "ada", createdAt: "now", expiresAt: "later", id: "secret" };
  const answer = takeApart("message", `31[${JSON.stringify({ ok: true, session })}]`);
  assert.deepEqual(answer.payload, [{ ok: true, session: { ...session, id: "•••" } }]);
  const open = takeApart("message", '0{"sessionId":"secret"}');
  assert.deepEqual(open.payload, { sessionId: "•••" });
});
