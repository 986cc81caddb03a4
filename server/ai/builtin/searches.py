"""What the built-in provider finds in the texts of files. Done by a worker: see `background`.

A list has at most `MAX_LISTED` lines, and says how much more there is.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Final

from server.ai.builtin import outlines
from server.ai.relevance import Texts

MAX_DOTS: Final = 200
"""Dots in a line of TOML: the parser's time grows with the square of the dots in a key."""
MAX_LISTED: Final = 100

Found = tuple[list[str], int]
"""The first `MAX_LISTED` lines, and how many there are."""

_TODO: Final = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def outline(path: str, text: str) -> str:
    """Say what a file defines."""
    try:
        symbols = outlines.outline(path, text)
    except SyntaxError as error:
        return f"`{path}` cannot be parsed: {_syntax_error(error)}\n"
    if symbols is None:
        return f"I know no language that `{path}` could be written in.\n"
    if not symbols:
        return f"`{path}` defines nothing that I recognise.\n"
    lines = [
        f"- {'  ' * one.depth}{one.kind} `{one.name[:200]}`, line {one.line}" for one in symbols
    ]
    return f"`{path}` defines:\n\n" + listed(lines[:MAX_LISTED], len(lines))


def find(texts: Texts, name: str) -> tuple[Found, Found]:
    """List where a symbol is defined, and where it is used."""
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    definitions: list[str] = []
    uses: list[str] = []
    for path, text in texts:
        if name not in text:
            continue
        defined = {one.line: one.kind for one in _symbols(path, text) if one.name == name}
        for number, line in enumerate(text.split("\n"), start=1):
            if number in defined:
                definitions.append(f"- {defined[number]} in `{path}`, line {number}")
            elif word.search(line):
                uses.append(f"- `{path}`, line {number}: `{line.strip()[:120]}`")
    return _beginning(definitions), _beginning(uses)


def check(texts: Texts) -> tuple[int, Found]:
    """Count the files whose syntax can be checked, and list the faults of those."""
    results = [(path, _fault(path, text)) for path, text in texts]
    checked = [(path, fault) for path, fault in results if fault is not None]
    faults = [f"- `{path}`: {fault[:500]}" for path, fault in checked if fault]
    return len(checked), _beginning(faults)


def todos(texts: Texts) -> Found:
    """List the comments about what is to be done."""
    return _beginning(
        [
            f"- `{path}`, line {number}: {line.strip()[:200]}"
            for path, text in texts
            for number, line in enumerate(text.split("\n"), start=1)
            if _TODO.search(line)
        ]
    )


def listed(lines: list[str], count: int) -> str:
    """Return the lines of a list, and how many of `count` it leaves out."""
    more = count - len(lines)
    rest = [f"- … and {more} more"] if more > 0 else []
    return "\n".join([*lines, *rest]) + "\n"


def _beginning(lines: list[str]) -> Found:
    return lines[:MAX_LISTED], len(lines)


def _symbols(path: str, text: str) -> list[outlines.Symbol]:
    try:
        return outlines.outline(path, text) or []
    except SyntaxError:
        return []


def _fault(path: str, text: str) -> str | None:
    """Return the fault of a file, "" for none; None where the syntax cannot be checked."""
    try:
        match outlines.suffix_of(path):
            case "py":
                outlines.parse_python(text)
            case "json":
                json.loads(text)
            case "toml":
                if any(line.count(".") > MAX_DOTS for line in text.split("\n")):
                    return f"not checked, a line has more than {MAX_DOTS} dots"
                tomllib.loads(text)
            case _:
                return None
    except SyntaxError as error:
        return _syntax_error(error)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _syntax_error(error: SyntaxError) -> str:
    return error.msg if error.lineno is None else f"{error.msg}, line {error.lineno}"
