// What goes wrong, in one hierarchy.

/** Base of every error of the SDK. */
export class SDKError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The server refused an event: `code` is one of the API's, such as "FORBIDDEN". */
export class Refused extends SDKError {
  constructor({ code, message, details }) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The server cannot be reached, is gone, or did not answer in time. */
export class Unreachable extends SDKError {}

/** The program has logged out, or in as another user, before all was done that it had begun. */
export class SessionEnded extends SDKError {}

/** Codes of refusals because the server could not do it now: the same may succeed later. */
export const FAILURES = new Set(["INTERNAL_ERROR", "STORAGE_ERROR"]);

/**
 * The code of refusals of too much; the details have `retryAfter` where waiting is all that it takes.
 */
export const LIMIT = "RATE_LIMIT_EXCEEDED";

/**
 * Return whether what the server has done before may succeed again: it cannot do it now, has too much of
 * something, or did not answer.
 */
export function mayPass(error) {
  return error instanceof Unreachable || FAILURES.has(error.code) || error.code === LIMIT;
}
