// Who are you? A name is enough where the server runs in open mode.

import { useState } from "preact/hooks";
import { Icon, html } from "./html.js";
import { signIn } from "./session.js";

const DEMONSTRATION = ["user-456", "user-789"];

export function SignIn({ app }) {
  const isOpen = app.authMode === "open";
  const [withName, setWithName] = useState(isOpen);
  const submit = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    if (values.name !== undefined) values.name = values.name.trim();
    signIn(values);
  };
  return html`<main class="sign-in">
    <form class="card" onSubmit=${submit}>
      <h1><${Icon} name="wire" /> AI Coding Assistant</h1>
      <p class="soft">Write code together, and with an assistant. Live.</p>
      ${app.isInvited && html`<p role="status">You are invited to a project: come in to join it.</p>`}
      ${withName ? html`<${NameFields} busy=${app.signingIn} />` : html`<${PasswordFields} />`}
      ${app.signInError && html`<p class="problem" role="alert">${app.signInError}</p>`}
      <button class="primary" disabled=${app.signingIn}>
        ${app.signingIn ? "Connecting…" : "Come in"}
      </button>
      ${
        isOpen &&
        html`<button type="button" class="link" onClick=${() => setWithName(!withName)}>
          ${withName ? "Use a password instead" : "Come in with a name only"}
        </button>`
      }
    </form>
  </main>`;
}

function NameFields({ busy }) {
  return html`<label>
      Your name
      <input name="name" required maxlength="128" autocomplete="username" autofocus
        placeholder="ada" pattern=".*\\S.*" />
    </label>
    <div class="choices">
      <span class="soft">or be</span>
      ${DEMONSTRATION.map(
        (name) =>
          html`<button type="button" disabled=${busy} onClick=${() => signIn({ name })}>
            ${name}
          </button>`,
      )}
    </div>`;
}

function PasswordFields() {
  return html`<label>
      User
      <input name="username" required maxlength="128" autocomplete="username" autofocus />
    </label>
    <label>
      Password
      <input name="password" type="password" required autocomplete="current-password" />
    </label>`;
}
