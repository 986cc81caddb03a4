"""Beginnings of files: what a request for a common thing gets, without a model."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Scaffold(NamedTuple):
    """A file to begin with, and what it is."""

    path: str
    content: str
    about: str


_REQUEST: Final = re.compile(
    r"\b(?:create|generate|scaffold|make|add|write|build)\b", re.IGNORECASE
)
_NAMED: Final = re.compile(r"\b(?:called|named)\s+[`'\"]?([A-Za-z_]\w*)", re.IGNORECASE)
_FOR: Final = re.compile(r"\bfor (?:an? |the )?([a-z][a-z ]{1,40})", re.IGNORECASE)
_REACT: Final = re.compile(r"\breact\b|\bcomponent\b|\bjsx\b", re.IGNORECASE)
_TODO: Final = re.compile(r"\bto-?do", re.IGNORECASE)
_PYTHON: Final = re.compile(r"\bpython\b", re.IGNORECASE)
_PAGE: Final = re.compile(r"\bhtml\b|\bweb ?page\b", re.IGNORECASE)

_TODO_LIST: Final = """\
import { useState } from 'react';

export default function NAME() {
  const [items, setItems] = useState([]);
  const [text, setText] = useState('');

  function add(event) {
    event.preventDefault();
    const title = text.trim();
    if (!title) return;
    setItems([...items, { id: crypto.randomUUID(), title, done: false }]);
    setText('');
  }

  function toggle(id) {
    setItems(items.map((item) => (item.id === id ? { ...item, done: !item.done } : item)));
  }

  function remove(id) {
    setItems(items.filter((item) => item.id !== id));
  }

  return (
    <section>
      <form onSubmit={add}>
        <label>
          New item
          <input value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        <button type="submit">Add</button>
      </form>
      <ul>
        {items.map((item) => (
          <li key={item.id}>
            <label>
              <input type="checkbox" checked={item.done} onChange={() => toggle(item.id)} />
              {item.done ? <s>{item.title}</s> : item.title}
            </label>
            <button type="button" onClick={() => remove(item.id)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
"""
_COMPONENT: Final = """\
export default function NAME({ title, children }) {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
"""
_MODULE: Final = '''\
"""ABOUT"""

from __future__ import annotations

import argparse


def NAME(text: str) -> str:
    """Return what the program prints for `text`."""
    return text


def main() -> None:
    """Read the command line, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    print(NAME(parser.parse_args().text))


if __name__ == "__main__":
    main()
'''
_HTML: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>NAME</title>
<style>
  body {
    font: 1rem/1.5 system-ui, sans-serif;
    max-width: 40rem;
    margin: 2rem auto;
    padding: 0 1rem;
  }
</style>
<main>
  <h1>NAME</h1>
</main>
</html>
"""


def scaffold(
    message: str, *, current_file: str | None, language: str | None, framework: str | None
) -> Scaffold | None:
    """Return the scaffold that a message asks for, if it is one of these."""
    if not _REQUEST.search(message):
        return None
    wants_react = _REACT.search(message) or (framework or "").lower() == "react"
    if _PYTHON.search(message) or (not wants_react and (language or "").lower() == "python"):
        name = _snake(_name(message) or "main")
        content = _MODULE.replace("NAME", name).replace("ABOUT", f"{_title(name)}.")
        return Scaffold(_path(current_file, ".py", f"{name}.py"), content, "a Python program")
    if _PAGE.search(message):
        title = _title(_name(message) or "New page")
        content = _HTML.replace("NAME", title)
        return Scaffold(_path(current_file, ".html", "index.html"), content, "an HTML page")
    if not wants_react:
        return None
    suffix = ".tsx" if (language or "").lower() == "typescript" else ".jsx"
    if _TODO.search(message):
        path = _path(current_file, suffix, f"src/components/TodoList{suffix}")
        about = "a React component for a todo list: items can be added, ticked off and removed"
        return Scaffold(path, _TODO_LIST.replace("NAME", _stem(path)), about)
    path = _path(current_file, suffix, f"src/components/{_pascal(_name(message) or 'New')}{suffix}")
    return Scaffold(path, _COMPONENT.replace("NAME", _stem(path)), "a React component")


def _path(current_file: str | None, suffix: str, otherwise: str) -> str:
    """Return the file that the user looks at, if the scaffold fits, or a place for a new one."""
    return current_file if current_file and current_file.endswith(suffix) else otherwise


def _name(message: str) -> str | None:
    found = _NAMED.search(message) or _FOR.search(message)
    return None if found is None else found[1].strip()


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text)[:5]


def _pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in _words(text)) or "New"


def _snake(text: str) -> str:
    return "_".join(word.lower() for word in _words(text)) or "main"


def _title(text: str) -> str:
    return " ".join(_words(text)).capitalize() or "New"


def _stem(path: str) -> str:
    return _pascal(path.rpartition("/")[2].partition(".")[0])
