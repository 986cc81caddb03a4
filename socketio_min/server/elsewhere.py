"""Names that other Socket.IO servers have and this one has not, with what to write in their place.

They are looked up only when an attribute is missing. Type checkers do not see the lookup, so that
they still find what is misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn, TypeVar

from socketio_min.errors import UsageError

Class = TypeVar("Class")

SERVER: Mapping[str, str] = {
    "attach": "io.asgi_app(), or await io.listen(http=...)",
    "call": 'await socket.call("event", timeout=5), or await io.timeout(5).call("event")',
    "close_room": "io.in_(room).sockets_leave(room)",
    "disconnect": "socket.disconnect(), or io.in_(socket.id).disconnect_sockets()",
    "enter_room": "socket.join(room), or io.in_(socket.id).sockets_join(room)",
    "event": '@io.on("event")',
    "get_environ": "socket.handshake, with headers, query and address",
    "get_session": "socket.data, a dict",
    "handle_request": "io.asgi_app()",
    "leave_room": "socket.leave(room), or io.in_(socket.id).sockets_leave(room)",
    "manager": "await io.in_(room).fetch_sockets()",
    "reason": 'disconnect(socket, reason), the handler of "disconnect"',
    "register_namespace": '@io.of("/name").on("event") above each function',
    "save_session": "socket.data, a dict",
    "send": 'io.emit("message", data)',
    "session": "socket.data, a dict",
    "shutdown": "await io.close()",
    "sleep": "await asyncio.sleep(seconds)",
    "start_background_task": "asyncio.create_task(function()), and keep the task",
    "wait": "io.run(), or await io.listen() and then await asyncio.Event().wait()",
}

SOCKET: Mapping[str, str] = {
    "conn": "socket.transport, or socket.handshake",
    "emit_with_ack": 'await socket.call("event", timeout=5)',
    "nsp": "socket.namespace",
    "off": "a handler that is registered with io.on, once for all sockets",
    "on": '@io.on("event"), once for all sockets: the handler is called with the socket',
    "on_any": "@io.on_any, once for all sockets",
    "once": '@io.on("event"), once for all sockets',
    "request": "socket.handshake",
    "send": 'socket.emit("message", data)',
    "sid": "socket.id",
    "timeout": 'await socket.call("event", timeout=5)',
    "use": "@io.use_event, once for all sockets",
}

# The named arguments of python-socketio's methods.
ON: Mapping[str, str] = {"namespace": '@io.of("/name").on("event")'}
EMIT: Mapping[str, str] = {
    "callback": 'await socket.call("event"), or await io.timeout(5).call("event")',
    "ignore_queue": "io.local.emit",
    "namespace": 'io.of("/name").emit',
    "room": "io.to(room).emit",
    "skip_sid": "io.except_(socket.id).emit, or socket.broadcast.emit",
    "to": "io.to(room).emit, or socket.emit",
}


class MissingName(UsageError, AttributeError):
    """A name that is another server's; the message says what to write here."""


def tells_names(elsewhere: Mapping[str, str]) -> Callable[[type[Class]], type[Class]]:
    """Let a class tell what to write for the names in `elsewhere`; a decorator."""

    def decorate(owner: type[Class]) -> type[Class]:
        def look_up(self: object, name: str) -> NoReturn:
            missing(self, name, elsewhere)

        # Not in the class itself: with a __getattr__ that type checkers see, all names are there.
        owner.__getattr__ = look_up  # type: ignore[attr-defined]
        return owner

    return decorate


def missing(owner: object, name: str, elsewhere: Mapping[str, str]) -> NoReturn:
    """Raise the error of an attribute that `owner` does not have.

    Raises:
        MissingName: another server has it.
        AttributeError: no other has it either.
    """
    kind = type(owner)
    snake_case = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    expected = elsewhere.get(snake_case)
    if expected is None and snake_case != name and hasattr(kind, snake_case):
        expected = snake_case
    if expected is None:
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {name!r}", name=name, obj=owner
        )
    raise MissingName(f"got {name!r}, which a {kind.__name__} does not have: write {expected}")


def refuse_arguments(method: str, given: Iterable[str]) -> NoReturn:
    """Refuse named arguments of `emit` or `on`, of which there is at least one.

    Raises:
        UsageError: always.
    """
    known = EMIT if method == "emit" else ON
    name = next(iter(given))
    expected = known.get(name, "its arguments without names")
    raise UsageError(f"got {name}= for {method}, which does not take it: write {expected}")
