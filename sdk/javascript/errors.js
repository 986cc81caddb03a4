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

/** Codes of refusals because the server could not do it now: the same may succeed later. */
export const FAILURES = new Set(["INTERNAL_ERROR", "STORAGE_ERROR"]);
