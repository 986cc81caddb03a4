"""Accounts and their sessions, as methods to await. Times are in seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable

from server.api.records import User
from server.store import accounts
from server.store.accounts import StoredSession
from server.store.database import Desk


class Accounts:
    """Reads accounts, and keeps their sessions."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find(self, user_id: str) -> tuple[User | None, str | None]:
        """Return a user who has an account, and the hash of the password."""
        return await self._desk.read(
            lambda c: (accounts.user(c, user_id), accounts.password_hash(c, user_id))
        )

    async def session(self, key: str, now: float) -> StoredSession | None:
        """Return a session that is not over."""
        return await self._desk.read(lambda c: accounts.session(c, key, now))

    async def ended(self, keys: Iterable[str], now: float) -> list[str]:
        """Return the keys among these whose sessions are over."""
        return await self._desk.read(
            lambda c: [key for key in keys if accounts.session(c, key, now) is None]
        )

    async def open_session(self, session: StoredSession, most: int) -> list[str]:
        """Add a session. Return the keys of the user's sessions that end to make room for it."""
        return await self._desk.run(lambda c: accounts.open_session(c, session, most))

    async def rotate_session(self, old_key: str, new: StoredSession) -> bool:
        """Replace a session by another one. Return False if the first one is gone."""
        return await self._desk.run(lambda c: accounts.rotate_session(c, old_key, new))

    async def end_session(self, key: str) -> None:
        """Delete a session."""
        await self._desk.run(lambda c: accounts.end_session(c, key))

    async def forget_expired_sessions(self, now: float) -> bool:
        """Delete some sessions that are over; see `accounts.forget_expired_sessions`."""
        return await self._desk.run(lambda c: accounts.forget_expired_sessions(c, now))
