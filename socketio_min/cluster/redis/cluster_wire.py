"""The messages of the official adapters that extend `ClusterAdapter`: sharded and streams.

A message is `{type, data, uid, nsp}`; no request has the type of a response.
"""

from __future__ import annotations

from typing import Any

from socketio_min.cluster.message_fields import (
    read_count,
    read_event,
    read_list,
    read_map,
    read_optional_request_id,
    read_options,
    read_request_id,
    read_rooms,
    read_server_event,
    read_text,
    write_options,
)
from socketio_min.cluster.messages import (
    Acknowledgement,
    Broadcast,
    ClientCount,
    Disconnect,
    Fetch,
    Fetched,
    Join,
    Leave,
    ServerAnswer,
    ServerEvent,
)
from socketio_min.cluster.redis.msgpack import pack
from socketio_min.cluster.values import dump_json, from_body, has_bytes, portable
from socketio_min.errors import PacketError

_EVENT = 2

_Answer = ClientCount | Acknowledgement | Fetched | ServerAnswer
# The types of the messages here; the other types belong to the classic adapter alone.
Message = Broadcast | Join | Leave | Disconnect | Fetch | ServerEvent | _Answer

BROADCAST = 3
_SOCKETS_JOIN = 4
_SOCKETS_LEAVE = 5
_DISCONNECT_SOCKETS = 6
_FETCH_SOCKETS = 7
_FETCH_SOCKETS_RESPONSE = 8
_SERVER_SIDE_EMIT = 9
_SERVER_SIDE_EMIT_RESPONSE = 10
_BROADCAST_CLIENT_COUNT = 11
_BROADCAST_ACK = 12


def write_data(message: Message) -> tuple[int, dict[str, Any]]:
    """Return the type and the data of a message.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    if isinstance(message, Broadcast):
        body = message.body
        data = portable(message.args) if body is None else from_body(body, message.args)
        fields: dict[str, Any] = {"packet": {"type": _EVENT, "data": data}}
        if message.request_id is not None:
            fields["requestId"] = message.request_id
        fields["opts"] = write_options(message.options)
        return BROADCAST, fields
    if isinstance(message, Join | Leave):
        kind = _SOCKETS_JOIN if isinstance(message, Join) else _SOCKETS_LEAVE
        return kind, {"opts": write_options(message.options), "rooms": message.rooms}
    if isinstance(message, Disconnect):
        opts = write_options(message.options)
        return _DISCONNECT_SOCKETS, {"opts": opts, "close": message.close}
    if isinstance(message, Fetch):
        opts = write_options(message.options)
        return _FETCH_SOCKETS, {"opts": opts, "requestId": message.request_id}
    if isinstance(message, ServerEvent):
        event = portable(message.args)
        if message.request_id is None:
            return _SERVER_SIDE_EMIT, {"packet": event}
        return _SERVER_SIDE_EMIT, {"requestId": message.request_id, "packet": event}
    return _write_response(message)


def _write_response(message: _Answer) -> tuple[int, dict[str, Any]]:
    request_id = {"requestId": message.request_id}
    if isinstance(message, Fetched):
        return _FETCH_SOCKETS_RESPONSE, {**request_id, "sockets": message.sockets}
    if isinstance(message, ClientCount):
        return _BROADCAST_CLIENT_COUNT, {**request_id, "clientCount": message.clients}
    [value] = portable([message.value])
    answers_event = isinstance(message, ServerAnswer)
    kind = _SERVER_SIDE_EMIT_RESPONSE if answers_event else _BROADCAST_ACK
    return kind, {**request_id, "packet": value}


def broadcast_json(message: Broadcast) -> bytes | None:
    """Return the data of a broadcast as JSON, None if the JSON of its event is not there."""
    if message.body is None or message.request_id is not None:
        return None
    packet = b'{"packet":{"type":2,"data":%s},"opts":' % message.body.encode()
    return packet + dump_json(write_options(message.options)) + b"}"


def encode(uid: str, namespace: str, message: Message) -> bytes:
    """Encode a message as JSON, as MessagePack if it holds bytes.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    if isinstance(message, Broadcast):
        data = broadcast_json(message)
        if data is not None:
            return b'{"type":3,"data":%s,"uid":%s,"nsp":%s}' % (
                data,
                dump_json(uid),
                dump_json(namespace),
            )
    kind, fields = write_data(message)
    whole = {"type": kind, "data": fields, "uid": uid, "nsp": namespace}
    return pack(whole) if has_bytes(fields) else dump_json(whole)


def read_message(value: Any) -> tuple[str, str, Message | None]:
    """Return a message's sender, its namespace, and the message, None if it is of no known type.

    Raises:
        PacketError: it is malformed.
    """
    fields = read_map(value, "a message")
    uid = read_text(fields.get("uid"), "a server's name")
    namespace = read_text(fields.get("nsp"), "a namespace")
    kind = fields.get("type")
    if type(kind) is not int or not BROADCAST <= kind <= _BROADCAST_ACK:
        # Heartbeats, which these adapters do not have, and messages of later versions.
        return uid, namespace, None
    return uid, namespace, _READERS[kind](read_map(fields.get("data"), "the data of a message"))


def _request_id(data: dict[Any, Any]) -> str:
    return read_request_id(data.get("requestId"))


def _read_broadcast(data: dict[Any, Any]) -> Broadcast:
    packet = read_map(data.get("packet"), "a packet")
    if packet.get("type") != _EVENT:
        raise PacketError("got a broadcast that is no event")
    return Broadcast(
        read_event(packet.get("data")),
        read_options(data.get("opts")),
        read_optional_request_id(data.get("requestId")),
    )


_READERS: dict[int, Any] = {
    BROADCAST: _read_broadcast,
    _SOCKETS_JOIN: lambda data: Join(read_options(data.get("opts")), read_rooms(data.get("rooms"))),
    _SOCKETS_LEAVE: lambda data: Leave(
        read_options(data.get("opts")), read_rooms(data.get("rooms"))
    ),
    _DISCONNECT_SOCKETS: lambda data: Disconnect(
        read_options(data.get("opts")), data.get("close") is True
    ),
    _FETCH_SOCKETS: lambda data: Fetch(read_options(data.get("opts")), _request_id(data)),
    _FETCH_SOCKETS_RESPONSE: lambda data: Fetched(
        _request_id(data), read_list(data.get("sockets"), "sockets")
    ),
    _SERVER_SIDE_EMIT: lambda data: ServerEvent(
        read_server_event(data.get("packet")), read_optional_request_id(data.get("requestId"))
    ),
    _SERVER_SIDE_EMIT_RESPONSE: lambda data: ServerAnswer(_request_id(data), data.get("packet")),
    _BROADCAST_CLIENT_COUNT: lambda data: ClientCount(
        _request_id(data), read_count(data.get("clientCount"))
    ),
    _BROADCAST_ACK: lambda data: Acknowledgement(_request_id(data), data.get("packet")),
}
