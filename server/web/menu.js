// A menu at a place of the page: with the keyboard, arrows go through it and Escape closes it.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon, html } from "./html.js";

const MARGIN = 8;

/** `items`: {icon, name, keys?, run}, or null for a line between them. `at`: {x, y}. */
export function Menu({ label, items, at, close }) {
  const element = useRef(null);
  const before = useRef(document.activeElement);
  useLayoutEffect(() => {
    const { style } = element.current;
    const { width, height } = element.current.getBoundingClientRect();
    style.left = `${Math.max(MARGIN, Math.min(at.x, innerWidth - width - MARGIN))}px`;
    style.top = `${Math.max(MARGIN, Math.min(at.y, innerHeight - height - MARGIN))}px`;
    element.current.querySelector("button").focus();
  }, []);
  useEffect(() => {
    const away = (event) => !element.current.contains(event.target) && close();
    addEventListener("pointerdown", away, true);
    return () => removeEventListener("pointerdown", away, true);
  }, []);
  const leave = () => {
    close();
    before.current?.focus();
  };
  const key = (event) => {
    const buttons = [...element.current.querySelectorAll("button")];
    const index = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) buttons.at(to % buttons.length).focus();
    else if (event.key === "Escape" || event.key === "Tab") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const choose = (run) => {
    leave();
    run();
  };
  return html`<div class="menu" role="menu" aria-label=${label} ref=${element} onKeyDown=${key}>
    ${items.map((item) =>
      item === null
        ? html`<hr />`
        : html`<button role="menuitem" tabindex="-1" onClick=${() => choose(item.run)}>
            <${Icon} name=${item.icon} /> <span>${item.name}</span>
            ${item.keys && html`<kbd aria-hidden="true">${item.keys}</kbd>`}
          </button>`,
    )}
  </div>`;
}
