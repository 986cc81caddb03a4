"""The default parser: packets are JSON, with attachments (Socket.IO v5, "Packet encoding")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from engineio_min.protocol.packets import LONG, MESSAGE, LongText, is_binary
from engineio_min.protocol.packets import Packet as EnginePacket
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode_head, decode_rest
from socketio_min.protocol.encoding import (
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_values,
)
from socketio_min.protocol.packets import ACK, CONNECT, EVENT, RESERVED_EVENTS, check_event_name
from socketio_min.protocol.parser import Values
from socketio_min.protocol.weights import weigh_long


class JsonEncoder:
    """Writes the packets of one namespace; plain events take a shorter way."""

    __slots__ = ("_ack_head", "_connect_head", "_event_head", "_namespace")

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        named = "" if namespace == "/" else namespace + ","
        # The text before the JSON, and before an acknowledgement's id.
        self._connect_head = f"{MESSAGE}{CONNECT}{named}"
        self._event_head = f"{MESSAGE}{EVENT}{named}"
        self._ack_head = f"{MESSAGE}{ACK}{named}"

    def plain_event(self, args: list[Any]) -> str | LongText | None:
        """Encode an event whose values all have a form in JSON, as nearly every event's values."""
        name = args[0]
        if type(name) is str and name not in RESERVED_EVENTS:
            try:
                data = orjson.dumps(args)
            except TypeError:
                return None
            if len(data) >= LONG:
                # Making a text of 3 MB of wide characters, and bytes of it again, takes 9 ms.
                return LongText(self._event_head.encode() + data)
            return self._event_head + data.decode()
        return None

    def event(self, args: Values, ack_id: int | None = None) -> list[EnginePacket]:
        name = args[0] if args else None
        if type(name) is not str or name in RESERVED_EVENTS:
            check_event_name(name)
        text, attachments = encode_values(EVENT, self._namespace, args, ack_id)
        return [MESSAGE + text, *attachments]

    def ack(self, args: Values, ack_id: int) -> list[EnginePacket]:
        try:
            data = orjson.dumps(args)
        except TypeError:
            text, attachments = encode_values(ACK, self._namespace, args, ack_id)
            return [MESSAGE + text, *attachments]
        if len(data) >= LONG:
            return [LongText(f"{self._ack_head}{ack_id}".encode() + data)]
        return [f"{self._ack_head}{ack_id}{data.decode()}"]

    def connect(self, data: dict[str, Any] | None = None) -> list[EnginePacket]:
        if data is not None:
            try:
                return [self._connect_head + orjson.dumps(data).decode()]
            except TypeError:
                pass
        return [MESSAGE + encode_connect(self._namespace, data)]

    def disconnect(self) -> list[EnginePacket]:
        return [MESSAGE + encode_disconnect(self._namespace)]

    def connect_error(self, message: str, data: Any = None) -> list[EnginePacket]:
        return [MESSAGE + encode_connect_error(self._namespace, message, data)]

    def json_of(self, packets: Sequence[EnginePacket]) -> str | None:
        first = packets[0]
        if len(packets) > 1 or is_binary(first):
            return None
        text = first if isinstance(first, str) else first.decode()
        return text[len(self._event_head) :]


class JsonParser:
    """Writes and reads packets as the official default parser does."""

    __slots__ = ()

    encoder = JsonEncoder
    head = staticmethod(decode_head)
    rest = staticmethod(decode_rest)
    weigh = staticmethod(weigh_long)
    collect = Reconstructor


JSON_PARSER = JsonParser()
