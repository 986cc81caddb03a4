"""WebSocket frames (RFC 6455, section 5.2) for tests, put together and taken apart by hand.

The one encoder of the tests shares no code with the packages, so that one mistake cannot be made on
both sides. It writes whatever it is told to, and what is read keeps every bit.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from tests.waiting import patient

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

Packet = str | bytes


@dataclass
class Frame:
    """A WebSocket frame as it came, its payload without the mask."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False

    @property
    def first(self) -> int:
        """The frame's first byte."""
        return (0x80 if self.fin else 0) | self.rsv << 4 | self.opcode


def encode_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool | bytes = True,
    length: int | None = None,
    form: int | None = None,
) -> bytes:
    """A frame of a client, or with `mask` False of a server.

    mask: four bytes; True for random ones. length: what is declared instead of the payload's.
    form: the bits of the length, 7, 16 or 64; by default as many as it needs.
    """
    size = len(payload) if length is None else length
    if form is None:
        form = 7 if size < 126 else 16 if size < 65_536 else 64
    flag = 0 if mask is False else 0x80
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 7:
        head += bytes([flag | size])
    elif form == 16:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    if mask is False:
        return head + payload
    key = os.urandom(4) if mask is True else mask
    return head + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    """A payload with the mask put on, or taken off."""
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(payload), "big")


def packet_frame(packet: Packet, *, mask: bool = True) -> bytes:
    """The frame that carries a packet."""
    if isinstance(packet, str):
        return encode_frame(TEXT, packet.encode("utf-8", "surrogatepass"), mask=mask)
    return encode_frame(BINARY, packet, mask=mask)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame of a peer, of a client or a server."""
    first, second = await patient(reader.readexactly(2))
    length = second & 0x7F
    if length >= 126:
        extended = await patient(reader.readexactly(2 if length == 126 else 8))
        length = int.from_bytes(extended, "big")
    key = await patient(reader.readexactly(4)) if second & 0x80 else b""
    payload = await patient(reader.readexactly(length))
    if key:
        payload = masked(payload, key)
    return Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7, bool(key))
