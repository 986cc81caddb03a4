"""The frames of connections that have agreed on compression, or asked for text instead of binary.

A message is compressed by itself (RFC 7692, "server_no_context_takeover"). So its frame is the same
for all who have agreed on the same window, and is made once for all receivers of a broadcast.
Rejected: to compress each message with the help of those before it, which are other ones for each
receiver. Small messages that resemble each other become smaller so. But 64 KB cost 2 ms of the
event loop for each receiver, and a connection takes 256 KB of memory; the official server does it,
in other threads.
"""

from __future__ import annotations

import zlib
from typing import Final

from engineio_min.protocol.frame_encoding import encode_frame
from engineio_min.protocol.packets import Packet, encode_base64, is_binary, may_compress
from engineio_min.protocol.shares import COMPRESSED_SHARE

# Bytes of a message that is compressed, about 4 ms; a larger one leaves as it is.
MOST: Final = 131_072
# Bytes of packets and their frames that are kept.
_KEPT: Final = 1_048_576

# RSV1, "Per-Message Compressed", of a frame's first byte.
_COMPRESSED: Final = 0x40
# What ends a message before it is compressed for a frame, and is not sent (section 7.2.1).
_TAIL: Final = b"\x00\x00\xff\xff"


class AgreedEncoder:
    """Makes the frames of all clients that have agreed on the same; see `Encoder`.

    `window_bits` are those of the compression, None for no compression; messages of `threshold`
    bytes and more are compressed. With `base64` binary messages are text.
    """

    __slots__ = (
        "_base64",
        "_compressed",
        "_room",
        "_threshold",
        "_window_bits",
        "data",
        "packets",
        "size",
    )

    share = COMPRESSED_SHARE

    def __init__(self, window_bits: int | None, threshold: int, *, base64: bool) -> None:
        self.packets: list[Packet] = []
        self.data = b""
        self.size = 0
        self._window_bits = window_bits
        self._threshold = threshold
        self._base64 = base64
        # Packets that were compressed last, and their frames: a list of packets may be one
        # connection's own and have a broadcast in it.
        self._compressed: dict[Packet, bytes] = {}
        self._room = _KEPT

    def encode(self, packets: list[Packet]) -> None:
        # `packets` stays empty: two lists may be equal though a packet of one of them must not be
        # compressed.
        self.data = self.frames(packets)
        self.size = len(self.data)

    def frames(self, packets: list[Packet]) -> bytes:
        return b"".join(map(self._frame, packets))

    def forget(self) -> None:
        self.data = b""
        self._compressed = {}
        self._room = _KEPT

    def _frame(self, packet: Packet) -> bytes:
        frame = self._compressed.get(packet)
        if frame is None or not may_compress(packet):
            data = encode_base64(packet) if self._base64 and is_binary(packet) else packet
            if (
                self._window_bits is None
                or not self._threshold <= len(data) <= MOST
                or not may_compress(packet)
            ):
                return encode_frame(data)
            frame = compress_frame(data, self._window_bits)
            self._keep(packet, frame)
        return frame

    def _keep(self, packet: Packet, frame: bytes) -> None:
        size = len(packet) + len(frame)
        if size > self._room:
            # A broadcast to many goes on for turns, beside others' messages.
            self.forget()
        self._room -= size
        self._compressed[packet] = frame


def compress_frame(packet: Packet, window_bits: int) -> bytes:
    """Return the frame of one packet, compressed by itself (RFC 7692, section 7.2.1)."""
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    deflate = zlib.compressobj(wbits=-window_bits)
    compressed = deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
    plain = encode_frame(compressed.removesuffix(_TAIL))
    kind = 1 if isinstance(packet, str) else 2
    return bytes((0x80 | _COMPRESSED | kind,)) + plain[1:]
