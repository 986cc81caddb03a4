// Preact's elements written as tagged templates, for all views.

import { html } from "htm/preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export { html };

const PATHS = {
  bell: "M6 9a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2 2 0 0 0 4 0",
  chat: "M4 5h16v11H9l-5 4z",
  check: "M4 12l5 5L20 6",
  close: "M5 5l14 14M19 5L5 19",
  code: "M8 6l-6 6 6 6M16 6l6 6-6 6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  down: "M5 9l7 7 7-7",
  download: "M12 4v11M7 10l5 5 5-5M4 20h16",
  folder: "M3 6h6l2 2h10v11H3z",
  folderOpen: "M3 19V6h6l2 2h8v3M3 19l3-8h16l-3 8z",
  history: "M3 12a9 9 0 1 0 3-6.7M3 4v5h5M12 7v5l4 2",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  move: "M4 12h14M13 7l5 5-5 5",
  newFolder: "M3 6h6l2 2h10v11H3zM12 10v6M9 13h6",
  pencil: "M4 20l1-5L16 4l4 4L9 19z",
  moon: "M20 14A8 8 0 1 1 10 4a6 6 0 0 0 10 10z",
  out: "M10 4H4v16h6M9 12h12M17 8l4 4-4 4",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3 20c0-4 2-6 6-6s6 2 6 6M16 5a3 3 0 0 1 0 6M17 14c3 0 4 2 4 5",
  review: "M4 6h16M4 12h8M4 18h8M15 15l2 2 4-5",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5",
  searchFiles: "M3 6h13M3 11h6M3 16h5M15 10a4 4 0 1 0 0 8 4 4 0 0 0 0-8M18 17l4 4",
  send: "M4 12l16-8-6 16-3-7z",
  stop: "M6 6h12v12H6z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  up: "M5 15l7-7 7 7",
  upload: "M12 15V4M7 9l5-5 5 5M4 20h16",
  wire: "M2 12h4l3-7 5 14 3-7h5",
};

/** A drawing beside a text, or alone in a button that has a label. */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** A button with nothing but a drawing; `label` is read out and shown as a hint. */
export function IconButton({ icon, label, children, ...rest }) {
  return html`<button type="button" class="quiet" title=${label} aria-label=${label} ...${rest}>
    <${Icon} name=${icon} />${children}
  </button>`;
}

/** The first letters of a user's name on the user's colour. */
export function Avatar({ user, status = "online" }) {
  const letters = user.name.replace(/^(user|guest)-/, "").slice(0, 2);
  return html`<span class="avatar ${hue(user)} ${status}" title=${user.name} aria-hidden="true">
    ${letters}
  </span>`;
}

const HUES = 8;

/** Return the class with a user's colour, the same on every page. */
export function hue(user) {
  let sum = 0;
  for (const letter of user.id) sum = (sum * 31 + letter.codePointAt(0)) % 65_521;
  return `hue-${sum % HUES}`;
}

/** A window over the page, which keeps the keyboard and closes with Escape. */
export function Dialog({ title, close, children, wide }) {
  const element = useRef(null);
  // The next key is for it: after the frame would be too late.
  useLayoutEffect(() => {
    element.current.showModal();
  }, []);
  // The second press of a double click was meant for what has opened the window.
  const closeOutside = ({ target, detail }) => target === element.current && detail < 2 && close();
  return html`<dialog
    ref=${element}
    class=${wide ? "wide" : ""}
    aria-label=${title}
    onClose=${close}
    onMouseDown=${closeOutside}
  >
    <header>
      <h2>${title}</h2>
      <${IconButton} icon="close" label="Close" onClick=${close} />
    </header>
    ${children}
  </dialog>`;
}

/** Return what submits a form by `work(event)`, once at a time: a double click, or a second Enter, is one. */
export function useSubmit(work) {
  const isGoingOn = useRef(false);
  return async (event) => {
    event.preventDefault();
    if (isGoingOn.current) return;
    isGoingOn.current = true;
    try {
      await work(event);
    } finally {
      isGoingOn.current = false;
    }
  };
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** How long ago a time is, such as "5 minutes ago". */
export function Ago({ time }) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const steps = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ];
  const [unit, length] = steps.find(([, length]) => -seconds >= length) ?? ["", 1];
  const text = unit ? relative.format(Math.round(seconds / length), unit) : "just now";
  return html`<time datetime=${time} title=${new Date(time).toLocaleString()}>${text}</time>`;
}
