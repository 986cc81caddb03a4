"""What the handler of an event is given: the call, and what it may ask of the application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, cast

from server.accounts.failed_logins import FailedLogins
from server.api.announcements import Announcement
from server.api.envelope import Source
from server.api.errors import Code, EventError
from server.api.identity import Identity, identity_of
from server.api.rate_limit import RateLimiter
from server.api.receivers import FREE_RECEIVERS, RECEIVERS, receivers
from server.api.records import Answer, Decision, User
from server.api.records import Assistant as AssistantRecord
from server.api.types import Record
from server.background import Background
from server.documents.open_documents import Key, OpenDocuments
from server.live.cluster_presence import ClusterPresence
from server.live.presence_table import Presence
from server.live.typing_indicators import TypingIndicators
from server.locks.lock_keeper import LockKeeper
from server.locks.lock_requests import LockRequests
from server.people.directory import Directory
from server.people.sockets import Sockets
from server.projects.download_tickets import Tickets
from server.projects.untold import Untold
from server.projects.upload_table import Uploads
from server.settings import Settings
from server.store.accounts import StoredSession
from server.store.project_files import Change
from server.store.store import Store
from server.workspace.unwritten import Unwritten
from socketio_min import Server, Socket

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """One event from a client, with its checked payload, and who sent it.

    What the server does to a socket by itself is a call too, without a payload: its `source` is
    "server". Nobody is told of what a `silent` call does.
    """

    services: Services
    socket: Socket
    identity: Identity
    payload: P
    correlation_id: str | None = None
    source: Source = "client"
    silent: bool = False

    @property
    def user(self) -> User:
        """Return who acts. The dispatcher lets only users come to a handler that asks for it."""
        return cast(User, self.identity.user)

    @property
    def store(self) -> Store:
        """Return the store, for work in the turns of this sender and on this project."""
        owner = self.socket.handshake.address if self.identity.user is None else self.user.id
        return self.services.store.of(owner, getattr(self.payload, "project_id", None))

    def acting(self, identity: Identity) -> Call[P]:
        """Return the same call, made by somebody else."""
        return replace(self, identity=identity)

    def check_connected(self) -> None:
        """Make sure that the client is still there and acts as the same user.

        Raises:
            EventError: the client is gone or signed out (`UNAUTHORIZED`).
        """
        if not self.socket.connected or identity_of(self.socket) != self.identity:
            raise EventError(
                Code.UNAUTHORIZED, "the connection or its session ended meanwhile: log in again"
            )

    def reply(self, announcement: Announcement, *, project_id: str | None = None) -> None:
        """Send an event to the client itself."""
        self.socket.emit(*self._arguments(announcement, "server", project_id))

    def tell_others(
        self,
        rooms: str | Sequence[str],
        announcement: Announcement,
        *,
        project_id: str | None = None,
        volatile: bool = False,
        here: bool = False,
    ) -> None:
        """Send an event about what this client did to the others in `rooms`, once to each.

        A `volatile` event is left out for clients that cannot take it at once. An event is told
        only `here`, to this node's clients, where other nodes tell their clients by themselves.
        """
        if rooms and not self.silent:
            self.services.untold.tell_before(project_id, announcement)
            others = self.socket.to(rooms)
            others = others.volatile if volatile else others
            others = others.local if here else others
            others.emit(*self._arguments(announcement, self.source, project_id))
            self._pay(rooms)

    def tell(
        self,
        rooms: str | Sequence[str],
        announcement: Announcement,
        *,
        project_id: str | None = None,
        source: Source | None = None,
    ) -> None:
        """Send an event to everybody in `rooms`, the client itself among them if it is there."""
        if rooms and not self.silent:
            self.services.untold.tell_before(project_id, announcement)
            told = self._arguments(announcement, source or self.source, project_id)
            self.services.io.to(rooms).emit(*told)
            self._pay(rooms)

    def _pay(self, rooms: str | Sequence[str]) -> None:
        """Let the user pay for the receivers; see `receivers`."""
        count = receivers(self.services.io, rooms)
        if count > FREE_RECEIVERS and self.identity.user is not None:
            self.services.rates.spend(self.user.id, RECEIVERS, count)

    def _arguments(
        self, announcement: Announcement, source: Source, project_id: str | None
    ) -> tuple[str, Any, dict[str, Any]]:
        return announcement.arguments(
            user_id=None if self.identity.user is None else self.identity.user.id,
            project_id=project_id,
            source=source,
            correlation_id=self.correlation_id,
        )


class Services(Protocol):
    """The application, as the handlers of events know it."""

    settings: Settings
    io: Server
    store: Store
    # Tables in memory.
    directory: Directory
    sockets: Sockets
    presence: Presence
    cluster_presence: ClusterPresence
    locks: LockKeeper
    lock_requests: LockRequests
    documents: OpenDocuments
    typing: TypingIndicators
    uploads: Uploads
    tickets: Tickets
    untold: Untold
    rates: RateLimiter
    failed_logins: FailedLogins
    background: Background
    # Whether the server is about to end, and its clients go to other servers.
    draining: bool
    # Whether events are refused, because the server ends.
    stopping: bool

    @property
    def auth(self) -> Sessions: ...
    @property
    def answers(self) -> Assistant: ...
    @property
    def workspace(self) -> Mirror: ...
    @property
    def saver(self) -> Saving: ...
    @property
    def node(self) -> Following: ...
    @property
    def dispatcher(self) -> Answering: ...
    @property
    def departures(self) -> Departing: ...

    def tell(
        self,
        rooms: str | Sequence[str],
        announcement: Announcement,
        *,
        user_id: str | None = None,
        project_id: str | None = None,
        local: bool = False,
    ) -> None:
        """Send an event that no client has caused to everybody in `rooms`, or to the clients of
        this server in them if `local`.
        """

    def own_call(self, socket: Socket, *, silent: bool = False) -> Call[None]:
        """Return a call for what the server does to a socket by itself."""


class Sessions(Protocol):
    """Who the sockets act as; see `Auth`."""

    @property
    def clock(self) -> Callable[[], float]: ...
    async def find(self, session_id: str) -> StoredSession: ...
    async def verify(self, address: str, username: str, password: str) -> User | None: ...
    def identify(self, socket: Socket, identity: Identity) -> None: ...
    def expire(self, socket: Socket) -> None: ...
    def forget(self, socket: Socket) -> None: ...
    def renew(self, socket: Socket, stored: StoredSession) -> None: ...
    def sign_in(self, call: Call[Any], stored: StoredSession) -> None: ...
    def sign_out(self, socket: Socket) -> None: ...


class Assistant(Protocol):
    """Makes the answers of the chat; see `Answers`."""

    @property
    def assistant(self) -> AssistantRecord: ...
    async def ask(self, call: Call[Any]) -> Record: ...
    def answering(self, project_id: str) -> list[Answer]: ...
    async def all_answering(self, project_id: str) -> list[Answer]: ...
    async def decide(
        self, call: Call[Any], request_id: str, action_id: str, decision: Decision
    ) -> bool: ...
    def cancel(self, request_id: str, user: User) -> bool: ...
    def abandon(self, socket_id: str) -> None: ...
    def orphan(self, socket_id: str) -> bool: ...
    def grace_over(self, socket_id: str) -> None: ...
    def withdraw(self, project_id: str, user_id: str) -> None: ...
    def project_deleted(self, project_id: str) -> None: ...


class Mirror(Protocol):
    """Keeps a directory like its project; see `Workspace`."""

    def mirrors(self, project_id: str) -> bool: ...
    def changing(
        self, project_id: str, paths: Collection[str], user_id: str
    ) -> AbstractAsyncContextManager[None]: ...
    def changing_many(self, project_id: str) -> AbstractAsyncContextManager[Unwritten]: ...
    def check(self, project_id: str, path: str) -> None: ...
    async def write(
        self, project_id: str, changes: Sequence[tuple[Change, str | bytes | None]]
    ) -> None: ...
    async def move(self, project_id: str, source: str, target: str, *, overwrite: bool) -> None: ...
    async def take_back(self, project_id: str, made: Sequence[Change]) -> None: ...


class Saving(Protocol):
    """Saves documents in their files; see `Saver`."""

    def edited(self, key: Key, user_id: str = "", *, is_overdue: bool = False) -> None: ...
    async def save(self, key: Key, user_id: str) -> None: ...
    async def save_unsaved(self, key: Key, user_id: str) -> None: ...
    async def save_project(
        self, project_id: str, user_id: str = "", *, within: str | None = None
    ) -> None: ...
    def move(self, project_id: str, source: str, target: str) -> None: ...
    def unsaved(self, project_id: str) -> list[Key]: ...


class Following(Protocol):
    """Learns what other servers that share the database have changed; see `Node`."""

    async def catch_up(self, project_id: str, user_id: str) -> None: ...


class Departing(Protocol):
    """Takes a socket from all places where it is; see `Departures`."""

    def signed_out(self, socket: Socket) -> None: ...


class Answering(Protocol):
    """Performs an event in the turn of its socket; see `Dispatcher`."""

    async def answer(self, socket: Socket, event: str, args: Sequence[Any]) -> dict[str, Any]: ...
