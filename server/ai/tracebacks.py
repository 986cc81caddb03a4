"""Explain a traceback: which lines of the project it went through, and what the error means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple


class Frame(NamedTuple):
    """A step of a traceback, as it is written there."""

    path: str
    line: int
    function: str | None


_PYTHON_FRAME: Final = re.compile(r'File "([^"\n]+)", line (\d+)(?:, in (\S+))?')
_SCRIPT_FRAME: Final = re.compile(
    r"^[ \t]*at (?:(.+?) \()?([^()\n]+?):(\d+):\d+\)?[ \t]*$", re.MULTILINE
)
_ERROR: Final = re.compile(r"^(?:Uncaught )?([A-Za-z_][\w.]*): (.*)$", re.MULTILINE)
_BARE_ERROR: Final = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt))$", re.MULTILINE)

_MEANINGS: Final = {
    "AssertionError": "a condition that the code takes for granted does not hold",
    "AttributeError": "an object has no attribute of that name; often it is None, or another type "
    "than expected",
    "FileNotFoundError": "there is no file at that path; a relative path begins at the working "
    "directory",
    "ImportError": "a module is there, but not the name that is imported from it; or two modules "
    "import each other",
    "IndentationError": "the indentation does not fit the lines around it",
    "IndexError": "a sequence is shorter than the index",
    "KeyError": "a dictionary has no such key; `get` returns None instead of raising",
    "ModuleNotFoundError": "the module is not installed in this environment, or its name is "
    "misspelt",
    "NameError": "the name was never assigned, or is misspelt, or is not imported",
    "RangeError": "a number is outside of what is allowed, or a function calls itself for ever",
    "RecursionError": "a function calls itself without coming to an end",
    "ReferenceError": "the name was never declared, or is used before its declaration",
    "SyntaxError": "the source cannot be parsed at that place, or shortly before it",
    "TypeError": "an operation got a value of a type that it cannot take; in JavaScript often "
    "undefined or null",
    "UnboundLocalError": "a variable is read before it is assigned in the same function",
    "ValueError": "the type is right and the value is not",
    "ZeroDivisionError": "something is divided by zero",
}


def frames(message: str) -> list[Frame]:
    """The frames of a Python traceback or a JavaScript stack, the innermost last."""
    python = [
        Frame(path, int(line), function or None)
        for path, line, function in _PYTHON_FRAME.findall(message)
    ]
    if python:
        return python
    script = [
        Frame(path, int(line), function or None)
        for function, path, line in _SCRIPT_FRAME.findall(message)
    ]
    return script[::-1]


def error(message: str) -> tuple[str, str] | None:
    """The kind and the text of the error, if there is one."""
    found = _ERROR.findall(message)
    if found:
        # Python says it last, JavaScript first; a chained traceback ends with what was raised.
        kind, text = found[-1] if _PYTHON_FRAME.search(message) else found[0]
        return kind, text
    bare = _BARE_ERROR.findall(message)
    return (bare[-1], "") if bare else None


def is_traceback(message: str) -> bool:
    """Whether a message has a traceback in it."""
    return bool(frames(message)) and error(message) is not None


def project_path(path: str, known: Iterable[str]) -> str | None:
    """The project's file that a frame is in: the one that shares the longest end of the path."""
    parts = path.replace("\\", "/").split("/")
    best, best_length = None, 0
    for candidate in known:
        own = candidate.split("/")
        if parts[-len(own) :] == own and len(own) > best_length:
            best, best_length = candidate, len(own)
    return best


def explain(message: str, located: Sequence[tuple[Frame, str | None, str | None]]) -> str:
    """Explain a traceback; `located` has each frame with its project file and that file's text."""
    found = error(message)
    lines = []
    if found is not None:
        kind, text = found
        meaning = _MEANINGS.get(kind.rpartition(".")[2])
        lines += [f"**{kind}**: {text}" if text else f"**{kind}**", ""]
        if meaning is not None:
            lines += [f"This means: {meaning}.", ""]
    own = [(frame, path, source) for frame, path, source in located if path is not None]
    if not own:
        lines.append("No line of it is in a file of this project.")
        return "\n".join(lines) + "\n"
    frame, path, source = own[-1]
    place = f" in `{frame.function}`" if frame.function else ""
    lines += [f"The innermost line of this project is `{path}` line {frame.line}{place}:", ""]
    lines += _excerpt(source or "", frame.line)
    if len(own) > 1:
        lines += ["", "It came there through:", ""]
        lines += [
            f"- `{path}` line {frame.line}" + (f" in `{frame.function}`" if frame.function else "")
            for frame, path, _ in own[:-1]
        ]
    return "\n".join(lines) + "\n"


def _excerpt(text: str, line: int) -> list[str]:
    """The lines around one, marked."""
    source = text.split("\n")
    if not 1 <= line <= len(source):
        return [f"(the file has {len(source)} lines now; it has changed since)"]
    first, last = max(1, line - 2), min(len(source), line + 2)
    shown = [
        f"{'>' if number == line else ' '} {number:4} {source[number - 1][:200]}"
        for number in range(first, last + 1)
    ]
    return ["```", *shown, "```"]
