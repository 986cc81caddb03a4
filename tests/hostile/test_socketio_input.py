"""Hostile Socket.IO packets: each row is what is sent, what comes back, and whether that ends it.

Packets are written without Engine.IO's "4"; bytes are binary messages. A row begins in the main
namespace unless its id says "before CONNECT". `answers` are the packets that must come back, in
order; then the connection is closed, or it goes on and acknowledges an event. The ids are those of
the project's catalogue of hostile input (S: Socket.IO).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from socketio_min import Limits
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import Wire
from tests.hostile.stage import Stage, staged
from tests.waiting import until

DEEP = 64
PLACEHOLDER = '{"_placeholder":true,"num":0}'


@dataclass(frozen=True)
class Row:
    """One case: packets, the answers to them, and whether the connection is closed."""

    id: str
    packets: tuple[str | bytes, ...]
    closed: bool = True
    answers: tuple[str | bytes, ...] = ()


def row(name: str, *packets: str | bytes) -> Row:
    """Packets that close the connection."""
    return Row(name, packets)


def fine(name: str, *packets: str | bytes, answers: tuple[str | bytes, ...] = ()) -> Row:
    """Packets that do no harm."""
    return Row(name, packets, False, answers)


def nested(depth: int, inner: str = "") -> str:
    """An event whose JSON has `depth` levels."""
    return '2["echo",' + "[" * (depth - 1) + inner + "]" * (depth - 1) + "]"


def event(name: str) -> str:
    return f"2[{json.dumps(name)}]"


BEFORE = [
    row("S01-event", '2["echo"]'),
    row("S01-acknowledgement", "31[]"),
    row("S01-disconnect", "1"),
    row("S01-binary-header", f'51-["echo",{PLACEHOLDER}]'),
    row("S01-binary", b"\0"),
    row("S01-event-elsewhere", '2/refused,["echo"]'),
    row("S04-list", "0[]"),
    row("S04-null", "0null"),
    row("S04-text", '0"s"'),
    row("S04-number", "01"),
    row("S04-truncated", '0{"a"'),
    row("S04-more", "0{}{}"),
    row("S04-long", '0{"a":["' + "x" * 65_536 + '"]}'),
    row("S04-with-id", "01{}"),
    row("S05-twice-at-once", "0", "0"),
    row("S06-5000-at-once", *["0"] * 5_000),
    row("S08-refused-namespace", "0/refused,", '2/refused,["echo"]'),
    row("S03-long-namespace", f"0/{'x' * 2000},"),
    row("S31-connect-error", '4{"message":"x"}'),
]

ROWS = [
    fine("S02-unknown-namespace", "0/nope,", answers=('4/nope,{"message":"Invalid namespace"}',)),
    *[
        fine(
            f"S03-namespace-{name!a}",
            f"0{name},",
            answers=(f'4{name},{{"message":"Invalid namespace"}}',),
        )
        for name in ("//", "/?a=1", "/__proto__", "/constructor", "/\x01", "/..", "/\u2028")
    ],
    fine(
        "S03-refused-namespace", "0/refused,", answers=('4/refused,{"message":"not authorized"}',)
    ),
    row("S05-second-connect", "0"),
    row("S05-second-connect-with-auth", '0{"token":"x"}'),
    row("S08-unknown-namespace", '2/nope,["echo"]'),
    row("S09-after-disconnect", "1", '2["echo"]'),
    row("S10-disconnect-with-payload", "1{}"),
    row("S10-disconnect-elsewhere", "1/nope,"),
    row("S11-no-data", "2"),
    *[
        row(f"S12-data-{data}", f"2{data}")
        for data in ("[]", "{}", "null", '"x"', "[null]", "[true]", "[{}]", "[[]]", "1")
    ],
    row("S13-numeric-name", "2[1]"),
    *[
        row(f"S14-{name}", event(name))
        for name in (
            "connect",
            "connect_error",
            "disconnect",
            "disconnecting",
            "newListener",
            "removeListener",
        )
    ],
    *[
        fine(f"S16-name-{name!a:.40}", event(name))
        for name in (
            "error",
            "__proto__",
            "constructor",
            "toString",
            "__class__",
            "__init__",
            "on_connect",
            "emit",
            "sockets",
            "",
            "\0",
            "x" * 128,
        )
    ],
    row("S16-long-name", event("x" * 129)),
    row("S16-10-KB-name", event("x" * 10_000)),
    *[
        row(f"S17-{text!a}", text)
        for text in (
            '2["echo",]',
            '2["echo"]x',
            '2["echo"] 1',
            '2["echo",NaN]',
            '2["echo",Infinity]',
            '2["echo","\n"]',
            '\ufeff2["echo"]',
            '2\ufeff["echo"]',
            "2['echo']",
            '2["echo",01]',
            '2["echo",+1]',
            '2["echo",.5]',
            '2["echo",0x1]',
            '2["echo"',
            '2["echo"]]',
            '2["echo",undefined]',
            '2["echo","\\x41"]',
            '2["echo"/**/]',
            ' 2["echo"]',
        )
    ],
    fine("S17-spaces-inside", '21[ "echo" , 1 ]', answers=("31[1]",)),
    fine("S18-lone-surrogate", '21["echo","\\ud800"]', answers=('31["\\ud800"]',)),
    fine("S19-1e999", '21["echo",1e999]', answers=("31[null]",)),
    fine("S20-30-digits", f'21["echo",{"9" * 30}]', answers=("31[1e+30]",)),
    fine(
        "S20-64-bits",
        f'21["echo",{2**64 - 1},{-(2**63)}]',
        answers=(f"31[{2**64 - 1},{-(2**63)}]",),
    ),
    *[row(f"S21-depth-{depth}", nested(depth)) for depth in (65, 300, 1_000, 10_000, 400_000)],
    fine("S21-depth-64", nested(DEEP)),
    row("S21-depth-of-objects", '2["echo",' + '{"a":' * 70 + "1" + "}" * 70 + "]"),
    row("S22-a-megabyte-of-lists", '2["shh",' + ",".join(["[]"] * 300_000) + "]"),
    row("S22-a-megabyte-of-objects", '2["shh",' + ",".join(["{}"] * 300_000) + "]"),
    fine("S22-the-most-lists", '2["shh",' + ",".join(["[]"] * 4_999) + "]"),
    fine(
        "S23-keys",
        '21["echo",{"a":1,"a":2,"__proto__":{"x":1},"toJSON":1}]',
        answers=('31[{"a":2,"__proto__":{"x":1},"toJSON":1}]',),
    ),
    fine("S24-id-0", '20["echo"]', answers=("30[]",)),
    fine("S24-leading-zeros", '207["echo"]', answers=("37[]",)),
    fine("S24-largest-id", '29007199254740991["echo"]', answers=("39007199254740991[]",)),
    row("S25-space", '2 ["echo"]'),
    *[
        row(f"S26-id-{digits!a}", f'2{digits}["echo"]')
        for digits in ("-1", "+1", "1.5", "1e3", "\u0661", "\u00b2", "\uff11", "0x1", "1_0", "1 ")
    ],
    *[
        row(f"S27-id-of-{len(digits)}", f'2{digits}["echo"]')
        for digits in ("9007199254740992", "1" * 17, "1" * 30, "1" * 400, "1" * 5_000)
    ],
    fine("S28-unknown-acknowledgement", "3123[]", "3123[1,2]", "30[]"),
    fine("S29-acknowledgement-without-id", "3[]", "3"),
    fine("S29-acknowledgement-without-data", "31"),
    row("S29-acknowledgement-with-an-object", "31{}"),
    row("S31-connect-error", '4{"message":"x"}'),
    *[
        row(f"S32-type-{kind!a}", kind)
        for kind in ("7", "8", "9", "a", "\uff12", "", "-", '["echo"]')
    ],
    row("S33-no-attachments", '50-["echo"]'),
    row("S33-no-attachments-in-an-acknowledgement", "60-1[]"),
    *[
        row(f"S34-attachments-{count!a}", f'5{count}["echo",{PLACEHOLDER}]')
        for count in ("-1-", "1.5-", "-", "", "1", "01x-")
    ],
    *[
        row(f"S35-attachments-{count!a}", f'5{count}-["echo",{PLACEHOLDER}]')
        for count in ("1e1", "0x1", " 1", "1 ", "\u0661", "\u00b2", "+1", "1_0")
    ],
    *[
        row(f"S36-{count}-attachments", f'5{count}-["echo",{PLACEHOLDER}]')
        for count in ("11", "1000000000", "1832742252", "9" * 30)
    ],
    row(
        "S38-attachments-above-limit", f'52-["echo",{PLACEHOLDER}]', b"a" * 600_000, b"a" * 400_001
    ),
    row("S39-text-while-due", f'51-["echo",{PLACEHOLDER}]', '2["echo"]'),
    row("S39-header-while-due", *[f'51-["echo",{PLACEHOLDER}]'] * 2),
    row("S39-disconnect-while-due", f'51-["echo",{PLACEHOLDER}]', "1"),
    row("S39-connect-while-due", f'51-["echo",{PLACEHOLDER}]', "0/refused,"),
    fine(
        "S40-attachment",
        f'51-1["echo",{PLACEHOLDER}]',
        b"abc",
        answers=(f"61-1[{PLACEHOLDER}]", b"abc"),
    ),
    row("S41-binary-without-header", b"abc"),
    row("S41-more-binary", f'51-["shh",{PLACEHOLDER}]', b"a", b"b"),
    row("S41-empty-binary-without-header", b""),
    *[
        row(f"S42-num-{num}", f'51-["echo",{{"_placeholder":true,"num":{num}}}]')
        for num in ("-1", "1", '"0"', "true", "null", "1e400", "0.5", "[]", "{}", '"splice"', "0.0")
    ],
    row("S42-no-num", '51-["echo",{"_placeholder":true}]'),
    fine("S44-unused-attachment", '51-1["echo"]', b"abc", answers=("31[]",)),
    fine(
        "S44-twice",
        f'51-1["echo",{PLACEHOLDER},{PLACEHOLDER}]',
        b"a",
        answers=(f'62-1[{PLACEHOLDER},{{"_placeholder":true,"num":1}}]', b"a", b"a"),
    ),
    fine("S45-plain", f'21["echo",{PLACEHOLDER}]', answers=(f"31[{PLACEHOLDER}]",)),
    fine(
        "S45-not-exactly-true",
        '51-1["echo",{"_placeholder":1,"num":0}]',
        b"a",
        answers=('31[{"_placeholder":1,"num":0}]',),
    ),
    row("S46-name-is-a-placeholder", f"51-[{PLACEHOLDER}]", b"a"),
    row("S47-placeholder-bomb", f'51-["echo",{",".join([PLACEHOLDER] * 10_000)}]', b"a" * 500_000),
    fine("S49-room-of-another", '2["join","{honest}"]'),
    fine("S56-handler-raises", '21["fail"]'),
    fine("S56-wrong-number-of-arguments", '2["join"]'),
    fine("dash-in-data", '21["echo","1-2"]', answers=('31["1-2"]',)),
    fine("comma-in-data", '21["echo","/a,b"]', answers=('31["/a,b"]',)),
]


async def send(wire: Wire, packets: tuple[str | bytes, ...]) -> None:
    await wire.send_packet(*["4" + p if isinstance(p, str) else p for p in packets])


async def check(stage: Stage, wire: Wire, case: Row) -> None:
    await send(wire, case.packets)
    for answer in case.answers:
        assert await wire.packet() == ("4" + answer if isinstance(answer, str) else answer)
    if not case.closed:
        await send(wire, ('29["sync"]',))
        assert await wire.packet() == "439[]"
        return
    ours = len(stage.events)
    while True:
        received = await wire.frame()
        if received.opcode == 8:
            break
        assert received.payload[:2] in (b"40", b"44"), received
    assert received.payload == b""
    await wire.send_frame(8, b"")
    assert await wire.ended() == b""
    assert stage.records.reasons == ["forced close"]
    assert len(stage.events) <= ours + 1


@pytest.mark.parametrize("case", BEFORE, ids=lambda case: case.id)
async def test_hostile_packets_before_connect(case: Row) -> None:
    async with staged() as stage:
        await check(stage, await stage.opened(), case)


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
async def test_hostile_packets(case: Row) -> None:
    async with staged() as stage:
        if "raises" in case.id or "room" in case.id:
            # The application's own failure is logged, with its traceback.
            stage.failures = 1
        packets = tuple(
            p.replace("{honest}", stage.sockets[0].id) if isinstance(p, str) else p
            for p in case.packets
        )
        await check(stage, await stage.joined(), Row(case.id, packets, case.closed, case.answers))


# --- limits and times


async def test_namespaces_of_a_connection() -> None:
    """S07: the thirty-third closes it."""
    async with staged() as stage:
        for number in range(40):
            stage.io.of(f"/n{number}")
        wire = await stage.joined()
        await send(wire, tuple(f"0/n{number}," for number in range(31)))
        for number in range(31):
            assert str(await wire.packet()).startswith(f"40/n{number},")
        await send(wire, ("0/n31,",))
        assert await wire.close_code() == 1005


@pytest.mark.parametrize("received", [0, 1])
async def test_attachments_that_do_not_come(received: int, clock: Clock) -> None:
    """S37: 30 seconds for all of them; what came is freed."""
    async with staged(ping_interval=1000) as stage:
        wire = await stage.joined()
        await send(wire, (f'52-["echo",{PLACEHOLDER}]', *[b"a" * 1000] * received))
        await stage.honest_client_works()
        await clock.advance(29)
        assert stage.records.reasons == []
        await clock.advance(1)
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["forced close"]


async def test_pongs_and_pings_between_attachments(clock: Clock) -> None:
    """S40."""
    async with staged() as stage:
        wire = await stage.joined()
        await send(wire, (f'51-1["echo",{PLACEHOLDER}]',))
        await clock.advance(25)
        assert await wire.packet() == "2"
        await wire.send_packet("3", b"abc")
        assert await wire.packet() == f"461-1[{PLACEHOLDER}]"
        assert await wire.packet() == b"abc"


async def test_rooms_of_a_socket() -> None:
    """S48: 1,000, with names of 256 characters; more are refused and everything is freed."""
    async with staged() as stage:
        wire = await stage.joined()
        await send(wire, tuple(f'2["join","{number}"]' for number in range(1_004)))
        await send(wire, (f'2["join","{"x" * 257}"]', '21["echo"]'))
        assert await wire.packet() == "431[]"
        assert len(stage.sockets[-1].rooms) == 1_000


async def test_acknowledgements_that_are_never_given() -> None:
    """S30: 1,000 at once, then the caller is told; they go with the client."""
    async with staged(limits=Limits(max_pending_acks=3)) as stage:
        wire = await stage.joined()
        failed: list[Any] = []

        @stage.io.on("ask")
        async def ask(socket: Any) -> None:
            try:
                await socket.call("question", timeout=1000)
            except Exception as error:
                failed.append(type(error).__name__)

        await send(wire, ('2["ask"]',) * 4)
        await until(lambda: failed)
        assert failed == ["LimitReached"]
        wire.abort()
        await until(lambda: len(failed) == 4)
        assert failed[1:] == ["Disconnected"] * 3


async def test_an_acknowledgement_counts_once_and_for_its_own_socket() -> None:
    """S28."""
    async with staged() as stage:
        asked, other = await stage.joined(), await stage.joined()
        answers: list[Any] = []

        @stage.io.on("ask")
        async def ask(socket: Any) -> None:
            answers.append(await socket.call("question"))

        await send(asked, ('2["ask"]',))
        question = str(await asked.packet())
        ack_id = question.removeprefix("42").removesuffix('["question"]')
        await send(other, (f'3{ack_id}["forged"]', '21["echo"]'))
        assert await other.packet() == "431[]"
        assert answers == []
        await send(asked, (f'3{ack_id}["first"]', f'3{ack_id}["second"]', '21["echo"]'))
        assert await asked.packet() == "431[]"
        assert answers == ["first"]


async def test_a_relayed_value_reaches_the_room_whatever_its_depth() -> None:
    """What is accepted can be sent on: the deepest value and the largest numbers."""
    async with staged() as stage:
        wire = await stage.joined()
        text = nested(DEEP, "1e+300,-0.0,18446744073709551615").replace("echo", "shout")
        await send(wire, (text,))
        assert await wire.packet() == "4" + text


async def test_nothing_is_dispatched_while_the_admission_runs() -> None:
    """S01: an event behind a CONNECT that is being decided closes the connection."""
    async with staged() as stage:
        gate = asyncio.Event()

        @stage.io.use
        async def wait(_socket: Any) -> None:
            await gate.wait()

        wire = await stage.opened()
        await send(wire, ("0", '2["echo",1]'))
        assert await wire.close_code() == 1005
        gate.set()
        assert stage.events == [["echo", "are you there?"]]
