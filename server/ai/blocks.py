"""The blocks of an answer that are meant for files, found while the answer streams.

An answer is Markdown. A fenced block whose info string names a file is the whole of that file; if
it begins with a SEARCH marker, it has edits of the file, each of which is found when it is whole:

    ```src/app.py
    <<<<<<< SEARCH
    the lines as they are
    =======
    what takes their place
    >>>>>>> REPLACE
    ```

What an answer is does not depend on where it was cut into pieces: a line that may yet become a
fence is held back until it is one or not. All else goes on as it comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from server.ai.edit_reader import Edit, EditReader
from server.api.errors import EventError
from server.api.paths import normal

MAX_BLOCKS: Final = 50
"""Blocks of an answer that may be of files."""
MAX_HELD: Final = 2_048
"""Characters of a line that is held back. A longer line is no fence."""

_OPENS: Final = re.compile(r"( {0,3})(?:(`{3,})(?=[^`\n]*\n?\Z)|(~{3,}))(.*)\n?")
_MAY_BE_FENCE: Final = re.compile(r" {0,3}(?:`{0,2}|`{3,}[^`]*|~{0,2}|~{3,}.*)[ \t]*")

_NAMED: Final = re.compile(
    r"\b(?:file|filename|path|title)[ \t]*[=:][ \t]*(?:\"([^\"]+)\"|'([^']+)'|([^\s}]+))"
)
_LANGUAGE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+#.-]+:(?!/)(?=.)")
_SUFFIX: Final = re.compile(r"[^/\\]\.[A-Za-z][A-Za-z0-9_]*$|^\.[A-Za-z]")
_MEDIA_TYPE: Final = re.compile(r"(?:text|application)/[a-z+.-]+")
_BARE_NAMES: Final = frozenset({"Makefile", "Dockerfile", "Procfile", "LICENSE", "README"})
_NESTING: Final = (".md", ".markdown", ".mdx")


class Piece(NamedTuple):
    """Text of an answer; `path` is the file that it is of, within a block."""

    content: str
    path: str | None = None


class Begin(NamedTuple):
    """The text of a file begins, in a block of its own."""

    path: str


@dataclass(frozen=True, slots=True)
class Block:
    """A finished block of a file: its whole `content`, or the `fault` of it.

    Of a block with edits each `edit` comes as a block that `goes_on`; the end of the block comes
    last, without an edit.

    number: of the last edit so far, from 1.
    """

    path: str
    content: str | None = None
    edit: Edit | None = None
    number: int = 0
    fault: str | None = None

    @property
    def goes_on(self) -> bool:
        """Return whether the block is not at its end."""
        return self.edit is not None


Found = Piece | Begin | Block


@dataclass(slots=True)
class _Fence:
    """What closes the block that is open, and what is known of the block.

    nested: the block is of a Markdown file, and one of that file's own blocks is open.
    """

    sign: str
    length: int
    indent: int
    path: str | None
    fault: str | None = None
    nested: bool = False


class BlockReader:
    """Reads an answer piece by piece. Without `of_project` no block is of a file."""

    def __init__(self, *, of_project: bool = True) -> None:
        self._of_project = of_project
        self._blocks = 0
        # The beginning of a line that may become a fence. It is empty while a line `flows`, which
        # cannot become one.
        self._held = ""
        self._flows = False
        self._fence: _Fence | None = None
        self._content: list[str] = []
        # How many pieces of the content are whole lines.
        self._lines = 0
        self._edits = EditReader()
        self._found: list[Found] = []

    def feed(self, text: str) -> list[Found]:
        """Return what is known now, in order. Each character of the text is returned once."""
        at = 0
        while at < len(text):
            end = text.find("\n", at) + 1 or len(text)
            self._take(text[at:end])
            at = end
        return self._taken()

    def close(self, *, is_whole: bool) -> list[Found]:
        """Return what is left. If the answer `is_whole`, its last line counts though it has no
        end, and may close the open block. A block that stays open is at fault.
        """
        if self._held and (is_whole or self._fence is None):
            self._end_line(self._held)
        else:
            self._tell(self._held)
        self._held = ""
        fence, self._fence = self._fence, None
        if fence is not None and fence.path is not None:
            fault = fence.fault or "the answer ended within it"
            self._found.append(Block(fence.path, fault=fault, number=self._edits.count))
        return self._taken()

    # -- lines

    def _take(self, text: str) -> None:
        """Take a part of a line. The last part has the line's end."""
        line = self._held + text
        is_ended = text.endswith("\n")
        if self._flows:
            self._tell(text)
        elif len(line) <= MAX_HELD and is_ended:
            self._end_line(line)
        elif len(line) <= MAX_HELD and _may_be_fence(line):
            self._held = line
            return
        else:
            self._begin_text(line)
        self._held = ""
        self._flows = not is_ended

    def _end_line(self, line: str) -> None:
        fence = self._fence
        opening = _OPENS.fullmatch(line)
        if fence is None:
            if opening is None:
                self._begin_text(line)
                return
            self._found.append(Piece(line))
            self._open(opening)
        elif _closes(line, fence):
            if fence.nested:
                fence.nested = False
                self._begin_text(line)
                return
            self._fence = None
            self._found.append(Piece(line))
            if fence.path is not None:
                self._found.append(self._block(fence))
        else:
            if opening is not None and opening[4].strip() and (fence.path or "").endswith(_NESTING):
                fence.nested = True
            self._begin_text(line)

    def _begin_text(self, line: str) -> None:
        """Take a line, or its beginning, that is no fence of the answer."""
        indent = 0 if self._fence is None else self._fence.indent
        spaces = len(line) - len(line.lstrip(" "))
        self._tell(line, min(indent, spaces))

    def _tell(self, text: str, stripped: int = 0) -> None:
        fence = self._fence
        path = None if fence is None or fence.fault is not None else fence.path
        if text:
            self._found.append(Piece(text, path))
        if path is None:
            return
        self._content.append(text[stripped:])
        if text.endswith("\n"):
            line = "".join(self._content[self._lines :])
            self._lines = len(self._content)
            edit = self._edits.take(line)
            if edit is not None:
                self._found.append(Block(path, edit=edit, number=self._edits.count))

    def _block(self, fence: _Fence) -> Block:
        """Return the block that ends here."""
        path, edits = fence.path or "", self._edits
        edits.end()
        fault = fence.fault or edits.fault
        if fault is not None or edits.is_of_edits:
            return Block(path, fault=fault, number=edits.count)
        return Block(path, content="".join(self._content).replace("\r\n", "\n"))

    def _open(self, opening: re.Match[str]) -> None:
        indent, signs, info = opening[1], opening[2] or opening[3], opening[4]
        # If there are too many blocks, only the first one above the limit says so.
        may_name = self._of_project and self._blocks <= MAX_BLOCKS
        named = named_path(info) if may_name else None
        fence = _Fence(signs[0], len(signs), len(indent), named)
        self._fence = fence
        self._content = []
        self._lines = 0
        self._edits = EditReader()
        if named is None:
            return
        self._blocks += 1
        fault: str | None = None
        try:
            path = normal(named)
        except EventError as error:
            path, fault = _printable(named), error.message
        if self._blocks > MAX_BLOCKS:
            fault = f"it is in more than {MAX_BLOCKS} blocks of files, the most of an answer"
        fence.path, fence.fault = path, fault
        if fault is None:
            self._found.append(Begin(path))

    def _taken(self) -> list[Found]:
        found, self._found = self._found, []
        return found


def _may_be_fence(line: str) -> bool:
    return _MAY_BE_FENCE.fullmatch(line) is not None


def _closes(line: str, fence: _Fence) -> bool:
    text = line.strip(" \t\r\n")
    return (
        len(text) >= fence.length
        and text == fence.sign * len(text)
        and len(line) - len(line.lstrip(" ")) <= 3
        and not line.startswith("\t")
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:200])


def named_path(info: str) -> str | None:
    """Return the file that the info string of a block names, as it is written; None for none."""
    named = _NAMED.search(info)
    if named is not None:
        return named[1] or named[2] or named[3]
    for word in info.split():
        bare = word.strip("`'\"{}(),*")
        path = _LANGUAGE.sub("", bare, count=1)
        if not _MEDIA_TYPE.fullmatch(path) and (
            "/" in path or "\\" in path or path in _BARE_NAMES or _SUFFIX.search(path)
        ):
            return path
    return None
