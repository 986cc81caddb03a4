"""Names that other Socket.IO servers have and this one has not, with what to write in their place.

`socketio_min/foreign_names.py` says how they are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from socketio_min.errors import UsageError

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


def refuse_arguments(method: str, given: Iterable[str]) -> NoReturn:
    """Refuse named arguments of `emit` or `on`, of which there is at least one.

    Raises:
        UsageError: always.
    """
    known = EMIT if method == "emit" else ON
    name = next(iter(given))
    expected = known.get(name, "its arguments without names")
    raise UsageError(f"got {name}= for {method}, which does not take it: write {expected}")
