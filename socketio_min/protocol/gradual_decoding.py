"""Reading packets of megabytes: JSON is decoded in steps, and the event loop serves others between.

orjson takes 2 to 5 ms for a megabyte, which nothing can interrupt. Only strings can make JSON so
long, because the number of its values is limited: a file of five megabytes is one string. So the
text is gone through in slices. Strings of `CUT` bytes and more are decoded by themselves, a slice
at a time, and a marker stands in the place of each; the rest is short, and is decoded at once as in
`decoding.py`. Then each string replaces its marker.

A marker is a string that no peer can know beforehand: a random one, given as an argument.

Rejected: a thread, because orjson holds the interpreter's lock all the time; a parser in Python for
all values, which would take a hundred times as long as orjson for short values; numbers as markers,
which cannot be names of members.
"""

from __future__ import annotations

import binascii
import io
import json
import re
from collections.abc import Generator
from typing import Any, Final

import orjson

from engineio_min.protocol.packets import LongText
from socketio_min.errors import PacketError
from socketio_min.protocol.decoding import (
    EVENTS,
    Head,
    decode_ack_id,
    loads_counted,
    refuse,
    refuse_values,
)
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    MAX_CONNECT,
    MAX_NAMESPACE,
    NAME_FIRST,
    Packet,
    has_event_name,
)
from socketio_min.protocol.weights import DICT, LIST, VALUE, count_before_values

SLICE: Final = 65_536
"""Bytes that a step goes through, in 0.3 ms."""
CUT: Final = 128
"""The number of bytes from which a string is decoded by itself."""
MAX_BARE: Final = 256
"""Bytes of a value, on average, besides the strings of `CUT` bytes and repeated spaces: only
endless numbers have more. 10,000 values of this size are decoded in 3 ms.
"""
MAX_WIDE: Final = 8_388_608
"""Characters of a string that is not ASCII: one wide character makes each take four bytes."""

# A head has fewer characters, and so has the part of a packet that an error shows.
_BEGINNING: Final = 4 * (MAX_NAMESPACE + 64)
_MANY_SPACES: Final = 16
_SPACES: Final = re.compile(rb"[ \t\r\n]{2,}")
_HIGH_HALF: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_ESCAPE: Final = 6  # Bytes of \uXXXX.


def beginning(text: LongText) -> str:
    """Return the beginning of a long packet: its head, and the part that an error shows."""
    return text[1:_BEGINNING].decode("utf-8", "replace")


def decode_rest_gradually(
    text: LongText, head: Head, max_values: int, marker: str
) -> Generator[None, None, tuple[Packet, int]]:
    """Decode what comes after the head of a long packet; its JSON may have `max_values` values.

    Yield whenever others may have a turn. Return the packet, and its weight in bytes.

    Raises:
        PacketError: what comes after the head is not valid; nothing else is raised.
    """
    type_, namespace, attachments, start = head
    shown = beginning(text)
    if type_ not in EVENTS and type_ not in (ACK, BINARY_ACK):
        refuse(shown, f"expected at most {MAX_CONNECT} characters")
    # The text has one character more than `shown`, in front: the type of Engine.IO's packet.
    start = 1 + len(shown[:start].encode())
    bracket = text.find(b"[", start, start + 32)
    if bracket == -1:
        refuse(shown, "expected an acknowledgement id and an array as payload")
    ack_id = decode_ack_id(shown, text[start:bracket].decode("utf-8", "replace"))
    scan = Scan(text, bracket, max_values, marker, shown)
    yield from scan.read()
    data = yield from scan.value()
    if type_ in EVENTS and not has_event_name(data):
        refuse(shown, f"expected {NAME_FIRST}")
    return (type_, namespace, data, ack_id, attachments), scan.weight


class Scan:
    """One pass over JSON from `start` on, which takes its long strings out.

    `shown` is the beginning of the packet, for errors. `weight` counts the bytes that the decoded
    JSON takes.
    """

    def __init__(self, data: bytes, start: int, max_values: int, marker: str, shown: str) -> None:
        self._data = data
        self._start = start
        self._max_values = max_values
        self._marker = marker
        self._shown = shown
        self._count = 1
        # The JSON with markers in place of its long strings, and these strings.
        self._bare: list[bytes] = []
        self._bare_size = 0
        self._strings: list[str] = []
        # The parts of the string in which the last slice has ended; None if it ended outside.
        self._open: list[str] | None = None
        self.weight = len(data) - start

    def read(self) -> Generator[None, None, None]:
        """Go through the text."""
        data = self._data
        position = self._start
        while position < len(data):
            end = position + SLICE
            if end < len(data):
                end = safe_end(data, position, end)
            self._read_slice(data[position:end])
            position = end
            yield
        if self._open is not None:
            refuse(self._shown, "expected valid JSON, whose strings end")

    def _read_slice(self, piece: bytes) -> None:
        masked = piece
        if b"\\" in piece:
            # The text has the same length, and no quotes but those that begin or end a string.
            masked = piece.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        if masked.count(b'"') > 2 * self._max_values:
            refuse_values(self._shown, self._max_values)
        at = 0
        outside: list[bytes] = []
        *parts, last = masked.split(b'"')
        for part in parts:
            end = at + len(part)
            if self._open is not None:
                self._end_string(piece[at:end])
            else:
                outside.append(piece[at:end])
                self._leave(outside[-1])
                self._open = []
            at = end + 1
        if self._open is None:
            outside.append(piece[at:])
            self._leave(outside[-1])
        elif last:
            # The string goes on in the next slice, so it is taken out, however short it is.
            self._open.append(_decode_string(piece[at:], self._shown))
        self._count += count_before_values(b"".join(outside))
        if self._count > self._max_values:
            refuse_values(self._shown, self._max_values)

    def _end_string(self, raw: bytes) -> None:
        slices, self._open = self._open, None
        if not slices and len(raw) < CUT:
            self._leave(b'"%b"' % raw)
            return
        assert slices is not None
        slices.append(_decode_string(raw, self._shown))
        self._leave(b'"%b%d"' % (self._marker.encode(), len(self._strings)))
        if not all(map(str.isascii, slices)):
            length = sum(map(len, slices))
            if length > MAX_WIDE:
                refuse(self._shown, f"expected strings of at most {MAX_WIDE} characters, or ASCII")
            self.weight += 3 * length
        self._strings.append("".join(slices))

    def _leave(self, part: bytes) -> None:
        """Keep a part of the JSON as it is, but for repeated spaces."""
        if len(part) > _MANY_SPACES:
            # Any number of spaces mean the same as one.
            part = _SPACES.sub(b" ", part)
        self._bare.append(part)
        self._bare_size += len(part)
        if self._bare_size > MAX_BARE * self._max_values:
            refuse(self._shown, "expected numbers of fewer digits")

    def value(self) -> Generator[None, None, Any]:
        """Return the value of the JSON that `read` has gone through; yield as that does."""
        bare = b"".join(self._bare)
        self.weight += LIST * bare.count(b"[") + DICT * bare.count(b"{") + VALUE * bare.count(b",")
        self._bare.clear()
        value = loads_counted(bare, self._shown)
        if self._strings:
            yield
            self._put_back(value)
        return value

    def _put_back(self, value: Any) -> None:
        """Replace each marker by its string: in arrays, in objects, and as names of members."""
        marker, strings = self._marker, self._strings
        length = len(marker)
        ahead = [value]
        while ahead:
            container = ahead.pop()
            is_dict = type(container) is dict
            if is_dict and any(name.startswith(marker) for name in container):
                members = list(container.items())
                container.clear()
                for name, member in members:
                    is_marker = name.startswith(marker)
                    container[strings[int(name[length:])] if is_marker else name] = member
            for key, member in container.items() if is_dict else enumerate(container):
                if type(member) is str:
                    if member.startswith(marker):
                        container[key] = strings[int(member[length:])]
                elif type(member) is dict or type(member) is list:
                    ahead.append(member)


def safe_end(data: bytes, start: int, end: int) -> int:
    """Return where a slice from `start` may end: at `end`, or up to 14 bytes before it.

    If the slice ends in a string, no character is cut there, no escape, and no pair of escapes that
    stands for one character.
    """
    for _ in range(3):
        if data[end] & 0xC0 == 0x80:
            end -= 1
    backslash = data.rfind(b"\\", end - _ESCAPE, end)
    if backslash == -1 or not _escapes(data, start, backslash):
        return end
    is_whole = backslash + 1 < end and (data[backslash + 1] != 0x75 or backslash + _ESCAPE == end)
    if not is_whole:
        end = backslash
    high = end - _ESCAPE
    if high >= start and _HIGH_HALF.match(data, high, end) and _escapes(data, start, high):
        return high
    return end


def _escapes(data: bytes, start: int, at: int) -> bool:
    """Return whether the backslash at a place escapes what follows, and is not escaped itself."""
    before = data[start:at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 0


def _decode_string(raw: bytes, shown: str) -> str:
    """Decode a slice of a string."""
    quoted = b'"%b"' % raw
    try:
        text: str = orjson.loads(quoted)
    except ValueError:
        try:
            # Half of a surrogate pair, which JavaScript sends.
            text = json.loads(quoted.decode())
        except ValueError:
            refuse(shown, "expected valid JSON")
    return text


def decode_base64_gradually(text: LongText) -> Generator[None, None, bytes]:
    """Decode a long binary message in the form that polling gives it: "b" and base64 (Engine.IO v4,
    "Packet encoding").

    Yield whenever others may have a turn.

    Raises:
        PacketError: its base64 is not strictly valid.
    """
    decoded = io.BytesIO()
    for start in range(1, len(text), SLICE):
        piece = text[start : start + SLICE]
        try:
            data = binascii.a2b_base64(piece, strict_mode=True)
        except ValueError as error:
            raise PacketError(f"got a binary packet with invalid base64: {error}") from None
        # One value, one form: strict_mode lets surplus padding and stray bits through.
        is_last = start + SLICE >= len(text)
        if binascii.b2a_base64(data, newline=False) != piece or (
            not is_last and piece.endswith(b"=")
        ):
            raise PacketError("got a binary packet with invalid base64: surplus padding or bits")
        decoded.write(data)
        yield
    return decoded.getvalue()
