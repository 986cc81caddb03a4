"""Follows packets through the running code: which functions they pass, in which files.

    python scripts/packet_path.py            the table: calls, files and changes of file by packet
    python scripts/packet_path.py --write    docs/packet.md, with the way of each and links to lines
    python scripts/packet_path.py --check    exit code 1 if docs/packet.md is not what --write makes

A server of this project runs in this thread, a raw client in another. While a packet is on its way
the profiler notes each call of a function of the two packages, generators and properties
included; a function that is called again at once is noted once, with how often.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from socketio_min import Server, Socket  # noqa: E402  (the checkout's, wherever this is run from)
from tests.frames import packet_frame  # noqa: E402

PAGE = ROOT / "docs" / "packet.md"
PACKAGES = ("engineio_min", "socketio_min")
PATIENCE = 10.0


@dataclass
class Way:
    """One packet's way: the functions that were called, in order."""

    name: str
    about: str
    calls: list[CodeType] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Return the file of each call."""
        return [file_name(code) for code in self.calls]

    @property
    def changes(self) -> int:
        """Return how often the next call is in another file."""
        return sum(one != other for one, other in pairwise(self.files))


def file_name(code: CodeType) -> str:
    """Return the path of a function's file inside the repository."""
    return Path(code.co_filename).relative_to(ROOT).as_posix()


def is_own(code: CodeType) -> bool:
    """Tell whether a function belongs to the packages and has a name."""
    path = Path(code.co_filename)
    return (
        path.is_relative_to(ROOT)
        and path.relative_to(ROOT).parts[0] in PACKAGES
        and not code.co_name.startswith("<")
    )


class Recorder:
    """Notes the calls of own functions in this thread, from `start` to `stop`."""

    def __init__(self) -> None:
        self._calls: list[CodeType] = []
        self._own: dict[CodeType, bool] = {}

    def start(self) -> None:
        self._calls = []
        sys.setprofile(self._note)

    def stop(self) -> list[CodeType]:
        sys.setprofile(None)
        return self._calls

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            own = self._own.get(code)
            if own is None:
                own = self._own[code] = is_own(code)
            if own:
                self._calls.append(code)


# -- the client, in its own thread


def connect(port: int) -> socket.socket:
    """Open a TCP connection to the server."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def upgrade_request(port: int) -> bytes:
    """Return the request of a WebSocket handshake with the headers that a browser sends."""
    return (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def post_request(port: int, sid: str, body: str) -> bytes:
    """Return a POST of long-polling."""
    return (
        f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nContent-Type: text/plain;charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def poll_request(port: int, sid: str = "") -> bytes:
    """Return a GET of long-polling; without a `sid` it is a handshake."""
    query = f"EIO=4&transport=polling{f'&sid={sid}' if sid else ''}"
    return f"GET /socket.io/?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def read_until(peer: socket.socket, mark: bytes) -> bytes:
    """Read until `mark` has come."""
    data = b""
    while mark not in data:
        part = peer.recv(65_536)
        if not part:
            raise SystemExit(f"the server closed: got {data!r}, expected {mark!r}")
        data += part
    return data


# -- the server, and what is asked of it


def make_server() -> Server:
    """Make a server with a handler of each kind."""
    io = Server()

    @io.on("connect")
    def _connect(opened: Socket) -> None:
        opened.join("room")

    @io.on("plain")
    def _plain(_socket: Socket, text: str) -> str:
        return text

    @io.on("waiting")
    async def _waiting(_socket: Socket, text: str) -> str:
        return text

    @io.on("fan")
    def _fan(_socket: Socket, text: str) -> None:
        io.to("room").emit("fan", text)

    return io


class Conductor:
    """Sends one packet after the other, and has the server's thread record each."""

    def __init__(self, io: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._port = io.port
        self._loop = loop
        self._recorder = Recorder()
        self.ways: list[Way] = []

    def _ask(self, function: Callable[[], Any]) -> Any:
        """Call a function in the server's thread, after all that it had to do."""

        async def later() -> Any:
            # What the loop has still to do for the packet before comes first.
            await asyncio.sleep(0.05)
            return function()

        return asyncio.run_coroutine_threadsafe(later(), self._loop).result(PATIENCE)

    def record(
        self, name: str, about: str, peer: socket.socket, data: bytes, answer: bytes
    ) -> bytes:
        """Send `data` and note what it passes until `answer` has come and all is quiet."""
        self._ask(self._recorder.start)
        peer.sendall(data)
        read = read_until(peer, answer)
        self.ways.append(Way(name, about, self._ask(self._recorder.stop)))
        return read

    def run(self) -> None:
        """Record every way."""
        port = self._port
        # One of each beforehand: what is made once for all is not a packet's way.
        for _ in range(2):
            with connect(port) as early:
                early.sendall(upgrade_request(port))
                read_until(early, b'"maxPayload"')
                early.sendall(packet_frame("40"))
                read_until(early, b"40{")
        with (
            connect(port) as other,
            connect(port) as peer,
            connect(port) as polls,
            connect(port) as posts,
        ):
            # The first client of an empty server also sets the timer by which clients must join;
            # those that come after it pass less.
            other.sendall(upgrade_request(port))
            read_until(other, b'"maxPayload"')
            self.record(
                "WebSocket handshake and open packet",
                "An HTTP request on a new connection asks for a WebSocket.",
                peer,
                upgrade_request(port),
                b'"maxPayload"',
            )
            self.record(
                "CONNECT",
                "A client joins the namespace `/`; its handler lets it join a room.",
                peer,
                packet_frame("40"),
                b"40{",
            )
            for event, kind in (("plain", "`def`"), ("waiting", "`async def`")):
                self.record(
                    f"Event with acknowledgement, {kind} handler, WebSocket",
                    "What the handler returns is the acknowledgement.",
                    peer,
                    packet_frame(f'421["{event}","hello"]'),
                    b'431["hello"]',
                )
            self.record(
                "Broadcast to a room",
                "The handler of an event emits to a room, in which is the client itself.",
                peer,
                packet_frame('42["fan","hello"]'),
                b'42["fan","hello"]',
            )
            polls.sendall(poll_request(port))
            sid = read_until(polls, b'"maxPayload"').split(b'"sid":"')[1].split(b'"')[0].decode()
            posts.sendall(post_request(port, sid, "40"))
            read_until(posts, b"\r\n\r\nok")
            posts.sendall(post_request(port, sid, '42["plain","hello"]'))
            read_until(posts, b"\r\n\r\nok")
            self.record(
                "POST of an event",
                "A client of long-polling sends an event.",
                posts,
                post_request(port, sid, '42["plain","hello"]'),
                b"\r\n\r\nok",
            )


# A timer that fires meanwhile adds its calls to a way; it does not do so each time.
RUNS = 3


async def record_ways() -> list[Way]:
    """Return the ways of all packets, each the shortest of several runs."""
    runs = [await record_once() for _ in range(RUNS)]
    return [min(ways, key=lambda way: len(way.calls)) for ways in zip(*runs, strict=True)]


async def record_once() -> list[Way]:
    """Run the server and its client; return the ways of all packets."""
    io = make_server()
    await io.listen(port=0)
    loop = asyncio.get_running_loop()
    conductor = Conductor(io, loop)
    await asyncio.to_thread(conductor.run)
    await io.close()
    return conductor.ways


# -- what is shown


def table(ways: list[Way]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| packet | calls | files | changes of file |"
    yield "|---|---|---|---|"
    for way in ways:
        yield f"| {way.name} | {len(way.calls)} | {len(set(way.files))} | {way.changes} |"


def purpose(code: CodeType) -> str:
    """Return the first sentence of a function's docstring, "" without one."""
    # It is the first constant of a function's code; None is there without one.
    text = next(iter(code.co_consts), None)
    if not isinstance(text, str):
        return ""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def steps(way: Way) -> Iterator[str]:
    """Yield a numbered line for each call, with a link to the function and what it is for."""
    for number, (code, group) in enumerate(groupby(way.calls), 1):
        times = len(list(group))
        name = file_name(code)
        again = f" ({times} times)" if times > 1 else ""
        link = f"../{name}#L{code.co_firstlineno}"
        told = purpose(code)
        about = f": {told}" if told else ""
        yield f"{number}. [{name}]({link}) `{code.co_qualname}`{again}{about}"


def page(ways: list[Way]) -> str:
    """Return docs/packet.md."""
    lines = [
        "# The way of a packet",
        "",
        "Which functions of the two packages a packet passes, from the first byte read to the last",
        "one written, each with the first sentence of its docstring. This page is recorded from",
        f"the running code, with Python 3.{sys.version_info.minor}, by",
        "`python scripts/packet_path.py --write`; [protocol.md](protocol.md) says what the packets",
        "mean. The server has another client already: the first one of an empty server passes two",
        "functions more, which set the timer by which clients must join.",
        "",
        *table(ways),
    ]
    for way in ways:
        lines += ["", f"## {way.name}", "", way.about, "", *steps(way)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--write"], ["--check"]):
        raise SystemExit(f"usage: packet_path.py [--write | --check], got {arguments}")
    ways = asyncio.run(record_ways())
    if arguments == ["--write"]:
        PAGE.write_text(page(ways), encoding="utf-8")
    elif arguments == ["--check"]:
        if PAGE.read_text(encoding="utf-8") != page(ways):
            raise SystemExit(
                f"{PAGE.relative_to(ROOT)} is not what the code does: run "
                "`python scripts/packet_path.py --write` and read what has changed"
            )
    else:
        print("\n".join(table(ways)))


if __name__ == "__main__":
    # The time of a log line or a seed changes no way, but a debugger's settings would.
    os.environ.pop("PYTHONASYNCIODEBUG", None)
    main(sys.argv[1:])
