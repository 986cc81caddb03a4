"""The frames of clients that measure: the one encoder of all of them (RFC 6455, section 5.2)."""

from __future__ import annotations

NO_MASK = bytes(4)


def frame(packet: str | bytes, first: int | None = None, mask: bytes = NO_MASK) -> bytes:
    """Return a client's frame; `first` is its first byte, by default that of a whole message."""
    data = packet.encode() if isinstance(packet, str) else packet
    if first is None:
        first = 0x81 if isinstance(packet, str) else 0x82
    size = len(data)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    if mask != NO_MASK:
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    return head + mask + data
