"""The frames that a server sends: final and unmasked, one for each packet (RFC 6455, section 5)."""

from __future__ import annotations

from typing import Protocol

from engineio_min.protocol.frame_heads import FINAL_BINARY, FINAL_TEXT
from engineio_min.protocol.packets import LongText, Packet
from engineio_min.protocol.shares import STREAM_SHARE

# The heads of frames below 126 bytes, by their length.
_TEXT_HEADS = tuple(bytes((FINAL_TEXT, size)) for size in range(126))
_BINARY_HEADS = tuple(bytes((FINAL_BINARY, size)) for size in range(126))


class Encoder(Protocol):
    """Makes the frames of packets, and keeps the last for the next connection of a broadcast.

    `data` has the frames of `packets`, of `size` bytes; `share` is how many bytes of packets leave
    in a turn of the event loop.
    """

    packets: list[Packet]
    data: bytes
    size: int
    share: int

    def encode(self, packets: list[Packet]) -> None:
        """Put the frames of `packets` into `data`."""

    def frames(self, packets: list[Packet]) -> bytes:
        """Return the frames of `packets`."""

    def forget(self) -> None:
        """Keep nothing alive until the next broadcast."""


class FrameEncoder:
    """Makes uncompressed frames; see `Encoder`."""

    __slots__ = ("data", "packets", "size")

    share = STREAM_SHARE

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.data = b""
        self.size = 0

    def encode(self, packets: list[Packet]) -> None:
        """Put the frames of `packets` into `data`."""
        self.packets = packets
        self.data = encode_frame(packets[0]) if len(packets) == 1 else encode_frames(packets)
        self.size = len(self.data)

    def frames(self, packets: list[Packet]) -> bytes:
        """Return the frames of `packets`."""
        return encode_frames(packets)

    def forget(self) -> None:
        """Keep nothing alive until the next broadcast."""
        self.packets = []
        self.data = b""


def encode_frames(packets: list[Packet]) -> bytes:
    """Return the frames of several packets; all heads and payloads are joined at once."""
    pieces: list[bytes] = []
    try:
        for packet in packets:
            if type(packet) is str:
                data = packet.encode()
                if len(data) < 126:
                    pieces.append(_TEXT_HEADS[len(data)])
                    pieces.append(data)
                    continue
            pieces.append(encode_frame(packet))
    except UnicodeEncodeError:
        pieces = list(map(encode_frame, packets))
    return b"".join(pieces)


def encode_frame(packet: Packet) -> bytes:
    """Return the frame of one packet (RFC 6455, section 5.2).

    Text must be UTF-8, which has no form for a lone surrogate: a question mark leaves in its place.
    """
    if isinstance(packet, str):
        try:
            data = packet.encode()
        except UnicodeEncodeError:
            data = packet.encode("utf-8", "replace")
        heads = _TEXT_HEADS
    else:
        data = packet
        heads = _TEXT_HEADS if type(packet) is LongText else _BINARY_HEADS
    size = len(data)
    if size < 126:
        return heads[size] + data
    first = heads[0][:1]
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2, "big") + data
    return first + b"\x7f" + size.to_bytes(8, "big") + data
