"""Beginnings of files: the answer to a request for a common thing, without a model.

Only what is asked for plainly is made, and only as a new file: "create a Python program called x",
and not "add a test for the parser". What is made can be parsed and run as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from keyword import iskeyword
from typing import Any, Final, NamedTuple


class Scaffold(NamedTuple):
    """A file to begin with, and a word for what it is."""

    path: str
    content: str
    about: str


_REQUEST: Final = re.compile(
    r"\b(?:create|generate|scaffold|make|write|build|add|start)\s+(?:me\s+|us\s+)?(?:an?|another)\s+"
    r"(?:(?:new|small|simple|little)\s+){0,3}(?P<what>[^\n]{1,200})",
    re.IGNORECASE,
)
_KINDS: Final = (
    (
        "component",
        re.compile(r"(?:(?:react|jsx|tsx|typescript|function)\s+){0,3}component\b", re.I),
    ),
    ("python", re.compile(r"python\s+(?:program|script|module|file)\b", re.I)),
    ("page", re.compile(r"(?:html\s+(?:web\s*)?(?:page|file)|web\s*page|html\s+document)\b", re.I)),
    ("style", re.compile(r"(?:css\s+)?style\s*sheet\b|css\s+file\b", re.I)),
    (
        "script",
        re.compile(r"(?:javascript|js|node(?:\.?js)?)\s+(?:program|script|module|file)\b", re.I),
    ),
    ("module", re.compile(r"(?:program|script|module)\b", re.I)),
)
_NAMED: Final = re.compile(
    r"\b(?:called|named)\s+[`'\"]?([A-Za-z_][\w-]*)(?![\w./-])", re.IGNORECASE
)
_FOR: Final = re.compile(
    r"\bfor (?:an? |the )?([a-z][a-z ]{0,40}?)(?=\s+(?:in|at|as|that|which|with|to)\b|[^a-z ]|$)",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"(?<![\w./-])[\w./-]{1,200}\.(?:jsx|tsx|py|html|css|js|mjs)\b")
_TODO: Final = re.compile(r"\bto-?do", re.IGNORECASE)

_SUFFIXES: Final = {
    "component": (".jsx", ".tsx"),
    "todo": (".jsx", ".tsx"),
    "python": (".py",),
    "page": (".html",),
    "style": (".css",),
    "script": (".mjs", ".js"),
}
_ABOUT: Final = {
    "component": "a React component to begin with",
    "todo": "a React component for a todo list: items can be added, ticked off and removed",
    "python": "a Python program to begin with: it prints the text that it is given",
    "page": "an HTML page to begin with",
    "style": "a style sheet to begin with, in light and dark",
    "script": "a JavaScript module to begin with: as a program it prints the text that it is given",
}

_TODO_LIST: Final = """\
import { useState } from 'react';

function nextId(items) {
  return 1 + Math.max(0, ...items.map((item) => item.id));
}

export default function NAME() {
  const [items, setItems] = useState([]);
  const [text, setText] = useState('');

  function add(event) {
    event.preventDefault();
    const title = text.trim();
    if (!title) return;
    setItems([...items, { id: nextId(items), title, done: false }]);
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
export default function NAME(PROPS) {
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
    """Return what the program prints for a text."""
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
_CSS: Final = """\
:root {
  color-scheme: light dark;
  --text: light-dark(#1c1c1c, #ececec);
  --ground: light-dark(#ffffff, #161616);
  --accent: light-dark(#3b5bdb, #91a7ff);
}

*,
*::before,
*::after {
  box-sizing: border-box;
}

body {
  margin: 0 auto;
  max-width: 40rem;
  padding: 1rem;
  font: 1rem/1.5 system-ui, sans-serif;
  color: var(--text);
  background: var(--ground);
}

a {
  color: var(--accent);
}

@media print {
  body {
    max-width: none;
  }
}
"""
_SCRIPT: Final = """\
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/** Return what the program prints for a text. */
export function NAME(text) {
  return text;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  console.log(NAME(argv[2] ?? ''));
}
"""


def understood(message: str, language: str | None) -> dict[str, Any] | None:
    """Return which file a message asks for plainly: `what` it is, the `name` of what is in it, and
    the `path` if the message names one. Return None if the message asks for none of these.
    """
    request = _REQUEST.search(message)
    if request is None:
        return None
    what = next((kind for kind, words in _KINDS if words.match(request["what"])), None)
    if what == "module":
        what = {"python": "python", "javascript": "script"}.get((language or "").lower())
    if what is None:
        return None
    if what == "component" and _TODO.search(request["what"]):
        what = "todo"
    fit = [one for one in _PATH.findall(message) if one.endswith(_SUFFIXES[what])]
    named = _NAMED.search(message) or _FOR.search(message)
    return {
        "what": what,
        "name": "" if named is None else named[1].strip(),
        "path": fit[0] if fit else None,
    }


def made(
    request: dict[str, Any],
    *,
    paths: Sequence[str],
    empty: Collection[str],
    current_file: str | None,
    language: str | None,
) -> Scaffold | None:
    """Return the file for what was understood; None if the path that was named is taken.

    paths: those of the project. empty: those of them that have no content and so may be written.
    """
    what: str = request["what"]
    suffix = _suffix(what, paths, language)
    path: str | None = request["path"]
    taken = {path.lower() for path in set(paths) - set(empty)}
    if path is not None and path.lower() in taken:
        return None
    if path is None and current_file and current_file.lower() not in taken:
        path = current_file if current_file.endswith(_SUFFIXES[what]) else None
    if path is None:
        path = _free(*_place(what, request["name"], suffix, paths), suffix, taken)
    return Scaffold(path, _content(what, request["name"], path), _ABOUT[what])


def _suffix(what: str, paths: Sequence[str], language: str | None) -> str:
    """Return how the name of a new file ends: like those of the project's files."""
    counts = Counter(one for one in _SUFFIXES[what] for path in paths if path.endswith(one))
    typed = (language or "").lower() == "typescript" and what in ("component", "todo")
    return ".tsx" if typed else max(_SUFFIXES[what], key=lambda one: counts[one])


def _place(what: str, name: str, suffix: str, paths: Sequence[str]) -> tuple[str, str]:
    """Return the folder of a new file, with its slash, and the name without its suffix."""
    if what in ("component", "todo"):
        folders = Counter(
            path.rpartition("/")[0] for path in paths if path.endswith(_SUFFIXES["component"])
        )
        folder = folders.most_common(1)[0][0] if folders else "src/components"
        stem = "TodoList" if what == "todo" else _pascal(name) or "NewComponent"
        return f"{folder}/" if folder else "", stem
    stems = {"python": "main", "page": "index", "style": "style", "script": "main"}
    return "", _snake(name) if name and what in ("python", "script") else stems[what]


def _free(folder: str, stem: str, suffix: str, taken: Collection[str]) -> str:
    number = 1
    path = f"{folder}{stem}{suffix}"
    while path.lower() in taken:
        number += 1
        path = f"{folder}{stem}{number}{suffix}"
    return path


def _content(what: str, name: str, path: str) -> str:
    stem = path.rpartition("/")[2].partition(".")[0]
    match what:
        case "component" | "todo":
            template = _TODO_LIST if what == "todo" else _COMPONENT
            props = "{ title, children }"
            if what == "component" and path.endswith(".tsx"):
                template = "import type { ReactNode } from 'react';\n\n" + template
                props += ": { title: string; children?: ReactNode }"
            if what == "todo" and path.endswith(".tsx"):
                template = _typed(template)
            return template.replace("PROPS", props).replace("NAME", _pascal(stem) or "NewComponent")
        case "python":
            return _MODULE.replace("NAME", _function(stem)).replace("ABOUT", f"{_title(stem)}.")
        case "page":
            return _HTML.replace("NAME", _title(name) or "New page")
        case "style":
            return _CSS
        case _:
            function = _pascal(stem)[:1].lower() + _pascal(stem)[1:]
            return _SCRIPT.replace("NAME", f"{function or 'main'}Text")


_TYPED_IMPORT: Final = """\
import { type FormEvent, useState } from 'react';

type Item = { id: number; title: string; done: boolean };
"""


def _typed(template: str) -> str:
    return (
        template.replace(
            "useState([])",
            "useState<Item[]>([])",
        )
        .replace("add(event)", "add(event: FormEvent)")
        .replace("toggle(id)", "toggle(id: number)", 1)
        .replace("remove(id)", "remove(id: number)", 1)
        .replace("nextId(items)", "nextId(items: Item[])", 1)
        .replace("import { useState } from 'react';\n", _TYPED_IMPORT)
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text)[:5]


def _pascal(text: str) -> str:
    joined = "".join(word[:1].upper() + word[1:] for word in _words(text))
    return joined if joined[:1].isalpha() else ""


def _snake(text: str) -> str:
    return "_".join(word.lower() for word in _words(text)) or "main"


def _function(stem: str) -> str:
    """Return a name that a Python function beside `main` can have."""
    name = _snake(stem)
    return f"{name}_text" if name == "main" or not name.isidentifier() or iskeyword(name) else name


def _title(text: str) -> str:
    return " ".join(_words(text)).capitalize()
