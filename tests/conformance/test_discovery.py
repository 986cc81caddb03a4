"""Servers that are set up otherwise than the reference, within what the protocol leaves to them.

A case that cannot apply is not run and says why; it neither fails nor passes. Unless what is
missing was declared, the run is no success either: what is broken everywhere looks as if it were
missing.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Collection, Iterator

import pytest

from conformance.connection import Endpoint
from conformance.context import Paths, Settings
from conformance.errors import Unreachable
from conformance.offer import Feature
from conformance.reports import html, json_report
from conformance.reports.terminal import Terminal
from conformance.runner import Runner
from conformance.verdict import Run, Verdict
from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.proxy import proxied
from tests.conformance.running import REFERENCE, cases_named, failures, start, stop

UNKNOWN = b'{"code":0,"message":"Transport unknown"}'
HANDSHAKE = re.compile(rb'(.*"upgrades":)\["websocket"\](.*)')


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    process, port = start([*REFERENCE, "--ping-interval", "20000", "--ping-timeout", "20000"])
    try:
        yield port
    finally:
        stop(process)


async def run(
    server: Mutant,
    upstream: int,
    *ids: str,
    without: Collection[Feature] = (),
    origin: str = "http://a.example",
) -> Run:
    async with proxied(server, upstream) as port:
        settings = Settings(
            Endpoint("127.0.0.1", port), Paths("/engine.io/", "/socket.io/"), 0.5, origin=origin
        )
        runner = Runner(settings, cases_named(ids), without=without, second_attempts=False)
        return await runner.run("", "strict")


def verdicts(run: Run) -> dict[str, str]:
    return {result.case.id: result.verdict.value for result in run.results}


def notes(run: Run) -> set[str]:
    return {result.note for result in run.results if result.verdict is Verdict.NOT_RUN}


class PollingOnly(Mutant):
    """`transports: ["polling"]`."""

    def request(self, request: Message) -> Message | None:
        return answer(400, UNKNOWN) if request.upgrades else None

    def reply(self, request: Message, reply: Message) -> None:
        reply.body = HANDSHAKE.sub(rb"\1[]\2", reply.body)


POLLING_ONLY = (
    "EIO-OPEN-001", "EIO-OPEN-022", "EIO-POLL-001", "EIO-WS-001", "EIO-WS-018", "EIO-FRAME-022",
    "EIO-UPG-001", "EIO-HTTP-001",
)  # fmt: skip


async def test_without_websocket_polling_is_tested(upstream: int) -> None:
    told = await run(PollingOnly(), upstream, *POLLING_ONLY)
    assert verdicts(told) == {
        "EIO-OPEN-001": "pass",
        "EIO-OPEN-022": "not run",
        "EIO-POLL-001": "pass",
        "EIO-WS-001": "not run",
        "EIO-WS-018": "not run",
        "EIO-FRAME-022": "not run",
        "EIO-UPG-001": "not run",
        "EIO-HTTP-001": "pass",
    }
    assert notes(told) == {
        'got 400 {"code":0,"message":"Transport unknown"} for a WebSocket under /engine.io/, and '
        "no upgrades in the handshake; if that is intended, add --without websocket"
    }
    assert not told.passed
    declared = await run(PollingOnly(), upstream, *POLLING_ONLY, without=[Feature.WEBSOCKET])
    assert verdicts(declared) == verdicts(told)
    assert notes(declared) == {"declared by --without websocket"}
    assert declared.passed


class PollingOnlyButPromises(PollingOnly):
    """It refuses WebSockets although its handshake offers them."""

    def reply(self, request: Message, reply: Message) -> None:
        pass


async def test_a_broken_promise_is_a_failure(upstream: int) -> None:
    told = await run(PollingOnlyButPromises(), upstream, "EIO-WS-001")
    assert failures(told) == [
        'EIO-WS-001: got 400 {"code":0,"message":"Transport unknown"}, expected 101 Switching '
        "Protocols"
    ]


class NullUpgrades(Mutant):
    """`upgrades` is no list."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.body = HANDSHAKE.sub(rb"\1null\2", reply.body)


async def test_upgrades_of_a_wrong_type_are_a_failure(upstream: int) -> None:
    assert failures(await run(NullUpgrades(), upstream, "EIO-OPEN-001", "EIO-WS-001")) == [
        "EIO-OPEN-001: got None for upgrades, expected ['websocket']"
    ]


class WebSocketOnly(FrameMutant):
    """`transports: ["websocket"]`."""

    def request(self, request: Message) -> Message | None:
        named = request.query.get("transport") == "polling"
        return answer(400, UNKNOWN) if named and not request.upgrades else None


WEBSOCKET_ONLY = (
    "EIO-OPEN-001", "EIO-OPEN-002", "EIO-OPEN-015", "EIO-OPEN-017", "EIO-OPEN-020",
    "EIO-OPEN-021", "EIO-POLL-019", "EIO-POLL-029",
    "EIO-WS-001", "EIO-UPG-001", "EIO-CORS-001", "EIO-HTTP-033", "EIO-HTTP-037",
)  # fmt: skip


async def test_without_polling_websocket_is_tested(upstream: int) -> None:
    told = await run(WebSocketOnly(), upstream, *WEBSOCKET_ONLY)
    assert verdicts(told) == {
        "EIO-OPEN-001": "not run",
        "EIO-OPEN-002": "pass",
        "EIO-OPEN-015": "not run",
        "EIO-OPEN-017": "not run",
        "EIO-OPEN-020": "not run",
        "EIO-OPEN-021": "not run",
        "EIO-POLL-019": "not run",
        "EIO-POLL-029": "not run",
        "EIO-WS-001": "pass",
        "EIO-UPG-001": "not run",
        "EIO-CORS-001": "not run",
        "EIO-HTTP-033": "not run",
        "EIO-HTTP-037": "not run",
    }
    assert notes(told) == {
        'got 400 {"code":0,"message":"Transport unknown"} for a handshake by polling under '
        "/engine.io/; if that is intended, add --without polling"
    }
    assert not told.passed
    declared = await run(WebSocketOnly(), upstream, *WEBSOCKET_ONLY, without=[Feature.POLLING])
    assert verdicts(declared) == verdicts(told)
    assert declared.passed


class NoUpgrades(Mutant):
    """`allowUpgrades: false`."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.body = HANDSHAKE.sub(rb"\1[]\2", reply.body)


async def test_empty_upgrades_are_right_only_if_declared(upstream: int) -> None:
    told = await run(NoUpgrades(), upstream, "EIO-OPEN-001", "EIO-UPG-001")
    assert verdicts(told) == {"EIO-OPEN-001": "fail", "EIO-UPG-001": "pass"}
    without = [Feature.UPGRADE]
    declared = await run(NoUpgrades(), upstream, "EIO-OPEN-001", "EIO-UPG-001", without=without)
    assert verdicts(declared) == {"EIO-OPEN-001": "pass", "EIO-UPG-001": "not run"}
    assert declared.passed


class Version3(Mutant):
    """The handshake of Socket.IO 2."""

    def request(self, request: Message) -> Message:
        return answer(200, b'96:0{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":1}2:40')


async def test_version_3_is_told_apart(upstream: int) -> None:
    with pytest.raises(Unreachable, match=r"got 96:0\{.*this server speaks v3, as Socket\.IO 2"):
        await run(Version3(), upstream, "EIO-OPEN-001")


class PacketServer(FrameMutant):
    """Changes what reaches the client: `change` gets and returns a packet, None drops it."""

    def outward(self, packet: Packet) -> list[Packet]:
        changed = self.change(packet) if isinstance(packet, str) else packet
        return [] if changed is None else [changed]

    def change(self, packet: str) -> str | None:
        raise NotImplementedError


class Silent(PacketServer):
    """Sends none of these packets."""

    def __init__(self, beginning: str) -> None:
        self.beginning = beginning

    def change(self, packet: str) -> str | None:
        return None if packet.startswith(self.beginning) else packet


class RefusesAll(PacketServer):
    """A middleware that lets nobody in."""

    def change(self, packet: str) -> str:
        return '44{"message":"no"}' if packet.startswith("40") else packet


SEE = 'see "The server under test" in docs/conformance.md'


@pytest.mark.parametrize(
    ("server", "missing"),
    [
        (
            Silent('42["auth"'),
            'got nothing for `40` under /socket.io/, expected 42["auth",…]: the cases need a '
            f"server that sends `auth` to who joins, {SEE}",
        ),
        (
            Silent('42["message-back"'),
            'got nothing for `42["message","hello"]` under /socket.io/, expected '
            '42["message-back",…]: the cases need a server that answers `message` with '
            f"`message-back`, {SEE}",
        ),
        (
            RefusesAll(),
            'got 44{"message":"no"} for `40` under /socket.io/, expected 40{"sid":…}: the cases '
            f"need a server that lets every client join, {SEE}",
        ),
    ],
)
async def test_without_handlers_only_the_engine_is_tested(
    server: PacketServer, missing: str, upstream: int
) -> None:
    ids = ("SIO-ENGINE-001", "SIO-ENGINE-009", "SIO-ENGINE-012", "SIO-CONN-001", "SIO-ACK-001")
    told = await run(server, upstream, *ids)
    assert verdicts(told) == {
        "SIO-ENGINE-001": "pass",
        "SIO-ENGINE-009": "not run",
        "SIO-ENGINE-012": "not run",
        "SIO-CONN-001": "not run",
        "SIO-ACK-001": "not run",
    }
    needed = {note for note in notes(told) if not note.startswith("too slow")}
    assert needed == {missing}
    assert not told.passed


async def test_an_engine_that_does_not_echo_is_not_tested(upstream: int) -> None:
    told = await run(Silent("4hello"), upstream, "EIO-OPEN-001", "EIO-WS-001")
    assert notes(told) == {
        "got nothing for `4hello` under /engine.io/, expected 4hello: the cases need a server that "
        f"sends every message back, {SEE}"
    }
    assert not told.passed


class OtherOrigins(Mutant):
    """Allows no origin, or one."""

    def __init__(self, allowed: str | None) -> None:
        self.allowed = allowed

    def reply(self, request: Message, reply: Message) -> None:
        ours = request.header("origin") == self.allowed
        reply.set("Access-Control-Allow-Origin", self.allowed if ours else None)


async def test_cross_origin_cases_need_an_origin_that_is_allowed(upstream: int) -> None:
    ids = ("EIO-CORS-001", "EIO-CORS-004", "EIO-CORS-009")
    told = await run(OtherOrigins(None), upstream, *ids)
    assert set(verdicts(told).values()) == {"not run", "pass"}
    assert notes(told) == {
        "got no Access-Control-Allow-Origin for a handshake with Origin: http://a.example; "
        "--origin names one that the server allows; if that is intended, add --without cors"
    }
    assert not told.passed
    assert (await run(OtherOrigins(None), upstream, *ids, without=[Feature.CORS])).passed
    mine = "https://my.example"
    named = await run(OtherOrigins(mine), upstream, *ids, origin=mine)
    assert set(verdicts(named).values()) == {"pass"}


class Recovers(PacketServer):
    """Connection state recovery: a pid, and an offset in each event that asks for no ack."""

    def change(self, packet: str) -> str:
        if packet.startswith("40"):
            return packet.replace("}", ',"pid":"x"}')
        return re.sub(r"^(4[25](?:\d+-)?(?:/custom,)?\[.*)\]$", r'\1,"Q88kCvX.0"]', packet)


async def test_recovery_is_no_failure(upstream: int) -> None:
    ids = (
        "SIO-ENGINE-010", "SIO-CONN-006", "SIO-CONN-019", "SIO-EVENT-002", "SIO-EVENT-025",
        "SIO-BIN-001", "SIO-ACK-001",
    )  # fmt: skip
    assert failures(await run(Recovers(), upstream, *ids)) == []


class TellsAnotherLimit(Mutant):
    """A `maxPayload` of its own, or none."""

    def __init__(self, limit: bytes) -> None:
        self.limit = limit

    def reply(self, request: Message, reply: Message) -> None:
        reply.body = reply.body.replace(b',"maxPayload":1000000', self.limit)


async def test_a_server_before_max_payload_is_tested(upstream: int) -> None:
    ids = ("EIO-OPEN-001", "EIO-POLL-018", "EIO-LIMIT-001")
    told = await run(TellsAnotherLimit(b""), upstream, *ids)
    assert verdicts(told) == {
        "EIO-OPEN-001": "fail",
        "EIO-POLL-018": "pass",
        "EIO-LIMIT-001": "not run",
    }
    assert notes(told) == {"no maxPayload in the handshake under /engine.io/"}


async def test_cases_keep_to_the_limit(upstream: int) -> None:
    ids = ("EIO-POLL-001", "EIO-POLL-017", "EIO-WS-003", "EIO-WS-017")
    told = await run(TellsAnotherLimit(b',"maxPayload":100'), upstream, *ids)
    assert notes(told) == {
        "sends 1189 bytes at once, more than maxPayload (100)",
        "sends 256 bytes at once, more than maxPayload (100)",
        "sends 201 bytes at once, more than maxPayload (100)",
    }
    assert told.passed


async def test_a_large_limit_is_not_tried_out(upstream: int) -> None:
    told = await run(TellsAnotherLimit(b',"maxPayload":100000000'), upstream, "EIO-LIMIT-001")
    assert notes(told) == {"maxPayload is 100000000; a limit is tried out up to 16000000 bytes"}
    assert told.passed


class AnswersThePing(Mutant):
    """The first poll behind a probe is answered with a ping, and only the second with the noop."""

    polls = 0

    def outward(self, packet: Packet) -> list[Packet]:
        self.polls += packet == "6"
        return ["2"] if packet == "6" and self.polls == 1 else [packet]


async def test_a_ping_before_the_noop_is_no_failure(upstream: int) -> None:
    assert failures(await run(AnswersThePing(), upstream, "EIO-UPG-001")) == []


class PingsAllTheTime(FrameMutant):
    """A ping before and after each message."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["2", packet, "2"] if packet[:1] == "4" else [packet]


async def test_pings_may_come_at_any_time(upstream: int) -> None:
    ids = (
        "EIO-POLL-019", "EIO-POLL-025", "EIO-POLL-026", "EIO-WS-011", "EIO-WS-013", "SIO-CONN-012",
    )  # fmt: skip
    assert failures(await run(PingsAllTheTime(), upstream, *ids)) == []


class FarAway(Mutant):
    """Every answer takes a while."""

    async def answered(self, request: Message, reply: Message) -> None:
        await asyncio.sleep(0.02)

    def reply(self, request: Message, reply: Message) -> None:
        reply.body = reply.body.replace(b'"pingTimeout":20000', b'"pingTimeout":20')


async def test_a_slow_way_is_a_warning(upstream: int) -> None:
    told = await run(FarAway(), upstream, "EIO-OPEN-001")
    (warning,) = told.warnings
    assert re.fullmatch(
        r"the handshake under /engine\.io/ took 0\.\d+ s, and a pong is due within 0\.02 s "
        r"\(pingTimeout\): sessions may end of that, and cases fail",
        warning,
    )
    assert warning in json_report.render(told)
    assert warning in html.render(told)
    terminal = io.StringIO()
    Terminal(terminal, 1).finish(told)
    assert warning in " ".join(terminal.getvalue().split())
    assert told.passed
    assert (await run(Mutant(), upstream, "EIO-OPEN-001")).warnings == []
