"""The cluster member: a server whose clients can have it use everything that a cluster offers.

`conformance/targets/node/member.mjs` does the same with the official server, so that a test can
send both the same events and compare. On `/` and `/side` the member handles these events; `ack`
stands for an acknowledgement:

    join(rooms, ack) leave(room, ack)  data(object, ack)      whoami(ack)
    fan(rooms, except, payload)        others(room, payload)  fan-local(payload)
    fetch(room, ack)                   ask(room, payload, ms, ack)
    rooms-join(filter, room)           rooms-leave(filter, room)      kick(filter, close)
    sse(payload)  sse-ack(payload, ack)    drop()  bye()  crash()
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import socketio_min
from socketio_min import Recovery, Server

NAMESPACES = ("/", "/side")
AdapterFactory = Callable[[socketio_min.Namespace], socketio_min.Adapter]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOptions:
    """Where the member listens, and its cluster.

    adapter, redis: the adapter's name, and the URL of its Redis. recovery: seconds that clients may
    be away, None without connection state recovery. workers: how many processes the member is.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    adapter: str = "memory"
    redis: str = "redis://127.0.0.1:6379"
    recovery: float | None = None
    workers: int = 1


def make_adapter(options: MemberOptions) -> AdapterFactory | None:
    """Return the adapter that the options name, None for the server's own.

    Raises:
        ImportError: the adapter needs packages that are not installed.
        UsageError: it is no URL of Redis.
    """
    if options.adapter == "memory":
        return None
    from socketio_min.cluster import redis

    adapters: dict[str, Callable[[str], AdapterFactory]] = {
        "classic": redis.RedisAdapter.from_url,
        "sharded": redis.ShardedRedisAdapter.from_url,
        "streams": redis.RedisStreamsAdapter.from_url,
    }
    return adapters[options.adapter](options.redis)


def make_member(
    adapter: AdapterFactory | None, recovery: float | None = None, node: str | None = None
) -> Server:
    """Return a server with the member's handlers on each namespace.

    `recovery` is in seconds; the ids of the server's sessions begin with `node`.
    """
    options: socketio_min.SocketIOOptionValues = {"cors": "*"}
    if node is not None:
        options["node"] = node
    if adapter is not None:
        options["adapter"] = adapter
    if recovery is not None:
        options["connection_state_recovery"] = Recovery(max_disconnection=recovery)
    io = Server(**options)
    for name in NAMESPACES:
        _register_own(io.of(name))
        _register_cluster(io.of(name))
        _register_ends(io.of(name))
    return io


def _register_own(namespace: socketio_min.Namespace) -> None:
    """Register the events about the client's own socket."""

    @namespace.on("join")
    def join(socket: socketio_min.Socket, rooms: str | list[str]) -> None:
        socket.join(rooms)

    @namespace.on("leave")
    def leave(socket: socketio_min.Socket, room: str) -> None:
        socket.leave(room)

    @namespace.on("data")
    def data(socket: socketio_min.Socket, values: dict[str, Any]) -> None:
        socket.data.update(values)

    @namespace.on("whoami")
    def whoami(socket: socketio_min.Socket) -> dict[str, Any]:
        return {
            "id": socket.id,
            "recovered": socket.recovered,
            "rooms": sorted(socket.rooms),
            "data": socket.data,
        }


def _select(
    namespace: socketio_min.Namespace, rooms: str | list[str]
) -> socketio_min.BroadcastOperator:
    """Select the sockets of the rooms; all sockets, if there are no rooms."""
    return namespace.to(rooms) if rooms else namespace.except_([])


def _register_cluster(namespace: socketio_min.Namespace) -> None:
    """Register the events that reach the other servers."""

    @namespace.on("fan")
    def fan(
        _socket: socketio_min.Socket, rooms: list[str], except_: list[str], payload: Any
    ) -> None:
        _select(namespace, rooms).except_(except_).emit("fan", payload)

    @namespace.on("others")
    def others(socket: socketio_min.Socket, room: str, payload: Any) -> None:
        socket.to(room).emit("fan", payload)

    @namespace.on("fan-local")
    def fan_local(_socket: socketio_min.Socket, payload: Any) -> None:
        namespace.local.emit("fan", payload)

    @namespace.on("fetch")
    async def fetch(_socket: socketio_min.Socket, room: str) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "rooms": sorted(one.rooms),
                "data": one.data,
                "query": dict(one.handshake.query),
            }
            for one in await _select(namespace, room).fetch_sockets()
        ]

    @namespace.on("rooms-join")
    def rooms_join(_socket: socketio_min.Socket, filter_: str, room: str) -> None:
        _select(namespace, filter_).sockets_join(room)

    @namespace.on("rooms-leave")
    def rooms_leave(_socket: socketio_min.Socket, filter_: str, room: str) -> None:
        _select(namespace, filter_).sockets_leave(room)

    @namespace.on("kick")
    def kick(_socket: socketio_min.Socket, filter_: str, close: bool) -> None:
        _select(namespace, filter_).disconnect_sockets(close=close)

    @namespace.on("ask")
    async def ask(
        _socket: socketio_min.Socket, room: str, payload: Any, milliseconds: float
    ) -> dict[str, Any]:
        operator = _select(namespace, room).timeout(milliseconds / 1000)
        try:
            return {"ok": await operator.call("ask", payload)}
        except socketio_min.AcknowledgementTimeout as error:
            return {"error": "timeout", "responses": error.responses}

    @namespace.on("sse")
    def sse(_socket: socketio_min.Socket, payload: Any) -> None:
        namespace.server_side_emit("hello", payload)

    @namespace.on("sse-ack")
    async def sse_ack(_socket: socketio_min.Socket, payload: Any) -> dict[str, Any]:
        try:
            return {"ok": await namespace.server_side_call("hello", payload)}
        except socketio_min.AcknowledgementTimeout as error:
            return {"error": "timeout", "responses": error.responses}

    @namespace.on_server("hello")
    def hello(payload: Any) -> dict[str, Any]:
        namespace.local.emit("heard", payload)
        return {"from": f"python {os.getpid()}", "payload": payload}


def _register_ends(namespace: socketio_min.Namespace) -> None:
    """Register the events that end a socket, a connection or the process."""

    @namespace.on("drop")
    def drop(socket: socketio_min.Socket) -> None:
        socket.connection.close()

    @namespace.on("bye")
    def bye(socket: socketio_min.Socket) -> None:
        socket.disconnect()

    @namespace.on("crash")
    def crash(_socket: socketio_min.Socket) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def serve(options: MemberOptions) -> None:
    """Run a member until SIGINT or SIGTERM; prints `ready http://HOST:PORT` once it accepts."""
    io = make_member(make_adapter(options), options.recovery)
    io.run(
        options.host,
        options.port,
        workers=options.workers,
        ready=lambda port: print(f"ready http://{options.host}:{port}", flush=True),
    )
