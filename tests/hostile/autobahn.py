"""Both ends of our WebSocket under the cases of the Autobahn suite, which kosoku runs.

The cases want an echo, and an Engine.IO endpoint is none. So Engine.IO alone is left out: what
comes in a frame goes back in one. All else is the packages' own: HTTP, both handshakes, frames,
compression, limits, the closing handshake.

`python -m tests.hostile.autobahn` runs every case against both ends, those of compression with it;
these take most of an hour, all others less than a minute. Arguments choose cases: `'9.*' 12.1.1`.

The limits give way to the cases where these send more than a server should take: messages of 16
MiB, and one of 4 MiB in 65,536 frames.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import kosoku

from engineio_min import Connection, Server
from engineio_min.client.address import parse_url
from engineio_min.client.http import HttpClient
from engineio_min.client.websocket import ClientWebSocket, open_websocket
from engineio_min.protocol import assembler
from engineio_min.protocol.packets import Packet
from engineio_min.transports.connection import Exchange

if TYPE_CHECKING:
    from kosoku._kosoku import CaseResult

LARGEST_MESSAGE = 16 * 1_048_576
MOST_FRAMES = 65_536
# Many cases only wait for something that must not come.
AT_ONCE = 4
# Seconds for one case against the client; the longest cases give themselves eight minutes.
CASE_TIMEOUT = 600.0
CLOSE_TIMEOUT = 5.0
UNIMPLEMENTED = "UNIMPLEMENTED"


@contextmanager
def frames_of_a_message(limit: int) -> Iterator[None]:
    """Let a message have up to `limit` frames meanwhile."""
    before = assembler.MAX_FRAMES
    assembler.MAX_FRAMES = limit
    try:
        yield
    finally:
        assembler.MAX_FRAMES = before


# -- the server


class EchoConnection(Connection):
    """A connection that sends back each message as it came."""

    __slots__ = ()

    def receive_all(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self.session.send(packet)


class EchoServer(Server):
    """A server that answers every request as the handshake of an echo."""

    def handle(self, exchange: Exchange) -> None:
        number = str(len(self.sessions))
        connection = EchoConnection(self, exchange.request, number, "websocket")
        websocket = connection.carrier = exchange.accept(
            connection, (), candidate=False, base64=False
        )
        self.sessions[number] = connection
        self.timer.watch(connection.session)
        websocket.start()


async def judge_server(
    cases: Sequence[str], *, deflate: bool, largest_message: int = LARGEST_MESSAGE
) -> list[CaseResult]:
    """Run cases against our server; with `deflate` it agrees to compress every message."""
    server = EchoServer(
        path="/",
        ping_interval=10_000,
        max_http_buffer_size=largest_message,
        max_buffered=4 * LARGEST_MESSAGE,
        per_message_deflate=1 if deflate else False,
    )
    await server.listen(port=0)
    try:
        with frames_of_a_message(MOST_FRAMES):
            return await results(
                kosoku.run_fuzzingclient(
                    f"ws://127.0.0.1:{server.port}/", cases, concurrency=AT_ONCE
                )
            )
    finally:
        await server.stop()


# -- the client


class Echo:
    """The owner of a client's WebSocket that sends back each packet as it came."""

    def __init__(self) -> None:
        self.received: list[Packet] = []
        self.over = asyncio.Event()

    def receive_from(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        """Packets came; see `PacketSink`."""
        self.received = packets
        websocket.write(packets)

    def lost(self, websocket: ClientWebSocket, reason: str, description: str) -> None:
        """It is over; see `PacketSink`."""
        self.over.set()

    def writable_changed(self, websocket: ClientWebSocket) -> None:
        """An echo waits for nobody; see `PacketSink`."""


async def run_client(
    url: str, target: str, *, deflate: bool, largest_message: int = LARGEST_MESSAGE
) -> list[Packet]:
    """Echo until the server closes; return what it sent last."""
    http = HttpClient(parse_url(url), ssl=None, headers={}, max_body=largest_message)
    echo = Echo()
    try:
        async with asyncio.timeout(CASE_TIMEOUT):
            websocket = await open_websocket(
                http, target, echo, deflate_threshold=1 if deflate else None
            )
            websocket.start()
            await echo.over.wait()
            await websocket.close(CLOSE_TIMEOUT)
    finally:
        http.close()
    return echo.received


async def judge_client(
    cases: Sequence[str], *, deflate: bool, largest_message: int = LARGEST_MESSAGE
) -> list[CaseResult]:
    """Run cases against our client; with `deflate` it offers to compress every message."""
    async with kosoku.run_fuzzingserver(cases, port=0) as server:
        url = f"ws://127.0.0.1:{server.port}"
        [count] = await run_client(url, "/getCaseCount", deflate=False)
        numbers = iter(range(1, int(count) + 1))

        async def take_turns() -> None:
            for number in numbers:
                await run_client(
                    url,
                    f"/runCase?case={number}&agent=socketio-min",
                    deflate=deflate,
                    largest_message=largest_message,
                )

        with frames_of_a_message(MOST_FRAMES):
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(take_turns())
        await run_client(url, "/updateReports?agent=socketio-min", deflate=False)
        verdicts = await results(server.get_result())
    return verdicts  # noqa: RET504 - mypy sees a context manager that may swallow errors


class Judge(Protocol):
    """What runs cases against one end."""

    def __call__(
        self, cases: Sequence[str], *, deflate: bool, largest_message: int = LARGEST_MESSAGE
    ) -> Awaitable[list[CaseResult]]:
        """Run cases, with compression agreed on or not."""


# -- the verdict


async def results(run: Awaitable[list[CaseResult]]) -> list[CaseResult]:
    """The results of all cases, failed ones among them."""
    try:
        return await run
    except kosoku.FailureError as failure:
        return failure.results


def objections(results: Iterable[CaseResult]) -> dict[str, str]:
    """The cases that did not pass, and why."""
    return {
        case.case_id: f"{case.behavior!r} {case.result} {case.behavior_close!r} {case.result_close}"
        for case in results
        if not case.passed and case.behavior.value != UNIMPLEMENTED
    }


def unimplemented(results: Iterable[CaseResult]) -> list[str]:
    """The cases about compression that was not agreed on.

    The suite has a verdict of its own for them, which is no failure: an endpoint need not have it.
    """
    return [case.case_id for case in results if case.behavior.value == UNIMPLEMENTED]


# -- the command

RUNS: tuple[tuple[str, Judge, bool], ...] = (
    ("server", judge_server, False),
    ("server with compression", judge_server, True),
    ("client", judge_client, False),
    ("client with compression", judge_client, True),
)
# What compression changes nothing of is not run again with it.
WITHOUT_COMPRESSION = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
WITH_COMPRESSION = ("1.*", "5.*", "6.*", "7.*", "12.*", "13.*")


async def main(chosen: Sequence[str]) -> int:
    """Run the chosen cases, or all; return the number of those that did not pass."""
    failed = 0
    for name, judge, deflate in RUNS:
        started = time.monotonic()
        cases = chosen or (WITH_COMPRESSION if deflate else WITHOUT_COMPRESSION)
        verdicts = await judge(cases, deflate=deflate)
        against = objections(verdicts)
        failed += len(against)
        counted = Counter(case.behavior.value for case in verdicts)
        print(
            f"{name}: {len(verdicts) - len(against)} of {len(verdicts)} cases pass "
            f"in {time.monotonic() - started:.0f} s ("
            + ", ".join(f"{behavior} {number}" for behavior, number in counted.most_common())
            + ")",
            flush=True,
        )
        for case, why in against.items():
            print(f"  {case}: {why}", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(min(1, asyncio.run(main(sys.argv[1:]))))
