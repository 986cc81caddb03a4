// Asking the holder of a lock to hand it over.

import { Unreachable } from "./errors.js";

/**
 * Send `lock:ask` and wait for what becomes of it: the server ends each request within its time.
 * Rejects with `Unreachable` when the connection is lost before.
 */
export async function askForLock(socket, call, payload) {
  const outcomes = new Map();
  let lost;
  let wake = () => {};
  const heard = ({ requestId, outcome }) => {
    outcomes.set(requestId, outcome);
    wake();
  };
  const lose = (reason) => {
    lost = new Unreachable(`the connection was lost before the answer: ${reason}`);
    wake();
  };
  // From before the request is sent, so that the answer is not missed.
  socket.on("lock:answered", heard);
  socket.on("disconnect", lose);
  try {
    const { request } = await call("lock:ask", payload);
    while (!outcomes.has(request.id)) {
      if (lost) throw lost;
      await new Promise((done) => (wake = done));
    }
    return outcomes.get(request.id);
  } finally {
    socket.off("lock:answered", heard);
    socket.off("disconnect", lose);
  }
}
