// The bell, and what passes by.

import { useState } from "preact/hooks";
import { Ago, Dialog, IconButton, html } from "./html.js";
import { markRead } from "./project.js";
import { attempt } from "./state.js";

export function Notifications({ app }) {
  const [isOpen, setOpen] = useState(false);
  const unread = app.notifications.filter((one) => !one.isRead).length;
  const close = () => {
    setOpen(false);
    if (unread) attempt(markRead);
  };
  return html`<${IconButton}
      icon="bell"
      label=${`Notifications, ${unread} unread`}
      onClick=${() => setOpen(true)}
    >
      ${unread > 0 && html`<span class="count">${unread}</span>`}
    <//>
    ${
      isOpen &&
      html`<${Dialog} title="Notifications" close=${close}>
        <ul class="plain notices">
          ${app.notifications.map(
            (one) =>
              html`<li key=${one.id} class=${one.isRead ? "" : "unread"}>
                <strong>${one.title}</strong>
                <span>${one.message}</span>
                <span class="soft"><${Ago} time=${one.createdAt} /></span>
              </li>`,
          )}
          ${app.notifications.length === 0 && html`<li class="soft">Nothing yet.</li>`}
        </ul>
      <//>`
    }`;
}

export function Toasts({ app }) {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${app.toasts.map(
      ({ id, text, kind, action }) =>
        html`<p key=${id} class="toast ${kind}">
          ${text} ${action && html`<button onClick=${action.run}>${action.name}</button>`}
        </p>`,
    )}
  </div>`;
}
