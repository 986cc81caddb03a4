"""Malformed packets, and packets that a client may not send (Socket.IO v5, "Packet encoding").

Each is sent in a joined namespace and must close the connection: a parser that goes on and guesses
reads something else than the sender meant. The document says so of events whose payload is no
array, or an empty one; the official suite says so of other malformed packets, by three examples.
"""

from __future__ import annotations

import itertools

from conformance.case import INTEROP, MUST, ROBUSTNESS, Case, Level, register
from conformance.context import Context

FORMAT = 'Socket.IO v5, test suite: "should close the connection upon invalid format"'
DATA = 'Socket.IO v5, "Sending and receiving data": a non-empty array'
ACK = 'Socket.IO v5, "Acknowledgement": the payload is an array'
NAME = "official decoder: an event has a name"
RESERVED = "official decoder: reserved events"
COUNT = "official decoder: 1 to 10 attachments"
HOLE = '{"_placeholder":true,"num":0}'

_numbers = itertools.count(1)


def closes(section: str, level: Level, packet: str, note: str = "", *, suite: bool = False) -> None:
    """Add a case: this packet closes the connection; `note` says what is wrong with it."""

    async def run(ctx: Context) -> None:
        session = await ctx.join()
        session.send(packet)
        await session.expect_closed()

    shown = packet if len(packet) <= 60 else f"{packet[:40]}… ({len(packet)} characters)"
    register(
        Case(
            id=f"SIO-BAD-{next(_numbers):03}",
            section=section,
            level=level,
            sends=f"In a joined namespace: `{shown}`{f', {note}' if note else ''}",
            expects="The server closes the connection, although the client answers pings.",
            run=run,
            suite=suite,
        )
    )


closes(FORMAT, MUST, "4abc", suite=True)
closes(DATA, MUST, "42{}", suite=True)
closes(
    FORMAT,
    MUST,
    '42abc["message-with-ack",1,"2",{"3":[false]}]',
    "an id that is no number",
    suite=True,
)
closes(FORMAT, MUST, "4", "a message without a packet")
closes(FORMAT, MUST, '47["message"]', "a type that does not exist")
closes(FORMAT, MUST, "49", "a type that does not exist")
closes(FORMAT, MUST, '4２["message"]', "a full-width digit")
closes(DATA, MUST, "42", "no payload")
closes(DATA, MUST, "421", "an id and no payload")
closes(DATA, MUST, "42[]")
closes(DATA, MUST, "42null")
closes(DATA, MUST, '42"message"')
closes(DATA, MUST, "42true")
closes(NAME, INTEROP, "42[null]")
closes(NAME, INTEROP, "42[true]")
closes(NAME, INTEROP, "42[{}]")
closes(NAME, INTEROP, '42[["message"]]')
closes(FORMAT, MUST, '42["message"')
closes(FORMAT, MUST, '42["message"]]')
closes(FORMAT, MUST, '42["message",]')
closes(FORMAT, MUST, '42["message",NaN]', "which is no JSON")
closes(FORMAT, MUST, '42["message",Infinity]', "which is no JSON")
closes(FORMAT, MUST, "42['message']", "which is no JSON")
closes(FORMAT, MUST, '42["message",01]', "which is no JSON")
closes(FORMAT, MUST, '42["message","a\nb"]', "a line break in a string")
closes(FORMAT, MUST, '42["message","\\x"]', "an escape that is no JSON")
closes(FORMAT, MUST, '42["message"] x', "text behind the payload")
closes(FORMAT, MUST, '42-1["message"]', "a negative id")
closes(FORMAT, MUST, '42+1["message"]')
closes(FORMAT, MUST, '421.5["message"]')
closes(FORMAT, MUST, '42٣["message"]', "an id in Arabic-Indic digits")
closes(FORMAT, ROBUSTNESS, '42 ["message"]', "a space for an id")
closes(FORMAT, MUST, '42/custom["message"]', "a namespace without its comma")
closes(RESERVED, INTEROP, '42["connect"]')
closes(RESERVED, INTEROP, '42["connect_error"]')
closes(RESERVED, INTEROP, '42["disconnect"]')
closes(RESERVED, INTEROP, '42["disconnecting"]')
closes(RESERVED, INTEROP, '42["newListener"]')
closes(RESERVED, INTEROP, '42["removeListener"]')
closes(ACK, INTEROP, "431{}")
closes(ACK, INTEROP, '431"x"')
closes(ACK, INTEROP, "431[")
closes(FORMAT, INTEROP, "41{}", "DISCONNECT with a payload")
closes(FORMAT, INTEROP, '44{"message":"x"}', "CONNECT_ERROR is the server's")
closes(FORMAT, MUST, '45["message"]', "a binary event without a count")
closes(FORMAT, MUST, '45-["message"]')
closes(FORMAT, MUST, f'451["message",{HOLE}]', "a count without its dash")
closes(FORMAT, MUST, f'45x-["message",{HOLE}]')
closes(FORMAT, MUST, f'45-1-["message",{HOLE}]')
closes(FORMAT, MUST, f'451.5-["message",{HOLE}]')
closes(COUNT, INTEROP, '450-["message"]', "a binary event without attachments")
closes(COUNT, INTEROP, f'4511-["message",{HOLE}]')
closes(COUNT, ROBUSTNESS, f'451000000000-["message",{HOLE}]')
closes(COUNT, ROBUSTNESS, f'451e0-["message",{HOLE}]')
closes(FORMAT, MUST, '46["x"]', "a binary acknowledgement without a count")
