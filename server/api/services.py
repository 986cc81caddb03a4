"""What the handler of an event may ask of the application, as types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from server.accounts.attempts import FailedAttempts
from server.api.announcements import Announcement
from server.api.identity import Identity
from server.api.rate_limit import RateLimiter
from server.api.records import Answer, Decision, User
from server.api.records import Assistant as AssistantRecord
from server.api.types import Record
from server.background import Background
from server.documents.opened import Key, OpenDocuments
from server.live.neighbours import Neighbours
from server.live.typing_indicators import TypingIndicators
from server.live.whereabouts import Presence
from server.people.directory import Directory
from server.people.sockets import Sockets
from server.projects.lock_keeper import LockKeeper
from server.projects.lock_requests import LockRequests
from server.projects.tickets import Tickets
from server.projects.untold import Untold
from server.projects.unwritten import Unwritten
from server.projects.upload_table import Uploads
from server.settings import Settings
from server.store.accounts import StoredSession
from server.store.contents import Change
from server.store.store import Store
from socketio_min import Server, Socket

if TYPE_CHECKING:
    from server.api.registry import Call


class Services(Protocol):
    """The application, as the handlers of events know it."""

    settings: Settings
    io: Server
    store: Store
    # Tables in memory.
    directory: Directory
    sockets: Sockets
    presence: Presence
    neighbours: Neighbours
    locks: LockKeeper
    lock_requests: LockRequests
    documents: OpenDocuments
    typing: TypingIndicators
    uploads: Uploads
    tickets: Tickets
    untold: Untold
    rates: RateLimiter
    attempts: FailedAttempts
    background: Background
    # Whether the clients are on their way to other servers, and whether nothing is served any more.
    draining: bool
    stopping: bool

    @property
    def auth(self) -> Sessions: ...
    @property
    def chat(self) -> Assistant: ...
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
        """Return what the server does to a socket by itself, as a call."""


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
    """Makes the answers of the chat; see `Chat`."""

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
        self, project_id: str, paths: Collection[str]
    ) -> AbstractAsyncContextManager[None]: ...
    def changing_many(self, project_id: str) -> AbstractAsyncContextManager[Unwritten]: ...
    def check(self, project_id: str, path: str) -> None: ...
    async def write(
        self, project_id: str, changes: Sequence[tuple[Change, str | bytes | None]]
    ) -> None: ...
    async def move(self, project_id: str, source: str, target: str, *, overwrite: bool) -> None: ...


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
    """What others have changed that share the database; see `Node`."""

    async def catch_up(self, project_id: str, user_id: str) -> None: ...


class Departing(Protocol):
    """Takes a socket from all places where it is; see `Departures`."""

    def part(self, socket: Socket) -> None: ...


class Answering(Protocol):
    """Performs an event in the turn of its socket; see `Dispatcher`."""

    async def answer(self, socket: Socket, event: str, args: Sequence[Any]) -> dict[str, Any]: ...
