"""Namespaces by pattern or predicate: one for each name that matches, made when it is needed.

A child is made when the first client connects to it, and goes with its last client: clients cannot
pile namespaces up. Nor can a program that only sends to many names: of the children that it asked
for and that no client came to, it keeps the last ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Never, NoReturn

from socketio_min.errors import UsageError
from socketio_min.handlers import require_plain
from socketio_min.server.namespace import Namespace

if TYPE_CHECKING:
    from socketio_min.server.server import Server

MAX_IDLE_CHILDREN = 1_000

# What a child begins with a copy of; beside these it has two handlers.
_COLLECTIONS = (
    "handlers",
    "server_handlers",
    "middlewares",
    "event_middlewares",
    "incoming",
    "outgoing",
)


class DynamicNamespace(Namespace):
    """A namespace for each name that matches: the children have its handlers, also those that are
    registered when they exist, beside what is registered with one of them alone.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        matches: Callable[[str, Any], bool],
        pattern: re.Pattern[str] | None = None,
    ) -> None:
        require_plain(matches, "the predicate of a dynamic namespace", "it answers at once")
        super().__init__(server, name)
        self.matches = matches
        self.children: dict[str, Namespace] = {}
        # Children that the program asked for before any client came, the oldest first.
        self._idle: dict[str, None] = {}
        self._pattern = pattern

    def emit(self, event: str, *args: Any, **elsewhere: Never) -> None:
        """Refused, as everything that is for sockets.

        Raises:
            UsageError: always.
        """
        self._everybody()

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Refused: the children have the handlers of `on_server`, an event goes to one of them.

        Raises:
            UsageError: always.
        """
        self._everybody()

    async def server_side_call(self, event: str, *args: Any, timeout: float = 5.0) -> list[Any]:
        """Refused, as `server_side_emit`.

        Raises:
            UsageError: always.
        """
        self._everybody()

    def _everybody(self) -> NoReturn:
        raise UsageError(
            "a dynamic namespace has no sockets, its children have: "
            "use Server.of with a child's name"
        )

    def owns(self, name: str) -> bool:
        """Whether `name` is one of its own for every client: a predicate may ask for credentials,
        so for its names only the child that exists counts.
        """
        return name in self.children or (
            self._pattern is not None and self._pattern.search(name) is not None
        )

    def child(self, name: str) -> Namespace:
        """Return the child of that name, made if need be."""
        child = self.children.get(name)
        if child is None:
            child = self.children[name] = Namespace(self.server, name)
            for field in _COLLECTIONS:
                setattr(child, field, getattr(self, field).copy())
            child.other_handler = self.other_handler
            child.error_handler = self.error_handler
            child.max_values = self.max_values
            self.server.enter_cluster(child)
        return child

    def child_to_send_to(self, name: str) -> Namespace:
        """Return the child of that name for the program, which may never have a client.

        When there are more than `MAX_IDLE_CHILDREN` such, the oldest without a client and without
        handlers of its own is dropped.
        """
        child = self.child(name)
        self._idle.pop(name, None)
        self._idle[name] = None
        while len(self._idle) > MAX_IDLE_CHILDREN:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            idle = self.children.get(oldest)
            if idle is not None and self._registered(idle) == self._registered(self):
                self.release(idle)
        return child

    @staticmethod
    def _registered(namespace: Namespace) -> list[object]:
        collections = [getattr(namespace, field) for field in _COLLECTIONS]
        return [*collections, namespace.other_handler, namespace.error_handler]

    def _heirs(self) -> Iterable[Namespace]:
        return (self, *self.children.values())

    def release(self, namespace: Namespace) -> None:
        """Drop a child that nobody is in."""
        if (
            self.children.get(namespace.name) is namespace
            and not namespace.sockets
            and not namespace.deciding
        ):
            del self.children[namespace.name]
            self.server.leave_cluster(namespace)
