"""Polling payloads (engineio_min/protocol/packets.py).

Invariants:
- Only PacketError is raised.
- The packets, and whether an error follows them, are those of a plain reading by this file.
- A payload that is accepted is, byte for byte, the encoding of its packets.
"""

from __future__ import annotations

import base64
import re

from engineio_min.errors import PacketError
from engineio_min.protocol.packets import Packet, decode_payload, encode_payload

MAX_PACKETS = 8

SEEDS = (
    b"4hello",
    b"4hello\x1e2\x1e4world",
    b"4a\x1ebAQID\x1e4b",
    b"bAQ==\x1ebAQI=\x1eb",
    b"bAR==",
    b"bA===",
    b"2probe\x1e5\x1e6\x1e1",
    b"0{}\x1e3",
    "4h\u00e9\U0001f600\u2028".encode(),
    b"4\xed\xa0\x80",
    b"4a\x1e",
    b"",
    b"7",
    b"\x1e".join([b"4x"] * MAX_PACKETS),
    b"\x1e".join([b"4x"] * (MAX_PACKETS + 1)),
)

CANONICAL_BASE64 = re.compile(
    rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
)


def read(body: bytes) -> tuple[list[Packet], bool]:
    """Return the packets before an error, and whether there is one."""
    pieces = body.split(b"\x1e")
    try:
        body.decode()
    except UnicodeDecodeError:
        return [], True
    if len(pieces) > MAX_PACKETS:
        return [], True
    packets: list[Packet] = []
    for piece in pieces:
        if piece[:1] == b"b" and CANONICAL_BASE64.fullmatch(piece, 1):
            packets.append(base64.b64decode(piece[1:]))
        elif piece[:1] and piece[:1] in b"0123456":
            packets.append(piece.decode())
        else:
            return packets, True
    return packets, False


def check(data: bytes) -> None:
    """Hold one payload against the invariants."""
    packets: list[Packet] = []
    failed = False
    try:
        for packet in decode_payload(data, MAX_PACKETS):
            packets.append(packet)  # noqa: PERF402 - those before an error count
    except PacketError:
        failed = True
    assert (packets, failed) == read(data)
    if not failed:
        assert encode_payload(packets) == data
