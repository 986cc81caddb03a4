"""A row of the table of events, and the call that a handler is given."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast

from server.api.announcements import Announcement
from server.api.envelope import Source
from server.api.errors import Code, EventError
from server.api.identity import Identity, identity_of
from server.api.rate_limit import Rate
from server.api.records import User
from server.api.told import FEW, TOLD, receivers
from server.api.types import Payload, Record
from server.api.validation import invalid, read
from socketio_min import Socket

if TYPE_CHECKING:
    from server.api.services import Services
    from server.store.store import Store

P = TypeVar("P")


class Access(enum.Enum):
    """Who may send an event. The last three are roles in the project that the payload names."""

    ANYBODY = "anybody"
    USER = "users"
    VIEWER = "viewers of the project"
    EDITOR = "editors of the project"
    OWNER = "owners of the project"


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """One event from a client, checked, with who sent it.

    What the server does to a socket by itself is a call too, without a payload: its `source` is
    "server", and nobody hears of a `silent` one.
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
        """Return the application's data. Work on the data counts for the sender and the project."""
        owner = self.socket.handshake.address if self.identity.user is None else self.user.id
        return self.services.store.of(owner, getattr(self.payload, "project_id", None))

    def acting(self, identity: Identity) -> Call[P]:
        """Return the same event as one of somebody else."""
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
        """Let the user pay for those who were told; see `told`."""
        count = receivers(self.services.io, rooms)
        if count > FEW and self.identity.user is not None:
            self.services.rates.spend(self.user.id, TOLD, count)

    def _arguments(
        self, announcement: Announcement, source: Source, project_id: str | None
    ) -> tuple[str, Any, dict[str, Any]]:
        return announcement.arguments(
            user_id=None if self.identity.user is None else self.identity.user.id,
            project_id=project_id,
            source=source,
            correlation_id=self.correlation_id,
        )


Result = Record | dict[str, Any] | None
Handler = Callable[[Call[Any]], Result | Awaitable[Result]]

EVERYDAY: Final = Rate("everyday", burst=300, per_second=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """A row of the table of events.

    payload: the type of the one argument; no argument and null count as `{}` if it is an object.
    handler: its docstring is the event's description.
    result: the type of what the acknowledgement says beside `ok`.
    failure: the event that reports a failure to a client that asked for no acknowledgement.
    """

    name: str
    payload: Any
    handler: Handler
    result: type[Record] | None = None
    access: Access = Access.USER
    rate: Rate = field(default=EVERYDAY)
    failure: Literal["error", "room:error", "auth:error"] = "error"

    @property
    def about(self) -> str:
        """Return what the event does."""
        return inspect.getdoc(self.handler) or ""

    @property
    def is_object(self) -> bool:
        """Return whether the payload is an object of a declared type, not any value."""
        return isinstance(self.payload, type) and issubclass(self.payload, Payload)

    def read(self, args: Sequence[Any]) -> Any:
        """Return the checked payload.

        Raises:
            EventError: the arguments are not what the event takes (`VALIDATION_ERROR`).
        """
        if len(args) > 1:
            raise invalid("$", f"is {len(args)} arguments, expected one payload")
        value = args[0] if args else None
        if value is None and self.is_object:
            value = {}
        return read(self.payload, value)
