"""A copy of a file that others edit at the same time: what is typed here, and what is heard.

One change is in flight, and what is typed meanwhile is composed into one that waits. What is heard
of others is mapped over both for the text that is shown, and both are mapped over it, one change
after the other. Nothing here sends or waits; how a client goes about it is in docs/coediting.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from ai_coding_assistant.change_json import LINE, read
from ai_coding_assistant.changes import Change, joined
from ai_coding_assistant.difference import difference
from ai_coding_assistant.sections import Section
from ai_coding_assistant.utf16 import units

_PIECE: Final = 16_384
"""What one change inserts at most, in units and `LINE` for each line: below the server's limit."""
_PARTS: Final = 400
"""Parts that it has at most: it may get more while it is mapped."""


class Replica:
    """The copy of one open editor. `text` is in units; `user_id` and `author` are whose it is.

    number: of the change that is in flight, or of the last one that was.
    """

    def __init__(self, user_id: str, author: str) -> None:
        self.user_id = user_id
        self.author = author
        self.epoch = ""
        self.version = 0
        self.text = ""
        self.number = 0
        self.in_flight: Change | None = None
        self.waiting: Change | None = None
        # What the server had at `version`.
        self._base = ""

    @property
    def is_settled(self) -> bool:
        """Return whether the server has acknowledged all that was typed."""
        return self.in_flight is None and self.waiting is None

    def edit(self, change: Change) -> None:
        """Type: change the text that is shown."""
        self.text = change.applied(self.text)
        self.waiting = change if self.waiting is None else self.waiting.composed(change)

    def outgoing(self) -> dict[str, Any] | None:
        """Return what `file:edit` is to say beside the file, None if there is nothing to send.

        The change is in flight then. If it is already, it is the same once more, as it is by now.
        """
        if self.in_flight is None:
            if self.waiting is None:
                return None
            self.in_flight, self.waiting = split(self.waiting)
            self.number += 1
        return {
            "epoch": self.epoch,
            "version": self.version,
            "author": self.author,
            "number": self.number,
            "change": self.in_flight.json,
        }

    def since(self) -> dict[str, Any] | None:
        """Return the `since` of a `file:open`, None before the first."""
        return {"epoch": self.epoch, "version": self.version} if self.epoch else None

    def opened(self, answer: Mapping[str, Any]) -> None:
        """Take the answer to `file:open`."""
        if "content" in answer:
            self._replace(units(answer["content"]), answer["number"])
        self.epoch = answer["epoch"]
        for update in answer.get("updates", ()):
            self.hear(update)
        self.version = answer["version"]

    def hear(self, update: Mapping[str, Any]) -> bool:
        """Take the next update of the document. Return whether somebody else has made it."""
        self.version += 1
        whose = (update["user"]["id"], update["author"], update["number"])
        change = read(update["change"])
        self._base = change.applied(self._base)
        if self.in_flight is not None and whose == (self.user_id, self.author, self.number):
            self.in_flight = None
            return False
        self._merge(change)
        return True

    def _replace(self, content: str, number: int) -> None:
        """Take another text. Its difference from what the server had is a change of another."""
        if self.epoch and self.in_flight is not None and number >= self.number:
            # It was taken before the history went.
            self._base = self.in_flight.applied(self._base)
            self.in_flight = None
        if self.is_settled:
            self.text = content
        else:
            self._merge(difference(self._base, content))
        self._base = content

    def _merge(self, change: Change) -> None:
        if self.in_flight is not None:
            mapped = change.mapped(self.in_flight, before=True)
            self.in_flight = self.in_flight.mapped(change)
            change = mapped
        if self.waiting is not None:
            mapped = change.mapped(self.waiting, before=True)
            self.waiting = self.waiting.mapped(change)
            change = mapped
        self.text = change.applied(self.text)


def _size(text: str) -> int:
    return len(text) + LINE * (text.count("\n") + 1)


def split(change: Change) -> tuple[Change, Change | None]:
    """Return a change that a server takes, and the one that is left to do after it."""
    first: list[Section] = []
    rest = deque(change.sections)
    room = _PIECE
    while rest:
        length, text = rest[0]
        if text is not None and (_size(text) > room or len(first) >= _PARTS):
            break
        first.append(rest.popleft())
        room -= 0 if text is None else _size(text)
    if not rest:
        return change, None
    length, text = rest[0]
    if text is not None and len(first) < _PARTS:
        most = min(len(text), room)
        while most > 0 and _size(text[:most]) > room:
            most //= 2
        first.append((length, text[:most]))
        rest[0] = (0, text[most:])
    done = sum(length if text is None else len(text) for length, text in first)
    after = sum(length for length, _ in rest)
    return joined([*first, (after, None)]), joined([(done, None), *rest])
