/** Return a name that no other has, and nobody guesses; `crypto.randomUUID` is not on every page. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
