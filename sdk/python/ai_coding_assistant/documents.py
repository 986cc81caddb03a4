"""A file that is edited together with others, as they type."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final, Protocol, Self

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.chains import Chain
from ai_coding_assistant.changes import replacement
from ai_coding_assistant.difference import difference
from ai_coding_assistant.errors import Refused, SDKError, Unreachable
from ai_coding_assistant.patience import Pauses, retry_after
from ai_coding_assistant.replica import Replica
from ai_coding_assistant.utf16 import plain, units

logger = logging.getLogger("ai_coding_assistant")

RETRY_SECONDS: Final = 1.0
"""Seconds before what the server could not take is sent again, if the server names no time."""

PASSING: Final = ("INTERNAL_ERROR", "RATE_LIMIT_EXCEEDED", "STORAGE_ERROR", "UNAUTHORIZED")
"""Refusals after which the same is sent again, soon or on the next connection."""

Listener = Callable[[str], object]


class Editor(Caller, Protocol):
    """A client that has documents open."""

    @property
    def documents(self) -> set[Document]:
        """Return the documents that are open."""


class Document:
    """An open file, made by `open_document`; `async with` closes it at the end.

    What is typed here is in `text` at once, and is sent in the background: `wait` for it where it
    matters. What others type appears in `text` by itself. It goes on over lost connections.
    """

    def __init__(
        self, socket: Editor, chain: Chain, project_id: str, file_path: str, user_id: str
    ) -> None:
        self.project_id = project_id
        self.file_path = file_path
        # Of the file, when it was opened.
        self.revision = 0
        self._socket = socket
        self._chain = chain
        self._replica = Replica(user_id, secrets.token_hex(8))
        self._listeners: list[Listener] = []
        # What is heard while the answer to `file:open` is on its way comes after it.
        self._early: list[dict[str, Any]] | None = None
        self._is_lost = True
        # There is no connection, or the project is not joined yet.
        self._is_away = False
        self._error: SDKError | None = None
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        # Since the server has taken something.
        self._pauses = Pauses()
        self._unlocked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file_path} of {self.project_id}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    @property
    def text(self) -> str:
        """Return the text with what is not acknowledged yet. Lines end with a newline."""
        return plain(self._replica.text)

    @property
    def is_settled(self) -> bool:
        """Return whether the server has acknowledged all that was typed here."""
        return self._replica.is_settled

    def on_change(self, listener: Listener) -> Listener:
        """Call `listener(text)` after each change of others; also a decorator."""
        self._listeners.append(listener)
        return listener

    # -- typing

    def insert(self, at: int, text: str) -> None:
        """Insert a text before the character number `at`.

        Raises:
            Refused: the document was given up.
        """
        self.replace(at, at, text)

    def delete(self, start: int, end: int) -> None:
        """Delete the characters from `start` to before `end`.

        Raises:
            Refused: the document was given up.
        """
        self.replace(start, end, "")

    def append(self, text: str) -> None:
        """Insert a text at the end.

        Raises:
            Refused: the document was given up.
        """
        self._edit(len(self._replica.text), len(self._replica.text), text)

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of the characters from `start` to before `end`.

        Raises:
            ValueError: there are no such characters, or the text has a U+0000.
            Refused: the document was given up.
        """
        present = self.text
        if not 0 <= start <= end <= len(present):
            raise ValueError(f"got {start} to {end}, expected places from 0 to {len(present)}")
        self._edit(len(units(present[:start])), len(units(present[:end])), text)

    def update(self, function: Callable[[str], str]) -> None:
        """Make the text what `function` makes of it; only what differs is changed.

        Raises:
            ValueError: the text has a U+0000.
            Refused: the document was given up.
        """
        self._check()
        change = difference(self._replica.text, _fit(function(self.text)))
        if not change.is_empty:
            self._replica.edit(change)
            self._typed()

    def _edit(self, start: int, end: int, text: str) -> None:
        self._check()
        inserted = _fit(text)
        if start != end or inserted:
            whole = len(self._replica.text)
            self._replica.edit(replacement(start, end - start, inserted, whole))
            self._typed()

    def _typed(self) -> None:
        self._settled.clear()
        self._wake.set()

    async def wait(self) -> None:
        """Wait until all that was typed here is on the server's disk, however long that takes.

        Raises:
            Refused: it never will be, because the server refused it for good.
            Unreachable: it never will be, because the client was disconnected for good.
            SessionEnded: it never will be, because another user is logged in by now, or none.
        """
        await self._settled.wait()
        self._check()

    async def close(self) -> None:
        """Wait until everything is acknowledged, and hear no more.

        Raises:
            SDKError: as `wait`.
        """
        try:
            await self.wait()
            if self._socket.connected and not self._is_lost:
                await self._chain.ask("file:close", self._file)
        finally:
            self.give_up(Unreachable(f"{self.file_path} was closed: open it again"))

    # -- what the socket tells

    async def open(self) -> None:
        """Open the file for the first time.

        Raises:
            Refused: there is no such file, or it is too long.
            Unreachable: there is no answer.
        """
        await self._open()
        self._settled.set()
        self._task = asyncio.create_task(self._work())

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """Take an event about this file."""
        if event == "file:unlocked":
            self._unlocked.set()
        elif event == "file:edited":
            if self._early is not None:
                self._early.append(data)
            else:
                self._take(data)

    def lose(self) -> None:
        """Take note that the connection is gone; nothing is heard until it is open again."""
        self._is_lost = self._is_away = True

    def come_back(self) -> None:
        """Go on: there is a connection again, and the project is joined."""
        self._is_away = False
        self._open_again()

    def _open_again(self) -> None:
        self._is_lost = True
        self._wake.set()

    def become(self, user_id: str) -> None:
        """Take note that what the guest typed is a user's from now on."""
        self._replica.user_id = user_id

    def give_up(self, error: SDKError) -> None:
        """Send and hear nothing more."""
        if self._error is None:
            self._error = error
        self._socket.documents.discard(self)
        self._settled.set()
        self._wake.set()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    # -- sending

    @property
    def _file(self) -> dict[str, Any]:
        return {"projectId": self.project_id, "filePath": self.file_path}

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    async def _work(self) -> None:
        while self._error is None:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._is_lost and not self._is_away:
                    await self._open()
                await self._send()
            except Unreachable:
                # Sent again when there is a connection; a slow one has lost the answer only.
                self._is_lost = True
                if not self._is_away:
                    await asyncio.sleep(RETRY_SECONDS)
                    self._wake.set()
            except Refused as error:
                if error.code in PASSING:
                    is_asked = retry_after(error) is not None
                    await asyncio.sleep(self._pauses.after(error) if is_asked else RETRY_SECONDS)
                    self._wake.set()
                else:
                    logger.error("%r cannot be edited any more: %s", self, error)
                    self.give_up(error)

    async def _send(self) -> None:
        while not self._is_lost and (outgoing := self._replica.outgoing()) is not None:
            number = self._replica.number
            self._unlocked.clear()
            try:
                await self._chain.ask("file:edit", {**self._file, **outgoing})
            except Refused as error:
                if error.code == "VERSION_CONFLICT":
                    await self._reopen()
                elif error.code == "FILE_LOCKED":
                    await self._wait_for_unlock()
                else:
                    raise
            else:
                self._pauses = Pauses()
                # The client hears its own change before the acknowledgement.
                if self._replica.in_flight is not None and self._replica.number == number:
                    await self._reopen()
        if self._replica.is_settled:
            self._settled.set()

    async def _reopen(self) -> None:
        self._is_lost = True
        if not self._is_away:
            await self._open()

    async def _wait_for_unlock(self) -> None:
        # It may have been unlocked before this is heard.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_SECONDS):
                await self._unlocked.wait()

    async def _open(self) -> None:
        replica = self._replica
        payload = {**self._file, "since": replica.since(), "author": replica.author}
        before = replica.text
        self._early = []
        try:
            answer = await self._chain.ask("file:open", payload)
            replica.opened(answer)
            # It may have been moved meanwhile.
            self.file_path, self.revision = answer["filePath"], answer["revision"]
        finally:
            early, self._early = self._early, None
        # The connection may be on its way to another server.
        self._is_lost = self._is_away
        for data in early:
            self._take(data)
        if replica.text != before and self._task is not None:
            self._tell()

    def _take(self, data: dict[str, Any]) -> None:
        replica = self._replica
        if data["epoch"] != replica.epoch or data["version"] < replica.version:
            return
        if data["version"] > replica.version:
            self._open_again()
        elif replica.hear(data):
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener(self.text)
            except Exception:
                logger.exception("a listener of %r failed", self)


def _fit(text: str) -> str:
    """Return a text as units, with the ends of lines of a document."""
    if "\0" in text:
        raise ValueError("got a text with U+0000, which a file cannot have")
    return units(text.replace("\r\n", "\n").replace("\r", "\n"))
