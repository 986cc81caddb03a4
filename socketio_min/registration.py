"""What an application registers with a namespace, of a server or of a client alike.

Each method checks what it is given (`handler_checks.py`) and keeps it. `Rules` says in what the two
ends differ. A server calls what is registered in `server/connection.py` and `server/namespace.py`,
a client in `client/handler_calls.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from socketio_min.errors import UsageError
from socketio_min.handler_checks import check_call, check_event, check_handler, require_plain
from socketio_min.protocol.packets import RESERVED_EVENTS

Handler = Callable[..., Any]
Function = TypeVar("Function", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What can be registered at one end of a connection.

    first: the arguments that every function is called with before those of the event.
    lifecycle: the events that this end raises itself, with their arguments.
    elsewhere: event names with another meaning in other implementations, with what to write
    instead. plain: events whose handlers cannot be asynchronous, with the reason. peer: what sends
    the other events: "client" or "server". taken: what to do about a second handler of an event, in
    the words of the error.
    """

    first: tuple[str, ...]
    lifecycle: Mapping[str, tuple[str, ...]]
    elsewhere: Mapping[str, str]
    plain: Mapping[str, str]
    peer: str
    taken: str


@dataclass(slots=True)
class Handlers:
    """The handlers and listeners of one namespace; equal if the same functions are registered.

    `heirs` are the handlers of other namespaces, by name: a function that is registered here is
    registered with each heir too.
    """

    rules: Rules
    by_event: dict[str, Handler] = field(default_factory=dict)
    incoming: list[Handler] = field(default_factory=list)
    outgoing: list[Handler] = field(default_factory=list)
    other: Handler | None = None
    error: Handler | None = None
    heirs: dict[str, Self] = field(default_factory=dict, compare=False)

    def on(self, event: str, handler: Function | None) -> Function | Callable[[Function], Function]:
        """Register the handler of an event. Without a handler, return a decorator that registers
        one.

        Raises:
            UsageError: the event has a handler already, or is reserved, or the handler cannot be
            called with what the event brings.
        """
        rules = self.rules
        check_event(event, rules.elsewhere)
        if event in RESERVED_EVENTS and event not in rules.lifecycle:
            raise UsageError(
                f"no {rules.peer} can send {event!r}, which the protocol keeps for itself"
            )
        if event in self.by_event:
            raise UsageError(f"{event!r} has a handler already; {rules.taken}")

        def register(function: Function) -> Function:
            check_handler(event, function, rules.lifecycle, *rules.first)
            if event in rules.plain:
                require_plain(function, f"the handler of {event!r}", rules.plain[event])
            for handlers in self.all():
                handlers.by_event.setdefault(event, function)
            return function

        return register if handler is None else register(handler)

    def on_any(self, listener: Function) -> Function:
        """Register a listener of all events that come in.

        Raises:
            UsageError: it is asynchronous, or cannot be called so.
        """
        what = "a listener of on_any"
        check_call(what, listener, *self.rules.first, "event", more=True)
        require_plain(listener, what, "its event does not wait for it")
        for handlers in self.all():
            handlers.incoming.append(listener)
        return listener

    def on_any_outgoing(self, listener: Function) -> Function:
        """Register a listener of all events that are sent.

        Raises:
            UsageError: it is asynchronous, or cannot be called so.
        """
        what = "a listener of on_any_outgoing"
        check_call(what, listener, *self.rules.first, "event", more=True)
        require_plain(listener, what, "sending does not wait for it")
        for handlers in self.all():
            handlers.outgoing.append(listener)
        return listener

    def on_other(self, handler: Function) -> Function:
        """Register the handler of the events that have none; it replaces the one before.

        Raises:
            UsageError: it cannot be called so.
        """
        what = "the handler of on_other"
        check_call(what, handler, *self.rules.first, "event", "args", "acknowledged")
        before = self.other
        for handlers in self.all():
            if handlers.other is before:
                handlers.other = handler
        return handler

    def on_error(self, handler: Function) -> Function:
        """Register the function that is told of handlers that fail; it replaces the one before.

        Raises:
            UsageError: it is asynchronous, or cannot be called so.
        """
        what = "the handler of on_error"
        check_call(what, handler, *self.rules.first, "event", "args", "error")
        require_plain(handler, what, "its result is the answer")
        before = self.error
        for handlers in self.all():
            if handlers.error is before:
                handlers.error = handler
        return handler

    # -- heirs

    def all(self) -> Iterator[Self]:
        """Yield these handlers and their heirs."""
        yield self
        yield from self.heirs.values()

    def heir(self, name: str) -> Self:
        """Return handlers for another namespace that begin as a copy of these."""
        self.heirs[name] = heir = copy(self)
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, (dict, list)):
                setattr(heir, one.name, value.copy())
        heir.heirs = {}
        return heir
