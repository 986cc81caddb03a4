"""A lock on a file, to be held with `async with`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Literal, Protocol, Self

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.errors import FAILURES, Refused, SessionEnded
from ai_coding_assistant.events import FileChangeResult, User
from ai_coding_assistant.signatures import AsyncCall

LockType = Literal["exclusive", "shared"]

RETAKINGS: Final = 6
RETAKE_SECONDS: Final = 0.05
"""How often a client tries to take back a lock that its former connection still has, and how many
seconds after the first refusal; twice as many after each further one.
"""


class Holder(Caller, Protocol):
    """A client that holds locks."""

    @property
    def locks(self) -> set[FileLock]:
        """Return the locks that are held, or asked for."""

    @property
    def user(self) -> User | None:
        """Return the client's user, None if that is not known."""


class FileLock:
    """A lock, made by `lock_file`; `async with` acquires and releases it.

    `held` turns False when the lock is released, when the server says that it has ended, and when
    it is not to be had again after a lost connection. `token` grows with every lock of the server,
    and is 0 before the first.
    """

    def __init__(
        self,
        socket: Holder,
        project_id: str,
        file_path: str,
        lock_type: LockType,
    ) -> None:
        self._socket = socket
        # Of whoever acquires it.
        self._chain = socket.chain()
        self.project_id = project_id
        self.file_path = file_path
        self.lock_type = lock_type
        self.held = False
        self.token = 0
        # While it is asked for: the tokens of locks that have ended meanwhile. Its own may be one
        # of them, since it is known only when the acknowledgement is read.
        self._ended: set[int] | None = None

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.release()

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            Refused: somebody else has it (`FILE_LOCKED`, with the holder in `details`), or it has
                ended at once, for example because the user may not change the project any more.
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        self._chain = self._socket.chain()
        self._socket.locks.add(self)
        try:
            await self._take(self._chain.call)
            if self not in self._socket.locks:
                # The project was left meanwhile.
                raise self._gone()
        except BaseException:
            self.lose()
            raise
        self.held = True

    async def _take(self, send: AsyncCall) -> None:
        """Ask for the lock, and keep its token.

        Raises:
            Refused: it is not to be had, or has ended by now.
            Unreachable, SessionEnded: as `send`.
        """
        payload = {**self._file, "lockType": self.lock_type}
        ended = self._ended = set()
        try:
            token = (await send("file:lock", payload))["lock"]["token"]
        finally:
            self._ended = None
        self.token = token
        if token in ended:
            raise self._gone()

    def _gone(self) -> Refused:
        message = f"file {self.file_path!r}: the lock has ended at once: lock it again"
        return Refused({"code": "FILE_LOCKED", "message": message})

    def hear_ended(self, token: int) -> None:
        """Take note that the lock of a token has ended, which may be this one."""
        if self._ended is not None:
            self._ended.add(token)
        elif token == self.token:
            self.lose()

    @property
    def _file(self) -> dict[str, str]:
        return {"projectId": self.project_id, "filePath": self.file_path}

    async def take_again(self) -> None:
        """Take the lock back after a lost connection, unless somebody else was faster, or the lock
        was released meanwhile. The server gives the same lock if it was not lost.

        Raises:
            Refused: the server cannot give locks now (`FAILURES`).
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        for attempt in range(RETAKINGS):
            try:
                await self._take(self._chain.insist)
            except Refused as error:
                if error.code in FAILURES:
                    raise
                if not self._is_own(error):
                    break
                # The server that was left does not know yet that the connection is gone.
                await asyncio.sleep(RETAKE_SECONDS * 2**attempt)
            else:
                if not self.held:
                    await self._give_back(self._chain.ask)
                return
        self.lose()

    def _is_own(self, error: Refused) -> bool:
        """Return whether the lock is refused because the user has it."""
        holder = (error.details or {}).get("holder", {})
        return self._socket.user is not None and holder.get("id") == self._socket.user["id"]

    async def write(
        self, content: str, *, action: Literal["created", "updated"] = "updated"
    ) -> FileChangeResult:
        """Write the file under this lock; the result is what `file:change` is acknowledged with.

        Raises:
            Refused: the lock is gone (`FILE_LOCKED`), or the content cannot be taken.
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none: the lock is gone.
        """
        file = {"path": self.file_path, "action": action, "content": content}
        # With another connection the lock has another token.
        await self._socket.until_in("file:change")
        payload = {"projectId": self.project_id, "file": file, "lockToken": self.token}
        return await self._chain.call("file:change", payload)

    async def release(self) -> None:
        """Release the lock. Does nothing if it is not held, or if somebody else has it by now.

        Raises:
            Unreachable: there is no answer. The server releases it with the connection.
        """
        if self.held:
            try:
                # A client that comes back first takes the lock again, which its former connection
                # keeps for a while.
                await self._socket.until_in("file:unlock")
            finally:
                self.lose()
            await self._give_back(self._chain.call)

    async def _give_back(self, send: AsyncCall) -> None:
        # Otherwise the lock ended with the session.
        with contextlib.suppress(SessionEnded):
            try:
                await send("file:unlock", self._file)
            except Refused as error:
                if error.code != "FILE_LOCKED":
                    raise

    def lose(self) -> None:
        """Take note that the lock does not hold any more."""
        self.held = False
        self._socket.locks.discard(self)
