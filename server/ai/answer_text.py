"""The text of an answer, as a provider writes it and as the clients of a project hear it.

A provider may write a character at a time, or thousands of lines at once, and a model may give the
two halves of an emoji in two pieces. Clients hear whole characters, in at most 20 turns a second
beside those in which something is proposed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from server.ai.blocks import Begin, Block, BlockReader, Found, Piece

MAX_ANSWER: Final = 262_144
"""Characters of an answer; more are cut off."""
INTERVAL: Final = 0.05
"""Seconds between two turns in which text is told."""

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class AnswerText:
    """Collects the text of an answer, and tells it with `tell`: pieces of it, and where the block
    of a file begins.

    call_later: as that of an event loop. of_project: whether blocks may be of files.
    """

    def __init__(
        self,
        tell: Callable[[Piece | Begin], None],
        call_later: CallLater,
        *,
        of_project: bool = True,
    ) -> None:
        self._tell = tell
        self._call_later = call_later
        self._reader = BlockReader(of_project=of_project)
        self._pieces: list[str] = []
        self._length = 0
        # The first half of a surrogate pair, whose second half may come with the next piece.
        self._half = ""
        self._untold: list[Piece | Begin] = []
        self._told: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def is_full(self) -> bool:
        """Return whether the answer is as long as it may be."""
        return self._length >= MAX_ANSWER

    @property
    def told(self) -> str:
        """Return what was told of the text."""
        return "".join(self._told)

    def add(self, piece: str) -> list[Block]:
        """Append text, and tell it now or together with what comes within the interval. Return the
        blocks of files that the text finishes.
        """
        # Half a pair more than fits, so that no pair is cut in two.
        text = self._half + piece[: MAX_ANSWER - self._length + 1]
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return self._append(text[: len(text) - len(self._half)])

    def end(self, *, is_whole: bool) -> list[Block]:
        """Tell what is not told yet. Return the blocks of files that are left, which are at fault
        if the answer breaks off. Nothing may be added afterwards.
        """
        half, self._half = self._half, ""
        blocks = self._append(half) + self._take(self._reader.close(is_whole=is_whole))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell_rest()
        return blocks

    def tell_now(self) -> None:
        """Tell what is not told yet, before something that comes after it in the answer."""
        self._tell_rest()

    def _append(self, text: str) -> list[Block]:
        # Joins the halves of a pair. One half alone is no character, and no text has U+0000.
        encoded = text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass")
        kept = encoded.decode("utf-16-le", "replace")[: MAX_ANSWER - self._length]
        if not kept:
            return []
        self._length += len(kept)
        self._pieces.append(kept)
        blocks = self._take(self._reader.feed(kept))
        if self._timer is None:
            self._begin_interval()
        return blocks

    def _take(self, found: list[Found]) -> list[Block]:
        self._untold += [one for one in found if not isinstance(one, Block)]
        return [one for one in found if isinstance(one, Block)]

    def _begin_interval(self) -> None:
        self._tell_rest()
        self._timer = self._call_later(INTERVAL, self._interval_over)

    def _interval_over(self) -> None:
        self._timer = None
        if self._untold:
            self._begin_interval()

    def _tell_rest(self) -> None:
        """Tell what is untold: text of one file, or of none, as one piece."""
        untold, self._untold = self._untold, []
        pieces: list[str] = []
        path: str | None = None
        for one in [*untold, None]:
            if pieces and not (isinstance(one, Piece) and one.path == path):
                text = "".join(pieces)
                self._told.append(text)
                self._tell(Piece(text, path))
                pieces = []
            if isinstance(one, Piece):
                pieces.append(one.content)
                path = one.path
            elif one is not None:
                self._tell(one)
