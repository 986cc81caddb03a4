"""The frames that a client sends: made by websockets, or with a head that it never makes."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from tests.frames import encode_frame


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin=fin).serialize(mask=True)


def long_form(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A client's frame with the head of a large one, whatever its size."""
    return encode_frame(opcode, data, fin=fin, mask=b"\x01\x02\xfe\xff", form=64)


def text(message: str) -> bytes:
    return masked(Opcode.TEXT, message.encode())
