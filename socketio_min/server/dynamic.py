"""Namespaces by pattern or predicate: a child namespace for each name that matches, made when it is
needed.

A child is made when its first client connects, and dropped when its last client leaves: clients
cannot pile up namespaces. A program that sends to many names cannot either: of the children that
the program has asked for and no client has joined, only the last `MAX_IDLE_CHILDREN` are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from socketio_min.foreign_names import ForeignName, MissingName
from socketio_min.handler_checks import require_plain
from socketio_min.server.cluster_membership import ClusterMembership
from socketio_min.server.foreign_names import SERVER
from socketio_min.server.namespace import Namespace, NamespaceHost
from socketio_min.server.registration import RULES, Registration, ServerHandlers

MAX_IDLE_CHILDREN = 1_000

Matcher = Callable[[str, Any], bool]


class ClusterHost(NamespaceHost, Protocol):
    """What may be asked of a server whose namespaces come and go."""

    membership: ClusterMembership


class DynamicNamespace(Registration):
    """A namespace for each name that matches.

    What is registered here, before or after a child is made, is registered with every child. A
    child may have handlers of its own besides.
    """

    def __init__(self, server: ClusterHost, rule: re.Pattern[str] | Matcher) -> None:
        self.matches = _matcher(rule)
        require_plain(self.matches, "the predicate of a dynamic namespace", "it answers at once")
        self.name = repr(rule)
        self.registered = ServerHandlers(RULES)
        self.max_values: int | None = None
        self.children: dict[str, Namespace] = {}
        # Children that the program asked for before any client came, the oldest first.
        self._idle: dict[str, None] = {}
        self._server = server
        self._pattern = rule if isinstance(rule, re.Pattern) else None

    def __repr__(self) -> str:
        return f"<DynamicNamespace {self.name} with {len(self.children)} namespaces>"

    if not TYPE_CHECKING:
        # Type checkers report a missing attribute by themselves.
        def __getattr__(self, name: str) -> NoReturn:
            """Tell the programmer that the sockets are in the children.

            Raises:
                MissingName: the children have an attribute of this name.
                AttributeError: they have none either.
            """
            if hasattr(Namespace, name) or name in ("adapter", "sockets"):
                raise MissingName(
                    "a dynamic namespace has no sockets, its children have: "
                    "use Server.of with a child's name"
                )
            if name in SERVER:
                ForeignName(name, SERVER[name]).__get__(self, DynamicNamespace)
            raise AttributeError(
                f"'DynamicNamespace' object has no attribute {name!r}", name=name, obj=self
            )

    def owns(self, name: str) -> bool:
        """Return whether `name` belongs to this dynamic namespace, whatever the client.

        A predicate may depend on a client's credentials: with a predicate, only the names of the
        children are known to belong.
        """
        return name in self.children or (
            self._pattern is not None and self._pattern.search(name) is not None
        )

    def child(self, name: str) -> Namespace:
        """Return the child of that name, made if need be."""
        child = self.children.get(name)
        if child is None:
            registered = self.registered.heir(name)
            child = self.children[name] = Namespace(self._server, name, registered)
            child.max_values = self.max_values
            self._server.membership.enter(child)
        return child

    def child_to_send_to(self, name: str) -> Namespace:
        """Return the child of that name for the program. The child may never have a client.

        If there are more than `MAX_IDLE_CHILDREN` of such children, the oldest is dropped, unless
        it has a client or handlers of its own.
        """
        child = self.child(name)
        self._idle.pop(name, None)
        self._idle[name] = None
        while len(self._idle) > MAX_IDLE_CHILDREN:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            idle = self.children.get(oldest)
            if idle is not None and idle.registered == self.registered:
                self.release(idle)
        return child

    def release(self, namespace: Namespace) -> None:
        """Drop a child that nobody is in."""
        if (
            self.children.get(namespace.name) is namespace
            and not namespace.sockets
            and not namespace.deciding
        ):
            del self.children[namespace.name]
            del self.registered.heirs[namespace.name]
            self._server.membership.exit(namespace)


def _matcher(rule: re.Pattern[str] | Matcher) -> Matcher:
    if isinstance(rule, re.Pattern):
        return lambda name, _auth: rule.search(name) is not None
    return rule
