"""Verifies passwords, in threads of their own: a hash is slow on purpose.

Passwords are verified one at a time for a network, and networks take turns, so that whoever guesses
keeps no others waiting. A verification keeps its place until its thread has ended it, also when
nobody waits for the result any more: nothing can stop the thread.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.api.errors import stopping, too_busy
from server.fair_queue import FairQueue

THREADS: Final = 2
WAITING: Final = 1_000
WAITING_OF_ONE: Final = 200
"""Verifications for one network that may wait."""


class Passwords:
    """Verifies the passwords of an application; `hasher` has made their hashes."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._threads = ThreadPoolExecutor(THREADS, "passwords")
        self._free = THREADS
        self._closed = False
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue(
            most=WAITING, most_of_one=WAITING_OF_ONE, at_once=1
        )
        # Verified where a user has no password, so that this takes no less time.
        self._nobody = hasher.hash(secrets.token_hex())

    async def verify(self, network: str, password_hash: str | None, password: str) -> bool:
        """Return whether a hash is that of a password. Without a hash return False, after as long.

        Raises:
            EventError: too many wait (`RATE_LIMIT_EXCEEDED`), or the server is stopping.
        """
        if self._closed:
            raise stopping()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._waiting.put(network, turn):
            raise too_busy("too many logins are waiting: try again in a moment")
        self._begin_next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.discard(network, turn)
            else:
                self._end(network)
            raise
        if self._closed:
            raise stopping()
        verification = asyncio.get_running_loop().run_in_executor(
            self._threads, self._matches, password_hash or self._nobody, password
        )
        verification.add_done_callback(lambda _: self._end(network))
        matches = await asyncio.shield(verification)
        return matches and password_hash is not None

    def close(self) -> None:
        """Let the threads end when they are idle, and fail what waits."""
        self._closed = True
        for turn in self._waiting.clear():
            if not turn.done():
                turn.set_exception(stopping())
        self._threads.shutdown(wait=False)

    def _begin_next(self) -> None:
        while self._free and (taken := self._waiting.take()) is not None:
            network, turn = taken
            if turn.cancelled():
                self._waiting.done(network)
                continue
            self._free -= 1
            turn.set_result(None)

    def _end(self, network: str) -> None:
        self._free += 1
        self._waiting.done(network)
        self._begin_next()

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False
