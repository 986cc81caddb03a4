// Making something, where the answer may be lost: then nobody knows whether it was made. It has a key,
// under which the server makes it once, however often it is sent.

import { randomName } from "./random_name.js";
import { NoAnswer, ask } from "./session.js";

/** Send an event that makes something and wait for its acknowledgement, once more where none came. */
export async function make(event, values, key = randomName()) {
  const payload = { ...values, key };
  try {
    return await ask(event, payload);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return ask(event, payload);
  }
}

/** Return a function that returns a key for what is sent: the same one for the same as before. */
export function keeper() {
  const last = {};
  return (values) => {
    const text = JSON.stringify(values);
    if (last.text !== text) Object.assign(last, { text, key: randomName() });
    return last.key;
  };
}
