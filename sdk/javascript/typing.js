// Telling the others that one is typing, without an event for each key.

// After which it is told again; the server forgets it after four seconds.
const TYPING_MILLISECONDS = 2_000;
// Without a key, after which nobody is typing any more.
const STILL_MILLISECONDS = 3_000;

/** Who types in which project; `emit` sends an event. */
export class TypingNotice {
  #emit;
  #projects = new Map();

  constructor(emit) {
    this.#emit = emit;
  }

  /** Take note that a key was pressed. */
  key(projectId) {
    const now = Date.now();
    const known = this.#projects.get(projectId);
    clearTimeout(known?.timer);
    const due = known === undefined || now - known.told >= TYPING_MILLISECONDS;
    if (due) this.#tell(projectId, true);
    const timer = setTimeout(() => this.stop(projectId), STILL_MILLISECONDS);
    this.#projects.set(projectId, { told: due ? now : known.told, timer });
  }

  /** Say that the user types no more. */
  stop(projectId) {
    const known = this.#projects.get(projectId);
    if (!known) return;
    clearTimeout(known.timer);
    this.#projects.delete(projectId);
    this.#tell(projectId, false);
  }

  /** Forget everything, without a word. */
  close() {
    for (const { timer } of this.#projects.values()) clearTimeout(timer);
    this.#projects.clear();
  }

  #tell(projectId, isTyping) {
    this.#emit("user:typing", { projectId, isTyping });
  }
}
