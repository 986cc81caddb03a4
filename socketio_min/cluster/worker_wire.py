"""The messages between workers: lines of JSON, then the binary values.

    [sender, namespace, rooms]       the worker that sent the message, and for which sockets it is;
                                     rooms are null if it is for all of the namespace
    [kind, [size, ...], field, ...]  the message: its fields in their order, and how many bytes
                                     each binary value has
    binary values                    one after the other

    [sender, null, namespaces]       alone: the namespaces that the sender has

A worker reads the second line only if it has such sockets. In a message with binary values each of
them is `{"": index}`, and a map that looks like that is `{"": {...}}`.

Rejected: pickle, because a process that can write to a worker's socket could run any code in that
worker; `marshal`, because it crashes on malformed data; MessagePack, because it needs a package
that may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from socketio_min.cluster.adapter import BroadcastOptions
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
    Request,
    Response,
    ServerAnswer,
    ServerEvent,
)
from socketio_min.cluster.values import dump_json, from_body, has_bytes, portable
from socketio_min.errors import EncodeError, PacketError

# Characters of a worker's name, which the ids of its sessions begin with.
NAME_LENGTH = 2

_PLACEHOLDER = ""


class Head(NamedTuple):
    """The first line of a message: the worker that sent it, and for which sockets it is.

    Without a namespace, `names` are the namespaces of the sender. With a namespace, they are the
    rooms whose members the message is for; None for all of the namespace.
    """

    sender: str
    namespace: str | None
    names: tuple[str, ...] | None


def encode_namespaces(sender: str, namespaces: Iterable[str]) -> bytes:
    """Return the message that tells which namespaces a worker has."""
    return dump_json([sender, None, [*namespaces]]) + b"\n"


def encode(sender: str, namespace: str, message: Request | Response) -> bytes:
    """Return a message of the worker `sender` to the others that have a namespace.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    rooms = None
    if isinstance(message, Broadcast) and message.request_id is None:
        rooms = message.options.rooms
    head = _dump([sender, namespace, rooms])
    if isinstance(message, Broadcast) and message.body is not None and "\\ud" not in message.body:
        # The JSON has been made already, and has no escaped surrogates, which orjson does not read.
        fields = _dump([write_options(message.options), message.request_id])
        line = b'["Broadcast",[],%s,%s' % (message.body.encode(), fields[1:])
        return b"%s\n%s\n" % (head, line)
    values = _values(message)
    binary: list[bytes] = []
    if has_bytes(values):
        values = [_take_out(value, binary) for value in values]
    line = dump_json([type(message).__name__, [*map(len, binary)], *values])
    return b"%s\n%s\n%s" % (head, line, b"".join(binary))


def _dump(value: list[Any]) -> bytes:
    try:
        return dump_json(value)
    except EncodeError:
        # A name has lone surrogates.
        return dump_json(portable(value))


def _values(message: Request | Response) -> list[Any]:
    if isinstance(message, Broadcast):
        args = message.args
        values = portable(args) if message.body is None else from_body(message.body, args)
        return [values, write_options(message.options), message.request_id]
    fields = [write_options(one) if isinstance(one, BroadcastOptions) else one for one in message]
    return portable(fields)


def _take_out(value: Any, binary: list[bytes]) -> Any:
    """Return a value with placeholders for its binary values, which go to `binary`."""
    if type(value) is bytes:
        binary.append(value)
        return {_PLACEHOLDER: len(binary) - 1}
    if type(value) is list:
        return [_take_out(item, binary) for item in value]
    if type(value) is dict:
        taken = {key: _take_out(item, binary) for key, item in value.items()}
        return {_PLACEHOLDER: taken} if value.keys() == {_PLACEHOLDER} else taken
    return value


def decode_head(content: bytes) -> tuple[Head, int]:
    """Return the first line of a message, and where the second one begins.

    Raises:
        PacketError: the line is malformed.
    """
    end = content.find(b"\n")
    sender, namespace, names = _line(content[: max(end, 0)], 3)
    if len(read_text(sender, "the name of a worker")) != NAME_LENGTH:
        raise PacketError(
            f"got a worker's name of {len(sender)} characters, expected {NAME_LENGTH}"
        )
    if namespace is None:
        return Head(sender, None, _names(names)), end + 1
    rooms = None if names is None else _names(names)
    return Head(sender, read_text(namespace, "a namespace"), rooms), end + 1


def decode(content: bytes, start: int) -> Request | Response:
    """Return the message whose second line begins at `start`.

    Raises:
        PacketError: it is malformed.
    """
    end = content.find(b"\n", start)
    kind, sizes, *values = _line(content[start : max(end, start)])
    known = _KINDS.get(kind) if type(kind) is str else None
    if known is None:
        raise PacketError("got a message of an unknown kind")
    make, readers = known
    if len(values) != len(readers):
        raise PacketError(f"got {len(values)} fields of {kind}, expected {len(readers)}")
    binary = _cut(content, end + 1, read_list(sizes, "sizes of binary values"))
    if binary:
        values = [_put_back(value, binary) for value in values]
    fields = [read(value) for read, value in zip(readers, values, strict=True)]
    message: Request | Response = make(*fields)
    return message


def _line(data: bytes, length: int | None = None) -> list[Any]:
    try:
        values = orjson.loads(data)
    except ValueError as error:
        raise PacketError(f"got a line that is no JSON ({error})") from None
    values = read_list(values, "a line")
    if len(values) < 2 or length not in (None, len(values)):
        raise PacketError(f"got {len(values)} values in a line, expected {length or 'more'}")
    return values


def _names(value: Any) -> tuple[str, ...]:
    return tuple([read_text(name, "a name") for name in read_list(value, "names")])


def _cut(content: bytes, start: int, sizes: Sequence[Any]) -> list[bytes]:
    """Return the binary values of a message: they fill it from `start` to its end."""
    binary = []
    for size in sizes:
        if type(size) is not int or size < 0:
            raise PacketError("got the size of a binary value that is no number of bytes")
        end = start + size
        binary.append(content[start:end])
        start = end
    if start != len(content):
        raise PacketError(f"got a message of {len(content)} bytes, expected {start}")
    return binary


def _put_back(value: Any, binary: Sequence[bytes]) -> Any:
    """Return a value with the binary values in the places of their placeholders."""
    if type(value) is list:
        return [_put_back(item, binary) for item in value]
    if type(value) is not dict:
        return value
    if value.keys() == {_PLACEHOLDER}:
        inner = value[_PLACEHOLDER]
        if type(inner) is int and 0 <= inner < len(binary):
            return binary[inner]
        value = read_map(inner, "a placeholder")
    return {key: _put_back(item, binary) for key, item in value.items()}


def _read_flag(value: Any) -> bool:
    if type(value) is not bool:
        raise PacketError(f"got {type(value).__name__} as a flag, expected true or false")
    return value


def _read_sockets(value: Any) -> list[Any]:
    return read_list(value, "sockets")


def _read_any(value: Any) -> Any:
    return value


# The messages that workers have for each other, and what reads each field.
_KINDS: dict[str, tuple[Callable[..., Any], tuple[Callable[[Any], Any], ...]]] = {
    "Broadcast": (Broadcast, (read_event, read_options, read_optional_request_id)),
    "Join": (Join, (read_options, read_rooms)),
    "Leave": (Leave, (read_options, read_rooms)),
    "Disconnect": (Disconnect, (read_options, _read_flag)),
    "Fetch": (Fetch, (read_options, read_request_id)),
    "ServerEvent": (ServerEvent, (read_server_event, read_optional_request_id)),
    "ClientCount": (ClientCount, (read_request_id, read_count)),
    "Acknowledgement": (Acknowledgement, (read_request_id, _read_any)),
    "Fetched": (Fetched, (read_request_id, _read_sockets)),
    "ServerAnswer": (ServerAnswer, (read_request_id, _read_any)),
}
