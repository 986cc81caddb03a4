"""The stage of every hostile case: a real server, an honest client, and what must hold at the end.

A case attacks over raw sockets. After it the honest client still gets an answer, nothing was logged
with a traceback, and once the attacker's connections are gone the server keeps exactly what it kept
before: sessions, connections, clients, sockets, rooms, deadlines, tasks and file descriptors.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Unpack

from engineio_min import HttpServer
from socketio_min import ConnectionRefused, MemoryAdapter, Server, Socket
from socketio_min.server.options import SocketIOOptionValues
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import Wire, connect, encode_request, websocket
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import until

PATH = "/socket.io/"
POLLING = f"{PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{PATH}?EIO=4&transport=websocket"

# A request that every server of this suite answers with 404, to see whether a connection goes on.
NEXT_REQUEST = encode_request("GET", "/next")


class Records(logging.Handler):
    """What the packages log, debug lines included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def tracebacks(self) -> list[str]:
        return [record.getMessage() for record in self.records if record.exc_info]

    @property
    def reasons(self) -> list[str]:
        """Why sessions were closed, in order."""
        return [
            str(record.args[0])
            for record in self.records
            if str(record.msg).startswith("session closed") and isinstance(record.args, tuple)
        ]


@contextmanager
def recording() -> Iterator[Records]:
    """Record what the packages and asyncio log."""
    records = Records()
    loggers = [logging.getLogger(name) for name in ("engineio_min", "socketio_min", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(records)
        logger.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(records)
            logger.setLevel(level)


@dataclass
class Stage:
    """A listening server, its honest client, and what a case needs to attack."""

    io: Server
    honest: WebSocketClient
    records: Records
    stack: AsyncExitStack
    # What the handlers of events were given.
    events: list[list[Any]] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    # How many failures of its own handlers a case causes, each logged with its traceback.
    failures: int = 0
    # Where the honest client has a rate limit too: it keeps within it, on this clock.
    patience: Clock | None = None

    @property
    def port(self) -> int:
        return self.io.port

    async def wire(self, *, receive_buffer: int | None = None) -> Wire:
        """A TCP connection of the attacker, closed when its case ends."""
        return await self.stack.enter_async_context(
            connect(self.port, receive_buffer=receive_buffer)
        )

    async def websocket(self, target: str = WEBSOCKET, **headers: str) -> Wire:
        """A WebSocket of the attacker, just after the 101."""
        return await self.stack.enter_async_context(websocket(self.port, target, headers))

    async def opened(self) -> Wire:
        """A WebSocket session of the attacker, whose open packet has been read."""
        wire = await self.websocket()
        packet = await wire.packet()
        assert isinstance(packet, str)
        assert packet.startswith('0{"sid":')
        return wire

    async def joined(self) -> Wire:
        """A WebSocket session of the attacker in the main namespace."""
        wire = await self.opened()
        await wire.send_packet("40")
        assert await wire.packet() == f'40{{"sid":"{self.sockets[-1].id}"}}'
        return wire

    async def polling(self) -> str:
        """The sid of a new polling session of the attacker."""
        async with connect(self.port) as wire:
            answer = await wire.request("GET", POLLING)
        assert answer.status == 200, answer
        found = re.match(r'0\{"sid":"([^"]+)"', answer.text)
        assert found is not None, answer
        return found[1]

    async def honest_client_works(self) -> None:
        """The honest client gets its event acknowledged, and before that at most a ping."""
        if self.patience is not None:
            await self.patience.advance(1)
        await self.honest.send('421["echo","are you there?"]')
        packet = await self.honest.receive()
        if packet == "2":
            await self.honest.send("3")
            packet = await self.honest.receive()
        assert packet == '431["are you there?"]'

    def kept(self) -> dict[str, int]:
        """How much the server keeps, and how many descriptors and tasks the process has."""
        io = self.io
        adapter = io.adapter
        assert isinstance(adapter, MemoryAdapter)
        return {
            "sessions": len(io.engine.sessions),
            "departing": len(io.engine.departing),
            "connections": len(io.engine.http.connections),
            "addresses": len(io.engine.http.admission) + len(io.engine.pollers),
            "clients": len(io.connections),
            "sockets": sum(len(namespace.sockets) for namespace in io.namespaces.values()),
            "members": len(adapter.rooms.select()),
            "handlers": len(io.handler_tasks),
            "requests": io.engine.deciding,
            "deadlines": len(io.engine.timer),
            "held": io.engine.account.held,
            "tasks": len(asyncio.all_tasks()),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }


def attach(io: Server, stage: Stage) -> None:
    """The application of the stage."""

    @io.on("connect")
    def connect(socket: Socket) -> None:
        stage.sockets.append(socket)

    @io.on("echo")
    def echo(_socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @io.on("shout")
    def shout(socket: Socket, *args: Any) -> None:
        socket.emit("shout", *args)

    @io.on("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)

    @io.on("fail")
    def fail(_socket: Socket) -> None:
        raise ValueError("a secret of the server")

    @io.on("sync")
    def sync(_socket: Socket) -> None:
        pass

    @io.on_any
    def record(_socket: Socket, *event: Any) -> None:
        stage.events.append(list(event))

    @io.of("/refused").use
    def refuse(_socket: Socket) -> None:
        raise ConnectionRefused("not authorized")


@asynccontextmanager
async def staged(
    *, http: HttpServer | None = None, **options: Unpack[SocketIOOptionValues]
) -> AsyncIterator[Stage]:
    """A server and its honest client; see the top of this file for what is checked at the end."""
    io = Server(**options)
    with recording() as records:
        await io.listen(port=0, http=http)
        honest = await WebSocketClient.open(io.port)
        try:
            async with AsyncExitStack() as stack:
                stage = Stage(io, honest, records, stack)
                attach(io, stage)
                await honest.join()
                await stage.honest_client_works()
                before = stage.kept()
                yield stage
                await stage.honest_client_works()
            await until(lambda: stage.kept() == before or not_less(stage.kept(), before))
            await stage.honest_client_works()
        finally:
            honest.abort()
            await io.close()
    assert len(records.tracebacks) == stage.failures, records.tracebacks


def not_less(kept: dict[str, int], before: dict[str, int]) -> bool:
    """Whether nothing is kept beyond what was before."""
    return all(kept[name] <= before[name] for name in before)
