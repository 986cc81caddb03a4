"""Explain a traceback: which lines of the project it went through, and what the error means."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Final, NamedTuple


class Frame(NamedTuple):
    """A step of a traceback, as the traceback writes it."""

    path: str
    line: int
    function: str | None


MAX_DEPTH: Final = 64
"""Parts of a frame's path that are compared with the project's paths."""

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
    """Return the frames of a Python traceback or a JavaScript stack, the innermost last."""
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
    """Return the kind and the text of the error, if there is one."""
    found = _ERROR.findall(message)
    if found:
        # Python names the error last, JavaScript first. A chained traceback ends with the error
        # that was raised.
        kind, text = found[-1] if _PYTHON_FRAME.search(message) else found[0]
        return kind, text
    bare = _BARE_ERROR.findall(message)
    return (bare[-1], "") if bare else None


def project_path(path: str, known: Container[str]) -> str | None:
    """Return the project's file that a frame is in: the longest end of the frame's path that is a
    path of the project.

    The path is looked up, part by part: a project has 10,000 files, a traceback 50 frames.
    """
    parts = path.replace("\\", "/").split("/")[-MAX_DEPTH:]
    for first in range(len(parts)):
        end = "/".join(parts[first:])
        if end in known:
            return end
    return None


def explain(
    found: tuple[str, str], located: Sequence[tuple[Frame, str | None]], source: str | None
) -> str:
    """Explain an error. `located` has each frame, with its file in the project if it is in one.

    `source` is the text of the innermost of these files, None if it cannot be shown.
    """
    kind, text = found
    meaning = _MEANINGS.get(kind.rpartition(".")[2])
    lines = [f"**{kind}**: {text}" if text else f"**{kind}**", ""]
    if meaning is not None:
        lines += [f"This means: {meaning}.", ""]
    own = [(Frame(*frame), path) for frame, path in located if path is not None]
    if not own:
        lines.append("No line of it is in a file of this project.")
        return "\n".join(lines) + "\n"
    frame, path = own[-1]
    place = f" in `{frame.function}`" if frame.function else ""
    lines += [f"The innermost line of this project is `{path}` line {frame.line}{place}:", ""]
    lines += ["(the file is too large to show)"] if source is None else _excerpt(source, frame.line)
    if len(own) > 1:
        lines += ["", "It came there through:", ""]
        lines += [
            f"- `{path}` line {frame.line}" + (f" in `{frame.function}`" if frame.function else "")
            for frame, path in own[:-1]
        ]
    return "\n".join(lines) + "\n"


def _excerpt(text: str, line: int) -> list[str]:
    """Return the lines around one, marked."""
    source = text.split("\n")
    if not 1 <= line <= len(source):
        return [f"(the file has {len(source)} lines now; it has changed since)"]
    first, last = max(1, line - 2), min(len(source), line + 2)
    shown = [
        f"{'>' if number == line else ' '} {number:4} {source[number - 1][:200]}"
        for number in range(first, last + 1)
    ]
    return ["```", *shown, "```"]
