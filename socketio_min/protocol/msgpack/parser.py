"""The parser of socket.io-msgpack-parser's packets, which both ends of a connection have to choose.

    {"type": 2, "nsp": "/", "data": ["name", ...], "id": 7}

Each packet is one binary message and has no attachments: binary values are among the others. `id`
and `data` are absent from a packet that has none; other members, such as the official client's
`options`, are ignored. The limits are those of `decoding.py`; the official parser (version 3)
checks less. An absent payload and null mean the same here, because python-socketio sends null; the
official parser tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from engineio_min.protocol.packets import Message
from engineio_min.protocol.packets import Packet as EnginePacket
from socketio_min.errors import PacketError
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.msgpack.reading import (
    UNDEFINED,
    count_values,
    read_values,
    weigh_values,
)
from socketio_min.protocol.msgpack.writing import encode_plain, encode_values
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    MAX_ACK_ID,
    MAX_CONNECT,
    MAX_NAMESPACE,
    NAME_FIRST,
    RESERVED_EVENTS,
    Packet,
    check_event_name,
    has_event_name,
)
from socketio_min.protocol.parser import Head, Values
from socketio_min.protocol.weights import WEIGHED

# The names of a packet's members, encoded.
_TYPE, _NSP, _ID, _DATA = b"\xa4type", b"\xa3nsp", b"\xa2id", b"\xa4data"
_NIL = b"\xc0"


class _Envelope(msgspec.Struct):
    """A packet whose values are not read yet."""

    type: Any = None
    nsp: Any = None
    id: Any = None
    data: msgspec.Raw = msgspec.Raw(_NIL)


class _Head(msgspec.Struct):
    """The members of a packet besides `data`, not decoded."""

    type: msgspec.Raw = msgspec.Raw(_NIL)
    nsp: msgspec.Raw = msgspec.Raw(_NIL)
    id: msgspec.Raw = msgspec.Raw(_NIL)


_LONG = 65_536
"""The number of bytes from which the head of a packet is checked before anything is decoded."""
_MOST_OF_HEAD = 4 * MAX_NAMESPACE + 5
"""The most bytes of a member of the head: those of the longest namespace."""

_heads = msgspec.msgpack.Decoder(_Head)
_envelopes = msgspec.msgpack.Decoder(_Envelope, ext_hook=lambda _code, _data: None)


class MsgpackEncoder:
    """Writes the packets of one namespace."""

    __slots__ = ("_event_head", "_name")

    def __init__(self, namespace: str) -> None:
        self._name = _NSP + encode_values(namespace)
        self._event_head = self._head(EVENT, 3) + _DATA

    def _head(self, type_: int, members: int) -> bytes:
        """Return the beginning of a packet of so many members: its type and its namespace."""
        return bytes((0x80 + members,)) + _TYPE + bytes((type_,)) + self._name

    def plain_event(self, args: list[Any]) -> bytes | None:
        """Encode an event whose values all have a form in MessagePack, as nearly every event."""
        name = args[0]
        if type(name) is str and name not in RESERVED_EVENTS:
            values = encode_plain(args)
            if values is not None:
                return self._event_head + values
        return None

    def event(self, args: Values, ack_id: int | None = None) -> list[EnginePacket]:
        check_event_name(args[0] if args else None)
        if ack_id is None:
            return [self._event_head + encode_values(args)]
        return [self._head(EVENT, 4) + _ID + encode_values(ack_id) + _DATA + encode_values(args)]

    def ack(self, args: Values, ack_id: int) -> list[EnginePacket]:
        return [self._head(ACK, 4) + _ID + encode_values(ack_id) + _DATA + encode_values(args)]

    def connect(self, data: dict[str, Any] | None = None) -> list[EnginePacket]:
        if data is None:
            return [self._head(CONNECT, 2)]
        return [self._head(CONNECT, 3) + _DATA + encode_values(data)]

    def disconnect(self) -> list[EnginePacket]:
        return [self._head(DISCONNECT, 2)]

    def connect_error(self, message: str, data: Any = None) -> list[EnginePacket]:
        payload = {"message": message} if data is None else {"message": message, "data": data}
        return [self._head(CONNECT_ERROR, 3) + _DATA + encode_values(payload)]

    def json_of(self, packets: Sequence[EnginePacket]) -> None:
        """Return None: there is no JSON."""


class MsgpackParser:
    """The packets of socket.io-msgpack-parser."""

    __slots__ = ()

    encoder = MsgpackEncoder
    # No packet announces attachments.
    collect = Reconstructor

    def head(self, message: Message, max_attachments: int) -> Head:
        if isinstance(message, str):
            raise PacketError(
                f"got the text {message[:40]!a}, expected MessagePack: does the peer have "
                "this parser too? close the connection"
            )
        try:
            if len(message) > _LONG:
                _check_head(message)
            packet = _envelopes.decode(message)
        except (ValueError, RecursionError) as error:
            _refuse(f"a map with a type, a namespace and data ({error})")
        type_, namespace = packet.type, packet.nsp
        if type(type_) is not int or not CONNECT <= type_ <= CONNECT_ERROR:
            _refuse(f"a type from 0 to 4, not {ascii(type_)[:40]}")
        if type(namespace) is not str or namespace[:1] != "/" or len(namespace) > MAX_NAMESPACE:
            _refuse(
                f'a namespace of at most {MAX_NAMESPACE} characters that begins with "/", not '
                f"{ascii(namespace)[:40]}"
            )
        return type_, namespace, 0, packet

    def rest(self, message: Message, head: Head, max_values: int) -> Packet:
        type_, namespace, _, packet = head
        raw = packet.data
        if type_ == CONNECT and len(message) > MAX_CONNECT:
            _refuse(f"at most {MAX_CONNECT} bytes")
        size = len(memoryview(raw))
        # Three bytes may count as four values.
        if 2 * size > max_values and count_values(raw, max_values) > max_values:
            _refuse(f"at most {max_values} values (max_values)")
        data = None if bytes(raw) in (_NIL, UNDEFINED) else read_values(raw)
        if type_ == CONNECT:
            if data is not None and type(data) is not dict:
                _refuse("a map as data, or none")
        elif type_ == DISCONNECT:
            if data is not None:
                _refuse("no data after DISCONNECT")
        elif type_ == CONNECT_ERROR:
            if type(data) not in (dict, str):
                _refuse("a map or a string as data")
        else:
            return type_, namespace, _arguments(type_, data), _ack_id(packet.id), 0
        return type_, namespace, data, None, 0

    def weigh(self, message: Message) -> int:
        if isinstance(message, str) or len(message) < WEIGHED:
            return len(message)
        return len(message) + weigh_values(message)


def _check_head(message: bytes) -> None:
    """Refuse a head that would cost much to decode: the values in it are not counted."""
    head = _heads.decode(message)
    for raw in (head.type, head.nsp, head.id):
        if len(memoryview(raw)) > _MOST_OF_HEAD:
            _refuse(f"at most {_MOST_OF_HEAD} bytes each of type, namespace and id")


def _arguments(type_: int, data: Any) -> list[Any]:
    """Return the data of an event or an acknowledgement, which is an array."""
    if type(data) is not list:
        _refuse("an array as data")
    if type_ == EVENT and not has_event_name(data):
        _refuse(NAME_FIRST)
    return data


def _ack_id(number: Any) -> int | None:
    if number is not None and (type(number) is not int or not 0 <= number <= MAX_ACK_ID):
        _refuse(f"an acknowledgement id from 0 to {MAX_ACK_ID}, not {ascii(number)[:40]}")
    return number


def _refuse(expectation: str) -> NoReturn:
    raise PacketError(f"got a packet in MessagePack: expected {expectation}; close the connection")
