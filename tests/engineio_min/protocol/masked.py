"""The frames that a client sends, made by websockets."""

from __future__ import annotations

from websockets.frames import Frame, Opcode


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin=fin).serialize(mask=True)


def long_form(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame with the head of a large one, whatever its size."""
    mask = b"\x01\x02\xfe\xff"
    head = bytes((opcode | (0x80 if fin else 0), 0xFF)) + len(data).to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def text(message: str) -> bytes:
    return masked(Opcode.TEXT, message.encode())
