"""Engine.IO packets in the sessions of both ends.

These are session.py, client_session.py and open_packet.py in engineio_min/protocol.

The first byte of an input chooses the end and the transport. Each line after it is a step: its
first byte says what happens, the rest is the packet.

Invariants:
- Nothing is raised, whatever comes in whatever order; only PacketError by the open packet's reader.
- A session goes from open to closing to closed and never back, and says so exactly once.
- The messages that come out are those that came in as such, and none comes after the end.
- A session that is over waits for no deadline.
- An open packet that is accepted stays within its limits and is read as the same when this server
  writes it.
"""

from __future__ import annotations

from engineio_min.errors import PacketError
from engineio_min.protocol.client_session import ClientSession, ClientTiming
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.open_packet import (
    MAX_HEARTBEAT,
    MAX_SID,
    make_open_packet,
    read_open_packet,
)
from engineio_min.protocol.phases import CLOSED, CLOSING, OPENED, OPENING, Closed
from engineio_min.protocol.session import Session, Timing
from engineio_min.protocol.transports import POLLING, WEBSOCKET

TEXT, BINARY, PROBE, SEND, TIME, UPGRADE, CLOSE, TAKE = b"<bp>tuck"

HANDSHAKE = b'<0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'
SEEDS = (
    b"s\n<4hello\nb\1\2\n>4answer\nk",
    b"s\nt\n<3\nt\nk\nt\nt",
    b"s\nu\np2probe\nk\np5\n<4x\nk\n<1",
    b"s\nu\np5\nt",
    b"s\n>4a\nc\nk\nk\n<4late",
    b"s\n<2",
    b"s\n<9\n<4a",
    b"S\n<4a\n>4b\nk\nc",
    b"c\n" + HANDSHAKE + b"\n<4hello\n<2\nk\n>4a\nk\nu\np3probe\nk\n<6\nk\nc\nk",
    b"c\n" + HANDSHAKE + b"\nt\nt\nt",
    b"c\n<4early",
    b'C\n<0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":100}\n<2\nk\n<1',
    b'c\n<0{"sid":"","pingInterval":0.5}',
    b"c\n<0[]",
)


def check(data: bytes) -> None:
    """Hold one session against the invariants."""
    first, *steps = data.split(b"\n")
    transport = WEBSOCKET if first[:1].isupper() else POLLING
    if first[:1] in b"cC":
        client = ClientSession(transport, ClientTiming(), 0.0, lambda: None)
        check_session(client, steps)
    else:
        check_session(Session("sid", transport, Timing(), 0.0, lambda _: None, None), steps)


def check_session(end: Session | ClientSession, steps: list[bytes]) -> None:
    """Take a session through the steps."""
    order = (OPENING, OPENED, CLOSING, CLOSED)
    now = 0.0
    for step in steps:
        phase = end.phase
        op, rest = step[:1], step[1:]
        text = rest.decode("utf-8", "replace")
        if op and op[0] in (TEXT, BINARY):
            packet = text if op[0] == TEXT else rest
            message = end.receive(packet, now)
            if message is not None:
                assert phase == OPENED
                assert packet == ("4" + message if isinstance(message, str) else message)
            if op[0] == TEXT and text[:1] == "0":
                check_handshake(text)
        elif op and op[0] == PROBE:
            end.receive_probe(text)
        elif op and op[0] == SEND:
            end.send(text)
        elif op and op[0] == TIME:
            now = max(now, end.deadline) if end.deadline != NEVER else now
            end.handle_timeout(now)
        elif op and op[0] == UPGRADE:
            end.begin_upgrade(now, ["websocket"])
        elif op and op[0] == CLOSE:
            end.close(now)
        elif op and op[0] == TAKE:
            take(end)
        assert order.index(end.phase) >= order.index(phase), (phase, end.phase)
        closings = [event for event in end.events if isinstance(event, Closed)]
        assert len(closings) == (end.phase == CLOSED), end.events
        if end.phase == CLOSED:
            assert end.deadline == NEVER


def take(end: Session | ClientSession) -> None:
    """Let the transport take what is to be sent, and be done with it."""
    if isinstance(end, Session):
        end.poll()
    elif end.take():
        end.posted()
    elif end.begin_poll():
        end.polled()


def check_handshake(packet: str) -> None:
    """Hold an open packet against its invariant."""
    try:
        handshake = read_open_packet(packet)
    except PacketError:
        return
    assert 0 < len(handshake.sid) <= MAX_SID
    times = (handshake.ping_interval, handshake.ping_timeout)
    assert all(0 <= time <= MAX_HEARTBEAT / 1000 for time in times)
    payload = handshake.max_payload
    whole = all((time * 1000).is_integer() for time in times)
    if payload is not None and 1 <= payload < 2**53 and whole:
        again = make_open_packet(handshake.sid, handshake.upgrades, *times, payload)
        assert read_open_packet(again) == handshake
