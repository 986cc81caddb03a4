"""A file that is edited together with others, from any thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Self

from ai_coding_assistant.documents import Document
from ai_coding_assistant.threads import Threads


class BlockingDocument:
    """A `Document` for `with`. `text` may change at any time, with what others type."""

    def __init__(self, threads: Threads, document: Document) -> None:
        self._threads = threads
        self._document = document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._document.file_path} of {self._document.project_id}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def project_id(self) -> str:
        """Return the project's id."""
        return self._document.project_id

    @property
    def file_path(self) -> str:
        """Return the file's path."""
        return self._document.file_path

    @property
    def text(self) -> str:
        """Return the text with what is not acknowledged yet. Lines end with a newline."""
        return self._document.text

    def on_change(self, listener: Callable[[str], object]) -> Callable[[str], object]:
        """Call `listener(text)` in the thread of the handlers after each change of others."""
        self._document.on_change(functools.partial(self._threads.post, listener))
        return listener

    def insert(self, at: int, text: str) -> None:
        """Insert a text before the character number `at`; see `Document.insert`."""
        self._threads.call(self._document.insert, at, text)

    def delete(self, start: int, end: int) -> None:
        """Delete the characters from `start` to before `end`; see `Document.delete`."""
        self._threads.call(self._document.delete, start, end)

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of characters; see `Document.replace`."""
        self._threads.call(self._document.replace, start, end, text)

    def append(self, text: str) -> None:
        """Insert a text at the end; see `Document.append`."""
        self._threads.call(self._document.append, text)

    def update(self, function: Callable[[str], str]) -> None:
        """Make the text what `function` makes of it, while nobody else changes it.

        `function` runs in the thread of the connection, and must not wait for it.
        """
        self._threads.call(self._document.update, function)

    def wait(self) -> None:
        """Wait until all that was typed here is on the server's disk; see `Document.wait`."""
        self._threads.wait_for(self._document.wait())

    def close(self) -> None:
        """Wait until everything is acknowledged, and hear no more; see `Document.close`."""
        self._threads.wait_for(self._document.close())
