// The only place where the two servers may differ: each difference has a name, both values and the
// reason.
import assert from "node:assert/strict";
import { FIXTURE } from "./helpers.mjs";

const EXPECTATIONS = {
  "status of a refused WebSocket handshake": {
    node: 400,
    python: 403,
    reason:
      "Node answers every refused upgrade with 400; 403 is the status that polling gets for " +
      "the same refusal",
  },
  "leaving and joining in one breath keeps the connection": {
    node: false,
    python: true,
    reason:
      "Node handles DISCONNECT a tick later than CONNECT; when both come in one read, it takes the " +
      "second for a repeated CONNECT and closes the connection (the client then reconnects)",
  },
  "reason of the client after a message over the limit, over polling": {
    node: /^transport error$/,
    python: /^transport (error|close)$/,
    reason:
      "Node answers 413 and keeps the session; here the session is closed, and the client learns " +
      "it from the 413 or from the poll that waits, whichever comes first",
  },
  "status of polling from a foreign origin": {
    node: 200,
    python: 403,
    reason: "Node serves the request and leaves it to the browser to hide the answer from the page",
  },
  "a client that had no event recovers": {
    node: false,
    python: true,
    reason: "the client presents no offset then, and Node asks for one",
  },
  "a text at the end of a volatile event is no offset": {
    node: false,
    python: true,
    reason:
      "the client takes it for one; Node does not know it, and here it is followed by an offset",
  },
  "a client that is back before its loss was noticed recovers": {
    node: false,
    python: true,
    reason: "Node keeps the state when it notices the loss, which is too late then",
  },
  "a refusal ends the state that was kept": {
    node: false,
    python: true,
    reason: "the same private id is good for any number of returns on Node",
  },
  "WebSocket from a foreign origin is refused": {
    node: false,
    python: true,
    reason:
      "browsers do not apply CORS to WebSocket, so that only the server can refuse a foreign page; " +
      "Node does not",
  },
};

/** Return what the server under test is expected to do in the named point. */
export function expected(name) {
  assert.ok(name in EXPECTATIONS, `no expectation is named "${name}"`);
  return EXPECTATIONS[name][FIXTURE];
}
