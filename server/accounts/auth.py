"""Sessions: `auth:login`, `auth:session`, `auth:check`, `auth:refresh`, `auth:logout`.

A session's id is 256 random bits that only its owner has. The database has only its hash: with a
backup nobody can act as a user. Unknown, expired and ended sessions are refused with one message,
and a wrong password takes as long as an unknown user.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from argon2 import PasswordHasher

from engineio_min.limits.addresses import network_of
from server.accounts.deadlines import Deadlines
from server.accounts.failed_logins import subject_of
from server.accounts.passwords import Passwords
from server.api import node_events
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.identity import Identity, guest, identity_of
from server.api.records import Session, User
from server.api.services import Call, Services
from server.api.socket_announcements import (
    AuthFailed,
    AuthLoggedIn,
    AuthLoggedOut,
    AuthSessionUpdated,
    AuthSucceeded,
)
from server.api.types import Id, Payload, Record, Secret
from server.api.validation import read
from server.people.room_access import session_room, sockets_room
from server.projects import projects
from server.store.accounts import StoredSession
from socketio_min import Socket

SESSION_SECONDS: Final = 24 * 3600.0
MAX_SESSIONS: Final = 5
"""Sessions of one user; the oldest gives way to a new one."""

_PRESENTED: Final = "presented session"


class SessionPayload(Payload, frozen=True, kw_only=True):
    """A session's id, under either of two names."""

    session_id: Secret | None = None
    token: Secret | None = None


class LoginPayload(Payload, frozen=True, kw_only=True):
    """A user's name and password."""

    username: Id
    password: Secret


class AuthResult(Record, frozen=True):
    """Who the client is now, and its session."""

    user: User
    session: Session


class SessionResult(Record, frozen=True):
    """The session."""

    session: Session


class LogoutResult(Record, frozen=True):
    """Who is logged out."""

    user_id: str


def session_key(session_id: str) -> str:
    """Return the key by which the database knows a session."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def new_session(user: User, now: float) -> tuple[str, StoredSession]:
    """Return a session that begins now: its id, and what is stored."""
    session_id = secrets.token_urlsafe(32)
    stored = StoredSession(session_key(session_id), user, now, now + SESSION_SECONDS)
    return session_id, stored


class Auth:
    """The sessions of an application's sockets. `clock` returns seconds since 1970."""

    def __init__(
        self, services: Services, hasher: PasswordHasher, clock: Callable[[], float]
    ) -> None:
        self.passwords = Passwords(hasher)
        self.clock = clock
        self._services = services
        self.deadlines = Deadlines(
            services.settings.auth_timeout, clock, self.expire, self._overdue
        )

    def nobody(self) -> Identity:
        """Return the identity of a socket without a session."""
        return guest() if self._services.settings.auth_mode == "open" else Identity()

    # -- at the beginning of a connection

    async def admit(self, socket: Socket) -> None:
        """Look up the session that a client presents with its CONNECT or its request."""
        try:
            session_id = _presented(socket)
            if session_id is not None:
                socket.data[_PRESENTED] = await self.find(session_id)
        except EventError as error:
            socket.data[_PRESENTED] = error

    def welcome(self, socket: Socket) -> None:
        """Set who a new socket acts as, and tell it whether its session is good."""
        presented: StoredSession | EventError | None = socket.data.pop(_PRESENTED, None)
        if isinstance(presented, StoredSession):
            try:
                self._services.sockets.check_connection_limit(socket, presented.user.id)
            except EventError as error:
                presented = error
        if isinstance(presented, StoredSession):
            self.identify(socket, _identity(presented))
            succeeded = AuthSucceeded(user=presented.user, session=_session(presented))
            socket.emit(*succeeded.arguments(user_id=presented.user.id))
            return
        self.identify(socket, self.nobody())
        if presented is not None:
            _tell_failure(socket, presented, "connect")

    def expire(self, socket: Socket) -> None:
        """Sign the socket out if its session is over."""
        if identity_of(socket).expires_at <= self.clock():
            self.sign_out(socket)
            _tell_failure(socket, EventError(Code.UNAUTHORIZED, _NO_SESSION), "auth:session")

    def forget(self, socket: Socket) -> None:
        """Forget the deadline of a socket that has disconnected."""
        self.deadlines.clear(socket)

    def _overdue(self, socket: Socket) -> None:
        seconds = self._services.settings.auth_timeout
        late = f"nobody has logged in for {seconds:g} seconds: connect again with a session"
        _tell_failure(socket, EventError(Code.UNAUTHORIZED, late), "connect")
        socket.disconnect(close=True)

    # -- changes of who a socket acts as

    def identify(self, socket: Socket, identity: Identity) -> None:
        """Set who the socket acts as, and the deadline for that."""
        self._services.sockets.identify(socket, identity)
        if not self._services.sockets.is_gone(socket):
            self.deadlines.set(socket)

    def sign_in(
        self, call: Call[SessionPayload] | Call[LoginPayload], stored: StoredSession
    ) -> None:
        """Let the socket act as the session's user. What the socket did as a guest becomes the
        user's; what it did as another user does not.

        Raises:
            EventError: the user has too many sockets (`RATE_LIMIT_EXCEEDED`).
        """
        socket, before = call.socket, identity_of(call.socket)
        self._services.sockets.check_connection_limit(socket, stored.user.id)
        if before.user is not None and before.user != stored.user and before.declared:
            self.sign_out(socket)
            before = identity_of(socket)
        identity = _identity(stored)
        self.identify(socket, identity)
        if before.user is not None and before.user != stored.user:
            projects.change_user(call.acting(identity), before)

    def renew(self, socket: Socket, stored: StoredSession) -> None:
        """Note the new key of the session that the socket acts by."""
        self.identify(socket, _identity(stored))

    def sign_out(self, socket: Socket) -> None:
        """Let the socket act as nobody, in no room and with no lock."""
        self._services.departures.signed_out(socket)
        self.identify(socket, self.nobody())

    async def find(self, session_id: str) -> StoredSession:
        """Return a session by its id.

        Raises:
            EventError: the session is unknown or over (`UNAUTHORIZED`).
        """
        key, now = session_key(session_id), self.clock()
        stored = await self._services.store.of(key).accounts.session(key, now)
        if stored is None:
            raise EventError(Code.UNAUTHORIZED, _NO_SESSION)
        self._services.directory.add_user(stored.user)
        return stored

    async def verify(self, address: str, username: str, password: str) -> User | None:
        """Return the user, None if that is not the user's password."""
        user, password_hash = await self._services.store.of(username).accounts.find(username)
        matches = await self.passwords.verify(network_of(address), password_hash, password)
        return user if matches else None


_NO_SESSION: Final = "the session is unknown or over: log in again"


# -- the events


async def session(call: Call[SessionPayload]) -> AuthResult:
    """Present a session: from now on the socket acts as its user."""
    session_id = call.payload.session_id or call.payload.token
    if session_id is None:
        raise EventError(Code.UNAUTHORIZED, _NO_SESSION)
    stored = await call.services.auth.find(session_id)
    call.check_connected()
    call.services.auth.sign_in(call, stored)
    result = AuthResult(stored.user, _session(stored))
    call.reply(AuthSucceeded(user=result.user, session=result.session))
    return result


async def login(call: Call[LoginPayload]) -> AuthResult:
    """Open a session with a name and a password; all sockets of the user hear of it."""
    services, username = call.services, call.payload.username
    address = call.socket.handshake.address
    subject = subject_of(address, username)
    async with services.failed_logins.turn(subject):
        user = await services.auth.verify(address, username, call.payload.password)
        if user is None:
            services.failed_logins.failed(subject)
            if services.settings.shares_database:
                # The other servers count the failure too, so that guessing at several of them gives
                # no more tries.
                with contextlib.suppress(EventError):
                    await services.store.nodes.tell_failed_login(subject)
            raise EventError(Code.UNAUTHORIZED, "the name or the password is wrong")
    # Checked also here: a session that no socket can use is not opened.
    services.sockets.check_connection_limit(call.socket, user.id)
    session_id, stored = new_session(user, services.auth.clock())
    ended = await services.store.accounts.open_session(stored, MAX_SESSIONS)
    services.directory.add_user(user)
    for key in ended:
        _end(services, key)
    call.check_connected()
    services.auth.sign_in(call, stored)
    result = AuthResult(user, _session(stored, session_id))
    call.reply(AuthSucceeded(user=user, session=result.session))
    call.acting(identity_of(call.socket)).tell(sockets_room(user.id), AuthLoggedIn(user=user))
    return result


async def check(call: Call[Payload]) -> SessionResult:
    """Ask for the socket's session."""
    key = call.identity.session_key
    now = call.services.auth.clock()
    stored = None
    if key is not None:
        stored = await call.services.store.of(key).accounts.session(key, now)
    if stored is None:
        raise EventError(Code.UNAUTHORIZED, _NO_SESSION)
    result = SessionResult(_session(stored))
    call.reply(AuthSessionUpdated(session=result.session))
    return result


async def refresh(call: Call[Payload]) -> SessionResult:
    """Exchange the session's id for a new one. The old id is refused from then on.

    All sockets of the session hear the new id, because all of them had the old one.
    """
    services, key = call.services, call.identity.session_key
    user = call.identity.user
    if key is None or user is None:
        raise EventError(Code.UNAUTHORIZED, _NO_SESSION)
    session_id, stored = new_session(user, services.auth.clock())
    if not await services.store.accounts.rotate_session(key, stored):
        raise EventError(Code.UNAUTHORIZED, _NO_SESSION)
    result = SessionResult(_session(stored, session_id))
    updated = AuthSessionUpdated(session=result.session)
    # Told before `renew`: the sockets are still in the room of the old key.
    call.tell(session_room(key), updated, source="server")
    for socket in services.sockets.of_session(key):
        services.auth.renew(socket, stored)
    services.io.server_side_emit(node_events.SESSION_RENEWED, key, stored.key)
    return result


async def logout(call: Call[Payload]) -> LogoutResult:
    """End the session: its sockets leave their rooms and lose their locks."""
    services, key = call.services, call.identity.session_key
    if key is not None:
        await services.store.accounts.end_session(key)
    call.tell(sockets_room(call.user.id), AuthLoggedOut(user_id=call.user.id))
    if key is None:
        services.auth.sign_out(call.socket)
    else:
        _end(services, key)
    return LogoutResult(call.user.id)


def _end(services: Services, key: str) -> None:
    """Sign out all sockets of a session that is over, on all nodes."""
    services.io.server_side_emit(node_events.SESSION_OVER, key)
    for socket in services.sockets.of_session(key):
        services.auth.sign_out(socket)


def _tell_failure(socket: Socket, error: EventError, cause: str) -> None:
    socket.emit(*AuthFailed(**error.data, cause=cause).arguments())


def _presented(socket: Socket) -> str | None:
    """Return the session's id that the client has presented, None if it has presented none.

    Raises:
        EventError: what it has presented cannot be a session's id (`VALIDATION_ERROR`).
    """
    handshake = socket.handshake
    for name in ("sessionId", "token"):
        value = handshake.auth.get(name)
        # Pages without a session send an empty one.
        if value not in (None, ""):
            session_id: str = read(Secret, value, f"$.{name}")
            return session_id
    scheme, _, value = handshake.headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


def _identity(stored: StoredSession) -> Identity:
    return Identity(
        stored.user, declared=True, session_key=stored.key, expires_at=stored.expires_at
    )


def _session(stored: StoredSession, session_id: str | None = None) -> Session:
    return Session(
        user_id=stored.user.id,
        created_at=timestamp(datetime.fromtimestamp(stored.created_at, UTC)),
        expires_at=timestamp(datetime.fromtimestamp(stored.expires_at, UTC)),
        id=session_id,
    )
