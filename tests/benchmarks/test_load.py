"""The load generator counts what happened, and sees what a server does wrong.

Invariants:
- Against this server no load reports an error, and its counts agree with those of the server's own
  handlers: each message sent was handled, and each unit is one answer that is due.
- Whatever a server loses, repeats, damages or breaks ends the run with an error.

Nothing here depends on how fast anything was.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.generator import Result, Run, compile_generator
from benchmarks.servers.this import make_server
from socketio_min import Server, Socket
from tests.waiting import PATIENCE


class Counts:
    """What a server's handlers have seen."""

    def __init__(self, io: Server) -> None:
        self.events: Counter[str] = Counter()
        self.connected = 0
        io.on("connect", self._connect)
        io.on_any(self._event)

    def _connect(self, _socket: Socket) -> None:
        self.connected += 1

    def _event(self, _socket: Socket, event: str, *_args: Any) -> None:
        self.events[event] += 1


@asynccontextmanager
async def listening(io: Server) -> AsyncIterator[Server]:
    await io.listen(port=0)
    try:
        yield io
    finally:
        await io.close()


async def run(io: Server, arguments: str, *, seconds: float = 0.1) -> Result:
    """Run the generator against `io`, whose process it watches."""
    options = [*arguments.split(), "--seconds", str(seconds), "--warm-up", "0.05"]
    started = Run(options, io.port, [os.getpid()])
    return await asyncio.to_thread(started.result, PATIENCE)


async def measure(arguments: str) -> tuple[Result, Counts]:
    io = make_server()
    counts = Counts(io)
    async with listening(io):
        result = await run(io, arguments)
    assert result.error == ""
    assert 0 <= result.units <= result.total_units
    assert result.seconds > 0
    assert result.server_seconds >= 0
    return result, counts


@pytest.mark.parametrize(
    ("arguments", "event", "in_flight"),
    [
        ("echo --clients 7", "message", 1),
        ("echo --clients 7 --in-flight 8", "message", 8),
        ("echo --clients 1", "message", 1),
        ("echo --clients 7 --event amessage", "amessage", 1),
        ("ack --clients 7", "message-with-ack", 1),
        ("binary --clients 7 --bytes 1024", "message", 1),
        ("binary --clients 3 --bytes 102400", "message", 1),
        ("polling --clients 7", "message", 1),
    ],
)
async def test_each_message_is_handled_and_answered_once(
    arguments: str, event: str, in_flight: int
) -> None:
    result, counts = await measure(arguments)
    assert result.opened == result.clients == counts.connected
    assert result.total_units == result.sent == counts.events[event]
    assert result.total_units >= result.clients * in_flight


@pytest.mark.parametrize("burst", [1, 8])
async def test_a_fan_out_reaches_every_member(burst: int) -> None:
    result, counts = await measure(f"fan --clients 30 --burst {burst}")
    assert counts.events["join"] == 30
    assert counts.events["fan"] == result.sent
    assert result.sent > 0
    assert result.sent % burst == 0
    assert result.total_units == result.sent * 30
    # What is measured are whole bursts.
    assert result.units % (30 * burst) == 0


@pytest.mark.parametrize(
    ("arguments", "room_size", "senders"),
    [
        ("chat --clients 20 --senders 5", 20, 5),
        ("chat --clients 20 --room-size 5", 5, 4),
    ],
)
async def test_a_chat_message_reaches_its_room_and_nobody_else(
    arguments: str, room_size: int, senders: int
) -> None:
    result, counts = await measure(arguments)
    assert counts.events["fan"] == result.sent >= senders
    assert result.total_units == result.sent * room_size


async def test_an_upgrade_ends_with_an_echo_over_the_websocket() -> None:
    transports = Counter[str]()
    io = make_server()
    counts = Counts(io)
    io.on("disconnecting", lambda socket, _: transports.update([socket._link.connection.transport]))
    async with listening(io):
        result = await run(io, "upgrade --clients 5")
    assert result.error == ""
    assert result.total_units == result.sent == counts.events["message"] == counts.connected >= 5
    assert transports == {"websocket": result.total_units}


async def test_each_connection_is_counted() -> None:
    result, counts = await measure("connect --clients 5")
    assert result.total_units == counts.connected >= 5


@pytest.mark.parametrize("transport", ["", "--polling"])
async def test_idle_clients_stay_and_answer_pings(transport: str) -> None:
    io = make_server(ping_interval=0.05)
    counts = Counts(io)
    async with listening(io):
        options = f"idle --clients 10 --wait --seconds 0 {transport}".split()
        started = Run(options, io.port, [os.getpid()])
        await asyncio.to_thread(started.wait_until_open)
        assert counts.connected == 10
        sessions = [connection.session for connection in io.engine.sessions.values()]
        deadlines = {session.sid: {session.deadline} for session in sessions}
        async with asyncio.timeout(PATIENCE):
            # A ping and its answer change the deadline once each.
            while min(map(len, deadlines.values())) < 5:
                for session in sessions:
                    deadlines[session.sid].add(session.deadline)
                await asyncio.sleep(0)
        result = await asyncio.to_thread(started.result, PATIENCE)
    assert result.error == ""
    assert result.opened == result.clients == 10
    assert result.pings >= 10
    assert result.server_rss_before > 0
    assert result.server_rss_after > 0
    assert result.server_rss_end > 0


# -- servers that do it wrong


def replace(io: Server, event: str, handler: Callable[..., object]) -> None:
    del io.handlers[event]
    io.on(event, handler)


def loses(io: Server) -> None:
    replace(io, "message", lambda _socket, *_args: None)


def loses_the_tenth(io: Server) -> None:
    seen = 0

    def message(socket: Socket, *args: Any) -> None:
        nonlocal seen
        seen += 1
        if seen != 10:
            socket.emit("message-back", *args)

    replace(io, "message", message)


def repeats(io: Server) -> None:
    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)
        socket.emit("message-back", *args)

    replace(io, "message", message)


def damages_text(io: Server) -> None:
    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args[:-1], args[-1].replace("lazy", "hazy"))

    replace(io, "message", message)


def damages_bytes(io: Server) -> None:
    def message(socket: Socket, data: bytes, text: str) -> None:
        socket.emit("message-back", data[:-1] + bytes((data[-1] ^ 1,)), text)

    replace(io, "message", message)


def renames(io: Server) -> None:
    replace(io, "message", lambda socket, *args: socket.emit("message-bacK", *args))


def swaps(io: Server) -> None:
    held: dict[str, tuple[Any, ...]] = {}

    def message(socket: Socket, *args: Any) -> None:
        if socket.id in held:
            socket.emit("message-back", *args)
            socket.emit("message-back", *held.pop(socket.id))
        else:
            held[socket.id] = args

    replace(io, "message", message)


def gives_to_another(io: Server) -> None:
    def message(socket: Socket, *args: Any) -> None:
        next(other for other in io.sockets.values() if other is not socket).emit(
            "message-back", *args
        )

    replace(io, "message", message)


def acknowledges_wrongly(io: Server) -> None:
    replace(io, "message-with-ack", lambda _socket, text: text + "!")


def leaves_out_the_sender(io: Server) -> None:
    replace(io, "fan", lambda socket, room, payload: socket.to(room).emit("fan", payload))


def tells_everybody(io: Server) -> None:
    replace(io, "fan", lambda _socket, _room, payload: io.emit("fan", payload))


def disconnects(io: Server) -> None:
    replace(io, "message", lambda socket, *_args: socket.disconnect(close=True))


@pytest.mark.parametrize(
    ("arguments", "fault", "report"),
    [
        ("echo", loses, "nothing was answered for 0.5 seconds"),
        ("echo", loses_the_tenth, "nothing was answered for 0.5 seconds"),
        ("echo", repeats, "00000000 the quick"),
        ("echo", damages_text, "over the hazy dog"),
        ("echo", renames, "message-bacK"),
        ("echo --in-flight 2", swaps, "00000001 the quick"),
        ("echo", gives_to_another, "which is not what is due"),
        ("echo", disconnects, "which is not what is due"),
        ("ack", acknowledges_wrongly, "lazy dog!"),
        ("binary", damages_bytes, "1024 bytes that are not what is due"),
        ("fan", leaves_out_the_sender, "nothing was answered for 0.5 seconds"),
        ("chat --room-size 2", tells_everybody, "which is not what is due"),
        ("polling", damages_text, "over the hazy dog"),
        ("upgrade", damages_text, "over the hazy dog"),
    ],
)
async def test_what_a_server_does_wrong_is_an_error(
    arguments: str, fault: Callable[[Server], None], report: str
) -> None:
    io = make_server()
    fault(io)
    async with listening(io):
        result = await run(io, f"{arguments} --clients 4 --patience 0.5", seconds=1)
    assert report in result.error


async def test_a_refused_handshake_is_an_error() -> None:
    io = make_server(transports=("polling",))
    async with listening(io):
        result = await run(io, "echo --clients 2")
    assert result.error.startswith("a WebSocket handshake was answered with HTTP/1.1 400")


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with listening(make_server()) as io:
        port = io.port
    result = await asyncio.to_thread(Run(["echo", "--clients", "1"], port).result, PATIENCE)
    assert "Connection refused" in result.error


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "no load was named"),
        (["dance"], "there is no load dance"),
        (["echo"], "--port is missing"),
        (["echo", "--port", "0"], "a missing or impossible value for --port"),
        (["echo", "--port", "80", "--clients"], "a missing or impossible value for --clients"),
        (["echo", "--port", "80", "--client", "1"], "there is no option --client"),
        (["chat", "--port", "80", "--clients", "7", "--room-size", "2"], "no multiple of"),
    ],
)
def test_a_wrong_command_is_explained(arguments: list[str], problem: str) -> None:
    finished = subprocess.run(
        [compile_generator(), *arguments], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert problem in finished.stderr
