"""WebSocket frames as bytes (RFC 6455, section 5), right ones and wrong ones."""

from __future__ import annotations

import base64
import hashlib
import secrets
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close frame", 9: "ping", 10: "pong"}

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455, section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return the bytes of one client frame (RFC 6455, section 5.2).

    `length` stands in the frame instead of the payload's size.
    """
    size = len(payload) if length is None else length
    head = bytes([(fin << 7) | (rsv << 4) | opcode])
    mask_bit = masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = secrets.token_bytes(4)
    return head + mask + apply_mask(payload, mask)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """Mask a payload, or take its mask away (RFC 6455, section 5.3)."""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    changed = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return changed.to_bytes(len(data), "big")


def packet_frame(packet: str | bytes, *, masked: bool = True) -> bytes:
    """Return the frame of one packet: text for `str`, binary for `bytes`."""
    if isinstance(packet, str):
        return frame(TEXT, packet.encode("utf-8", "surrogatepass"), masked=masked)
    return frame(BINARY, packet, masked=masked)
