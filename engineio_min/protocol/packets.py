"""Engine.IO v4 packets and payloads, as pure functions over `str` and `bytes`.

A packet *is* a plain value: a `str` whose first character is the packet's type, or `bytes`, which
is always a binary message. A WebSocket carries one packet per frame as it is. A polling payload
joins packets with the separator U+001E and writes a binary message as `b` and its base64 (Engine.IO
v4, "Packet encoding"). A WebSocket writes binary messages so, too, if its client asks for it. A
class per packet type was measured and rejected: it doubles the cost of an echo.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeGuard

from engineio_min.errors import PacketError

PROTOCOL_VERSION = "4"

OPEN = "0"
CLOSE = "1"
PING = "2"
PONG = "3"
MESSAGE = "4"
UPGRADE = "5"
NOOP = "6"
PROBE_PING = "2probe"
PROBE_PONG = "3probe"

# Bytes from which a text packet is long.
LONG: Final = 262_144

# The first character of a binary message that is sent as text.
BASE64 = "b"

SEPARATOR = "\x1e"

Packet = str | bytes
Message = str | bytes


class Uncompressed(str):
    """A text packet that no transport may compress; otherwise an ordinary `str`."""

    __slots__ = ()


class UncompressedBytes(bytes):
    """A binary packet that no transport may compress; otherwise ordinary `bytes`."""

    __slots__ = ()


class LongText(bytes):
    """A long text packet as UTF-8, of type "4" or "b".

    What has come is kept so for a receiver that decodes it in steps. What is sent was encoded
    before, and is not encoded again.
    """

    __slots__ = ()


def is_binary(packet: Packet) -> TypeGuard[bytes]:
    """Return whether a packet is a binary message."""
    return isinstance(packet, bytes) and type(packet) is not LongText


def message_packet(message: Message, *, compress: bool = True) -> Packet:
    """Make the packet that carries `message`."""
    if isinstance(message, LongText):
        return message
    if isinstance(message, str):
        return MESSAGE + message if compress else Uncompressed(MESSAGE + message)
    return bytes(message) if compress else UncompressedBytes(message)


def may_compress(packet: Packet) -> bool:
    """Return whether a transport may compress this packet."""
    return not isinstance(packet, Uncompressed | UncompressedBytes)


def encode_payload(packets: Iterable[Packet]) -> bytes:
    """Join packets into one polling body."""
    texts: list[Any] = [
        packet if isinstance(packet, str) or type(packet) is LongText else encode_base64(packet)
        for packet in packets
    ]
    try:
        return SEPARATOR.join(texts).encode("utf-8", "replace")
    except TypeError:
        # One of them is a long text, which is bytes. To look for it first would cost a third more.
        return SEPARATOR.encode().join(map(_utf8, texts))


def _utf8(text: Packet) -> bytes:
    return text.encode("utf-8", "replace") if isinstance(text, str) else text


def encode_base64(packet: bytes) -> str:
    """Return a binary message as text, for a payload, and for the WebSocket of a client that takes
    no binary frames (`b64=1`).
    """
    return BASE64 + binascii.b2a_base64(packet, newline=False).decode("ascii")


def decode_payload(body: bytes, max_packets: int, *, long_texts: bool = False) -> Iterator[Packet]:
    """Yield the packets of a polling body, in order.

    The packets before a bad one are yielded first: they count, as with the official server. A type
    outside 0 to 6, an empty packet (so an empty body, or a separator at the end) and bad base64 are
    errors here; what a valid type means at this moment is the session's affair. With `long_texts`
    packets of `LONG` bytes are not decoded.

    Raises:
        PacketError: the body is not UTF-8, holds more than `max_packets` packets, or a bad packet.
    """
    if long_texts and len(body) >= LONG:
        yield from _decode_long_payload(body, max_packets)
        return
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise PacketError(f"got a payload that is not UTF-8 at byte {error.start}") from None
    if text.count(SEPARATOR) >= max_packets:
        raise PacketError(
            f"got {text.count(SEPARATOR) + 1} packets in a payload, expected at most {max_packets}"
        )
    for encoded in text.split(SEPARATOR):
        yield decode_packet(encoded)


def _decode_long_payload(body: bytes, max_packets: int) -> Iterator[Packet]:
    """Yield the packets of a body. Decode the short ones; the others become `LongText`."""
    separator = SEPARATOR.encode()
    ends = []
    end = -1
    while (end := body.find(separator, end + 1)) != -1:
        ends.append(end)
        if len(ends) == max_packets:
            raise PacketError(f"got a payload of more packets than {max_packets}")
    start = 0
    for end in (*ends, len(body)):
        encoded = memoryview(body)[start:end]
        start = end + 1
        if len(encoded) < LONG:
            try:
                yield decode_packet(str(encoded, "utf-8"))
            except UnicodeDecodeError:
                raise PacketError("got a payload that is not UTF-8") from None
        else:
            packet = LongText(encoded)
            if packet[:1] != BASE64.encode():
                check_type(packet[:1].decode("latin-1"))
            yield packet


def decode_packet(encoded: str) -> Packet:
    """Decode one packet of a payload.

    Raises:
        PacketError: the packet is empty, of unknown type, or its base64 is not strictly valid.
    """
    if encoded[:1] == BASE64:
        return decode_base64(encoded)
    check_type(encoded)
    return encoded


def decode_base64(encoded: str) -> bytes:
    """Decode a binary message that is text: "b" and its base64.

    Raises:
        PacketError: its base64 is not strictly valid.
    """
    try:
        data = binascii.a2b_base64(encoded[1:], strict_mode=True)
    except ValueError as error:
        raise PacketError(f"got a binary packet with invalid base64: {error}") from None
    # A value has one form: strict_mode alone accepts surplus padding and stray bits.
    if binascii.b2a_base64(data, newline=False) != encoded[1:].encode():
        raise PacketError("got a binary packet with invalid base64: surplus padding or bits")
    return data


def check_type(packet: str) -> None:
    """Check the type of a text packet.

    Raises:
        PacketError: the packet is empty or its first character is not 0 to 6.
    """
    if not "0" <= packet[:1] <= "6":
        raise PacketError(f"got a packet of type {packet[:1]!r}, expected one of 0 to 6")
