"""The paths of a project's files: relative, with slashes, and one spelling for each file.

The normal form is the key of the file, of its locks and of its place in a mirrored directory, so
everything that could name one file twice or lead out of the directory ends here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from server.api.errors import Code, EventError

MAX_BYTES: Final = 1_024
"""Bytes of a path in UTF-8."""
MAX_NAME_BYTES: Final = 255
"""Bytes of one part of a path, in UTF-8; file systems take no more."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Control characters, halves of surrogate pairs, and line separators. Most format characters are
# allowed: names in some languages need the zero-width joiner. Those that turn the direction of a
# text are refused: with them a path looks like another one.
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def normal(path: str) -> str:
    """Return the one spelling of a path.

    Raises:
        EventError: it is no relative path, or too long (`INVALID_FILE_PATH`).
    """
    # Before anything else looks at the path: composing takes quadratic time in the marks on a
    # letter.
    if len(path) > MAX_BYTES:
        raise _invalid(path, f"expected at most {MAX_BYTES} bytes")
    composed = unicodedata.normalize("NFC", path)
    if not _is_fit(composed):
        raise _invalid(path, "a path has no control characters")
    if composed.startswith("/") or _DRIVE.match(composed):
        raise _invalid(path, "expected a path relative to the project")
    if "\\" in composed:
        raise _invalid(path, "expected slashes between the parts")
    parts = [part for part in composed.split("/") if part not in ("", ".")]
    if not parts or composed.endswith(("/", "/.")) or composed == ".":
        raise _invalid(path, "expected the path of a file")
    if ".." in parts:
        raise _invalid(path, "a path does not lead upwards")
    joined = "/".join(parts)
    if len(joined.encode()) > MAX_BYTES:
        raise _invalid(path, f"expected at most {MAX_BYTES} bytes")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise _invalid(path, f"expected at most {MAX_NAME_BYTES} bytes between two slashes")
    return joined


def _is_fit(path: str) -> bool:
    if path.isascii():
        return path.isprintable()
    return not _TURNS.search(path) and not any(
        unicodedata.category(character) in _REFUSED_CATEGORIES for character in path
    )


def folders(path: str) -> list[str]:
    """Return the folders that a file is in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def bounds(folder: str) -> tuple[str, str]:
    """Return two strings, `first` and `end`: a file is in the folder if `first <= path < end`."""
    # "0" is the character after the slash.
    return f"{folder}/", f"{folder}0"


def is_within(path: str, places: Iterable[str]) -> bool:
    """Return whether a path is one of `places`, or inside a folder that is."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def moved(path: str, source: str, target: str) -> str | None:
    """Return the new path of a file when `source`, a file or a folder, gets the path `target`; None
    if it stays.
    """
    return target + path[len(source) :] if is_within(path, [source]) else None


def _invalid(path: str, expectation: str) -> EventError:
    shown = path if len(path) <= 100 else path[:100] + "…"
    return EventError(Code.INVALID_FILE_PATH, f"path {shown!a}: {expectation}")
