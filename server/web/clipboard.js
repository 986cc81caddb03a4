// Copying a text, also where the browser hides its clipboard: outside https and localhost.

/** Copy a text. Rejects if the browser does not let the page do so. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  area.className = "hidden-text";
  const focused = document.activeElement;
  // What is outside of an open dialog cannot be chosen.
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  (dialog ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!isCopied) throw new Error("The browser did not let the page copy the text");
}
