"""Events and their values (Socket.IO v5, "Sending and receiving data")."""

from __future__ import annotations

import json

from conformance.case import INTEROP, MUST, ROBUSTNESS, Case, Level, case, register
from conformance.context import Context
from conformance.expectations import fail_unless
from conformance.packets import show, without_offset

DATA = 'Socket.IO v5, "Sending and receiving data"'
ENCODING = 'Socket.IO v5, "Packet encoding"'
SUITE = "Socket.IO v5, test suite"


def values(
    id_: str, section: str, what: str, arguments: str, level: Level = MUST, back: str | None = None
) -> None:
    """Add a case: an event with these arguments (JSON, without brackets) comes back the same.

    `what` describes the arguments. `back` is what comes back, if it is not the same.
    """

    async def run(ctx: Context) -> None:
        session = await ctx.join()
        session.send(f'42["message",{arguments}]')
        await session.expect_json(f'42["message-back",{arguments if back is None else back}]')

    shown = arguments if len(arguments) < 80 else f"{arguments[:60]}…"
    register(
        Case(
            id=id_,
            section=section,
            level=level,
            sends=f'An event with {what}: `42["message",{shown}]`',
            expects="The event `message-back` with the same arguments.",
            run=run,
        )
    )


@case("SIO-EVENT-001", f'{SUITE}: "should send a plain-text packet"', MUST, suite=True)
async def plain(ctx: Context) -> None:
    """`42["message",1,"2",{"3":[true]}]`

    `42["message-back",1,"2",{"3":[true]}]`
    """
    session = await ctx.join()
    session.send('42["message",1,"2",{"3":[true]}]')
    await session.expect_json('42["message-back",1,"2",{"3":[true]}]')


@case("SIO-EVENT-002", f'{SUITE}: "should send a plain-text packet"', INTEROP, suite=True)
async def to_the_letter(ctx: Context) -> None:
    """`42["message",1,"2",{"3":[true]}]`

    `42["message-back",1,"2",{"3":[true]}]` to the letter: JSON without spaces, as the official
    suite asserts.
    """
    session = await ctx.join()
    session.send('42["message",1,"2",{"3":[true]}]')
    expected = '42["message-back",1,"2",{"3":[true]}]'
    seen = str(await session.next_packet(expected))
    fail_unless(
        (without_offset(seen) if session.recovers else seen) == expected, show(seen), expected
    )


values("SIO-EVENT-003", ENCODING, "null, true and false", "null,true,false")
values("SIO-EVENT-004", ENCODING, "numbers", "0,-1,1.5,-0.25,1e3,123456789,9007199254740991")
values("SIO-EVENT-005", ENCODING, "empty values", '"",[],{},[[]],{"":""}')
values("SIO-EVENT-006", ENCODING, "nested values", '{"a":[1,{"b":[[],{"c":null}]}]},[[[1]]]')
values("SIO-EVENT-007", ENCODING, "other alphabets", '"é € 漢字 🦊","Ω"')
values("SIO-EVENT-008", ENCODING, "escapes", r'"\" \\ \/ \b \f \n \r \t \u0000 \u001e \u20ac"')
values("SIO-EVENT-009", ENCODING, "a surrogate pair in escapes", r'"\ud83e\udd8a"')
values("SIO-EVENT-010", ENCODING, "characters of the packet's syntax", r'"/custom,1[{\"-","451-"')
values("SIO-EVENT-011", ENCODING, "white space between the tokens", '[ 1 , { "a" :\t2 } ]')
values("SIO-EVENT-012", ENCODING, "twenty arguments", ",".join(map(str, range(20))))
values("SIO-EVENT-013", ENCODING, "arrays 30 levels deep", "[" * 30 + "]" * 30)
values(
    "SIO-EVENT-014",
    "JavaScript strings may hold lone surrogates",
    "a lone surrogate",
    r'"\ud800 x"',
    INTEROP,
)
values(
    "SIO-EVENT-015",
    "official decoder: placeholders count in binary packets only",
    "what looks like a placeholder",
    '{"_placeholder":true,"num":0}',
    INTEROP,
)
values(
    "SIO-EVENT-016",
    "JSON.parse: the last of equal keys counts",
    "an object with a key twice",
    '{"a":1,"a":2}',
    INTEROP,
    back='{"a":2}',
)
values(
    "SIO-EVENT-017",
    "names out of a message are data",
    "keys such as __proto__ and toJSON",
    '{"constructor":1,"toJSON":2,"__class__":3}',
    ROBUSTNESS,
)


@case("SIO-EVENT-018", DATA, MUST)
async def no_arguments(ctx: Context) -> None:
    """`42["message"]`

    `42["message-back"]`
    """
    session = await ctx.join()
    session.send('42["message"]')
    await session.expect_json('42["message-back"]')


@case("SIO-EVENT-019", DATA, MUST)
async def order(ctx: Context) -> None:
    """100 events in one TCP segment

    100 answers in the same order.
    """
    session = await ctx.join()
    session.send(*(f'42["message",{number}]' for number in range(100)))
    for number in range(100):
        await session.expect_json(f'42["message-back",{number}]')


@case("SIO-EVENT-020", DATA, MUST)
async def by_polling(ctx: Context) -> None:
    """POST `42["message","hello"]` and `42["message","world"]` in one payload, then poll

    Both answers in order.
    """
    session = await ctx.join_polling()
    await session.deliver('42["message","hello"]', '42["message","world"]')
    await session.expect_json('42["message-back","hello"]')
    await session.expect_json('42["message-back","world"]')


@case("SIO-EVENT-021", DATA, MUST)
async def large(ctx: Context) -> None:
    """An event of 200,000 characters (or a third of maxPayload)

    The same characters.
    """
    session = await ctx.join()
    text = json.dumps("large " * (min(200_000, ctx.timings.max_payload // 3) // 6))
    session.send(f'42["message",{text}]')
    await session.expect_json(f'42["message-back",{text}]')


@case("SIO-EVENT-022", DATA, MUST)
async def unknown_event(ctx: Context) -> None:
    """`42["nobody listens",1]`, and then an event that is handled

    No answer to the first; the connection goes on.
    """
    session = await ctx.join()
    session.send('42["nobody listens",1]')
    await ctx.works(session)


@case("SIO-EVENT-023", "official server: any string is an event's name", INTEROP)
async def odd_names(ctx: Context) -> None:
    """Events named "", "é 🦊", "message-back", "error" and "0"

    No answer, and the connection goes on.
    """
    session = await ctx.join()
    session.send('42[""]', '42["é 🦊"]', '42["message-back","x"]', '42["error","x"]', '42["0"]')
    await ctx.works(session)


@case("SIO-EVENT-024", "names out of a message are data", ROBUSTNESS)
async def names_of_the_language(ctx: Context) -> None:
    """Events named __proto__, constructor, toString, __init__, __class__, emit, on_connect

    No answer; the connection goes on.
    """
    session = await ctx.join()
    names = ("__proto__", "constructor", "toString", "__init__", "__class__", "emit", "on_connect")
    session.send(*(f'42["{name}","x"]' for name in names))
    await ctx.works(session)


@case("SIO-EVENT-025", 'Engine.IO v4, "Packet encoding: WebSocket"', MUST)
async def two_packets_two_frames(ctx: Context) -> None:
    """`42["message",1]` and `42["message",2]`

    Two frames with a packet each.
    """
    session = await ctx.join()
    session.send('42["message",1]', '42["message",2]')
    for number in (1, 2):
        packet = await session.next_packet()
        fail_unless(
            isinstance(packet, str) and session.same(packet, f'42["message-back",{number}]'),
            show(packet),
            "one packet a frame",
        )
