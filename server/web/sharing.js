// Sharing a project with somebody: a name is sought while it is typed.

import { useRef, useState } from "preact/hooks";
import { html, useSubmit } from "./html.js";
import { ask } from "./session.js";

const STILL_MILLISECONDS = 200;

export function Share({ projectId }) {
  const [found, setFound] = useState([]);
  const [problem, setProblem] = useState("");
  const field = useRef(null);
  const timer = useRef(0);
  const seek = () => {
    setProblem("");
    clearTimeout(timer.current);
    timer.current = setTimeout(async () => {
      const prefix = field.current?.value.trim();
      if (!prefix) return setFound([]);
      // Without it one types the whole name.
      const answer = await ask("user:search", { projectId, prefix }).catch(() => ({ users: [] }));
      if (field.current?.value.trim() === prefix) setFound(answer.users);
    }, STILL_MILLISECONDS);
  };
  const share = useSubmit(async (event) => {
    const { userId: typed, role } = Object.fromEntries(new FormData(event.target));
    const userId = typed.trim();
    try {
      await ask("project:share", { projectId, userId, role });
      field.current.value = "";
      setFound([]);
    } catch (error) {
      setProblem(error.code === "NOT_FOUND" ? `There is no user “${userId}”` : error.message);
      field.current.focus();
    }
  });
  return html`<form onSubmit=${share}>
    <div class="row">
      <input
        ref=${field}
        name="userId"
        required
        maxlength="128"
        placeholder="user id"
        aria-label="User id"
        aria-invalid=${problem !== ""}
        aria-describedby="share-problem"
        autocomplete="off"
        list="people-found"
        onInput=${seek}
      />
      <datalist id="people-found">
        ${found.map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}
      </datalist>
      <select name="role" aria-label="Role">
        <option>editor</option>
        <option>viewer</option>
        <option>owner</option>
      </select>
      <button>Share</button>
    </div>
    ${problem && html`<p class="problem" id="share-problem" role="alert">${problem}</p>`}
  </form>`;
}
