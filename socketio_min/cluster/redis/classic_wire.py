"""The messages of `@socket.io/redis-adapter` 8, byte for byte.

A broadcast is an array in MessagePack: `[uid, {type: 2, data, nsp}, {rooms, except, flags}]`.
Requests and responses are objects, in JSON, or in MessagePack if they may hold bytes. Readers tell
JSON from MessagePack by the first byte.
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
    ListRooms,
    ListSockets,
    Request,
    Response,
    RoomNames,
    ServerAnswer,
    ServerEvent,
    SocketIds,
)
from socketio_min.cluster.redis.msgpack import pack, unpack, unpack_any
from socketio_min.cluster.values import dump_json, from_body, has_bytes, portable
from socketio_min.errors import PacketError

_EVENT = 2

# The types of requests, and of responses.
_SOCKETS = 0
_ALL_ROOMS = 1
_REMOTE_JOIN = 2
_REMOTE_LEAVE = 3
_REMOTE_DISCONNECT = 4
_REMOTE_FETCH = 5
_SERVER_SIDE_EMIT = 6
_BROADCAST = 7
_BROADCAST_CLIENT_COUNT = 8
_BROADCAST_ACK = 9


def encode_broadcast(uid: str, namespace: str, message: Broadcast) -> bytes:
    """Encode a broadcast without acknowledgements.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    return pack([uid, _packet(namespace, message), write_options(message.options)])


def _packet(namespace: str, message: Broadcast) -> dict[str, Any]:
    body = message.body
    data = portable(message.args) if body is None else from_body(body, message.args)
    return {"type": _EVENT, "data": data, "nsp": namespace}


def decode_broadcast(data: bytes, namespace: str) -> tuple[str, Broadcast] | None:
    """Return the sender of a broadcast and its message, None if it is for another namespace.

    Raises:
        PacketError: it is malformed.
    """
    message = read_list(unpack(data), "a broadcast")
    if len(message) != 3:
        raise PacketError(f"got a broadcast of {len(message)} parts, expected 3")
    uid, packet, options = message
    packet = read_map(packet, "a packet")
    if packet.get("nsp", "/") != namespace:
        return None
    if packet.get("type") != _EVENT:
        raise PacketError("got a broadcast that is no event")
    return read_text(uid, "a server's name"), Broadcast(
        read_event(packet.get("data")), read_options(options)
    )


def encode_request(uid: str, namespace: str, message: Request) -> bytes:
    """Encode a request of the server `uid` to the others; "" for an emitter, which needs no name.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    fields: dict[str, Any] = {"uid": uid} if uid else {}
    request_id = getattr(message, "request_id", None)
    if request_id is not None:
        fields["requestId"] = request_id
    if isinstance(message, Broadcast):
        fields["type"] = _BROADCAST
        fields["packet"] = _packet(namespace, message)
        fields["opts"] = write_options(message.options)
        return pack(fields)
    if isinstance(message, ServerEvent):
        fields["type"] = _SERVER_SIDE_EMIT
        fields["data"] = portable(message.args)
        return _json_or_pack(fields)
    if isinstance(message, ListRooms):
        fields["type"] = _ALL_ROOMS
        return dump_json(fields)
    if isinstance(message, ListSockets):
        fields["type"] = _SOCKETS
        fields["rooms"] = message.options.rooms
        return dump_json(fields)
    fields["type"] = _TYPES[type(message)]
    fields["opts"] = {"rooms": message.options.rooms, "except": message.options.except_}
    if isinstance(message, Join | Leave):
        fields["rooms"] = message.rooms
    elif isinstance(message, Disconnect):
        fields["close"] = message.close
    return dump_json(fields)


_TYPES: dict[type, int] = {
    Join: _REMOTE_JOIN,
    Leave: _REMOTE_LEAVE,
    Disconnect: _REMOTE_DISCONNECT,
    Fetch: _REMOTE_FETCH,
}


def decode_request(data: bytes) -> tuple[str, Request] | None:
    """Return the sender of a request ("" for an emitter) and its message, None for an unknown one.

    Raises:
        PacketError: it is malformed.
    """
    fields = read_map(unpack_any(data), "a request")
    uid = read_text(fields.get("uid", ""), "a server's name")
    message = _read_request(fields)
    return None if message is None else (uid, message)


def _read_request(fields: dict[Any, Any]) -> Request | None:
    kind = fields.get("type")
    if kind == _SERVER_SIDE_EMIT:
        return ServerEvent(
            read_server_event(fields.get("data")), read_optional_request_id(fields.get("requestId"))
        )
    if kind == _SOCKETS:
        return ListSockets(
            read_options({"rooms": fields.get("rooms")}),
            read_request_id(fields.get("requestId")),
        )
    if kind == _ALL_ROOMS:
        return ListRooms(read_request_id(fields.get("requestId")))
    if kind == _BROADCAST:
        packet = read_map(fields.get("packet"), "a packet")
        return Broadcast(
            read_event(packet.get("data")),
            read_options(fields.get("opts")),
            read_request_id(fields.get("requestId")),
        )
    if kind not in _TYPES.values() or fields.get("opts") is None:
        # Requests for one socket, by its id, are those of versions before 8.
        return None
    options = read_options(fields["opts"])
    if kind == _REMOTE_JOIN:
        return Join(options, read_rooms(fields.get("rooms")))
    if kind == _REMOTE_LEAVE:
        return Leave(options, read_rooms(fields.get("rooms")))
    if kind == _REMOTE_DISCONNECT:
        return Disconnect(options, fields.get("close") is True)
    return Fetch(options, read_request_id(fields.get("requestId")))


def encode_response(message: Response) -> bytes:
    """Encode the response to a request.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    if isinstance(message, Acknowledgement):
        [value] = portable([message.value])
        return pack({"type": _BROADCAST_ACK, "requestId": message.request_id, "packet": value})
    if isinstance(message, ServerAnswer):
        [value] = portable([message.value])
        return _json_or_pack(
            {"type": _SERVER_SIDE_EMIT, "requestId": message.request_id, "data": value}
        )
    if isinstance(message, ClientCount):
        return dump_json(
            {
                "type": _BROADCAST_CLIENT_COUNT,
                "requestId": message.request_id,
                "clientCount": message.clients,
            }
        )
    if isinstance(message, SocketIds):
        return dump_json({"requestId": message.request_id, "sockets": message.ids})
    if isinstance(message, RoomNames):
        return dump_json({"requestId": message.request_id, "rooms": message.rooms})
    return _json_or_pack({"requestId": message.request_id, "sockets": message.sockets})


def decode_response(data: bytes) -> Response | None:
    """Decode the response to a request; None for an unknown one.

    Raises:
        PacketError: it is malformed.
    """
    fields = read_map(unpack_any(data), "a response")
    request_id = fields.get("requestId")
    if type(request_id) is not str:
        return None
    kind = fields.get("type")
    if kind == _BROADCAST_CLIENT_COUNT:
        return ClientCount(request_id, read_count(fields.get("clientCount")))
    if kind == _BROADCAST_ACK:
        return Acknowledgement(request_id, fields.get("packet"))
    if kind == _SERVER_SIDE_EMIT:
        return ServerAnswer(request_id, fields.get("data"))
    if "sockets" in fields:
        return Fetched(request_id, read_list(fields["sockets"], "sockets"))
    return None


def _json_or_pack(fields: dict[str, Any]) -> bytes:
    return pack(fields) if has_bytes(fields) else dump_json(fields)
