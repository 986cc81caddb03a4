// The bell, and what passes by.

import { useState } from "preact/hooks";
import { answer } from "./asking.js";
import { Ago, Dialog, IconButton, html } from "./html.js";
import { markRead, mayOpen, openNotice, subjectOf } from "./notices.js";
import { attempt } from "./state.js";

export function Notifications({ app }) {
  const [isOpen, setOpen] = useState(false);
  const unread = app.notifications.filter((one) => !one.isRead).length;
  const close = () => setOpen(false);
  const open = (notice) => {
    close();
    attempt(() => openNotice(notice));
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
        ${
          unread > 0 &&
          html`<button class="link" onClick=${() => attempt(markRead)}>Mark all as read</button>`
        }
        <ul class="plain notices">
          ${app.notifications.map(
            (one) => html`<${Notice} key=${one.id} notice=${one} open=${open} asks=${app.asks} />`,
          )}
          ${app.notifications.length === 0 && html`<li class="soft">Nothing yet.</li>`}
        </ul>
      <//>`
    }`;
}

function Notice({ notice, open, asks }) {
  const { id, title, message, createdAt, isRead } = notice;
  const subject = subjectOf(notice);
  const request = asks.get(notice.about?.requestId);
  const run = () => (mayOpen(notice) ? open(notice) : attempt(() => markRead([id])));
  return html`<li class=${isRead ? "" : "unread"}>
    <button onClick=${run}>
      <strong>${title}</strong>
      <span>${message}</span>
      <span class="soft">${subject && `${subject} · `}<${Ago} time=${createdAt} /></span>
    </button>
    ${request && html`<${Reply} request=${request} />`}
  </li>`;
}

/** Whoever is asked for a file answers here, too, on whatever page. */
function Reply({ request }) {
  const reply = (isHandedOver) => attempt(() => answer(request, isHandedOver));
  return html`<p class="reply row">
    <button class="primary" onClick=${() => reply(true)}>Hand over</button>
    <button onClick=${() => reply(false)}>Keep</button>
  </p>`;
}

export function Toasts({ app }) {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${app.toasts.map(
      ({ id, text, kind, action }) =>
        html`<p key=${id} class="toast ${kind}">
          <span>${text}</span> ${action && html`<button onClick=${action.run}>${action.name}</button>`}
        </p>`,
    )}
  </div>`;
}
