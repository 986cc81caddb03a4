"""The entries and messages of `@socket.io/redis-streams-adapter`.

A message that must reach servers that were away for a moment is an entry of a stream, with the
fields `uid`, `nsp`, `type` and `data`; `data` is JSON, or base64 of MessagePack if it holds bytes.
A request is published as MessagePack and not kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

from socketio_min.cluster.messages import Broadcast
from socketio_min.cluster.redis.cluster_wire import (
    Message,
    broadcast_json,
    read_message,
    write_data,
)
from socketio_min.cluster.redis.msgpack import pack, unpack, unpack_any
from socketio_min.cluster.redis.resp import Part
from socketio_min.cluster.values import dump_json, has_bytes, name_bytes
from socketio_min.errors import PacketError


class Entry(NamedTuple):
    """An entry of the stream; `fields` are as Redis has them."""

    id: str
    fields: dict[bytes, bytes]

    @property
    def number(self) -> int | None:
        """Return the number of the event among those of its server, None if it has no number."""
        return _number(self.fields.get(b"n"))

    @property
    def late(self) -> int | None:
        """Return when the event was sent, in milliseconds since 1970; None unless Redis was away
        then.
        """
        return _number(self.fields.get(b"late"))


def _number(text: bytes | None) -> int | None:
    return int(text) if text is not None and text.isdigit() and len(text) <= 16 else None


def position(entry_id: str) -> tuple[int, int]:
    """Return an entry's id as numbers, which compare in the order of the stream.

    Raises:
        PacketError: it is no id.
    """
    time, dash, number = entry_id.partition("-")
    if not (dash and _is_number(time) and _is_number(number)):
        raise PacketError("got an offset that is no id of an entry")
    return int(time), int(number)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20


def encode_entry(
    uid: str, namespace: str, message: Message, *, only_plaintext: bool = False
) -> list[Part]:
    """Return the fields of an entry. With `only_plaintext` bytes are not looked for.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    body = broadcast_json(message) if isinstance(message, Broadcast) else None
    if body is not None:
        kind = 3
    else:
        kind, fields = write_data(message)
        plain = only_plaintext or not has_bytes(fields)
        body = dump_json(fields) if plain else base64.b64encode(pack(fields))
    return ["uid", uid, "nsp", name_bytes(namespace), "type", str(kind), "data", body]


def encode_message(uid: str, namespace: str, message: Message) -> bytes:
    """Encode a message that is published.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    kind, fields = write_data(message)
    return pack({"type": kind, "data": fields, "uid": uid, "nsp": namespace})


def decode_message(data: bytes) -> tuple[str, str, Message | None]:
    """Return a message's sender, its namespace, and the message, None if it is of no known type.

    Raises:
        PacketError: it is malformed.
    """
    return read_message(unpack(data))


def decode_entry(entry: Entry) -> tuple[str, Message | None]:
    """Return an entry's sender, and its message, None if that is of no known type.

    Raises:
        PacketError: it is malformed.
    """
    fields = entry.fields
    data = fields.get(b"data")
    try:
        uid, namespace = fields[b"uid"].decode(), fields[b"nsp"].decode()
        if data is not None and data[:1] != b"{":
            data = base64.b64decode(data, validate=True)
        kind = _number(fields.get(b"type"))
    except (KeyError, UnicodeDecodeError, binascii.Error) as error:
        raise PacketError(f"got an entry without its fields ({type(error).__name__})") from None
    value = None if data is None else unpack_any(data)
    _, _, message = read_message({"type": kind, "data": value, "uid": uid, "nsp": namespace})
    return uid, message


def read_entries(reply: Any) -> list[Entry]:
    """Return the entries of a reply to XRANGE, or of one stream in one to XREAD."""
    return [Entry(entry_id.decode(), _pairs(fields)) for entry_id, fields in reply or ()]


def _pairs(fields: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))
