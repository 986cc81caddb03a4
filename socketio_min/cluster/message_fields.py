"""The fields of messages between servers: read strictly, and written as the official server does.

A field of a wrong type costs the message and nothing else. In messages of JavaScript, names of
rooms may be numbers, an absent field is missing or null, and times are in milliseconds.
"""

from __future__ import annotations

from typing import Any

from socketio_min.cluster.adapter import PLAIN, BroadcastOptions
from socketio_min.errors import PacketError
from socketio_min.protocol.handshake import Handshake
from socketio_min.protocol.packets import has_event_name

# The most rooms of a broadcast: no broadcast has more, and so many do not delay a server.
MAX_ROOMS = 100_000
# How long a request may wait, in seconds, whatever its sender wrote.
MAX_TIMEOUT = 600.0


def read_map(value: Any, what: str) -> dict[Any, Any]:
    """Return a map.

    Raises:
        PacketError: it is none.
    """
    if type(value) is not dict:
        raise PacketError(f"got {type(value).__name__} as {what}, expected a map")
    return value


def read_list(value: Any, what: str) -> list[Any]:
    """Return a list.

    Raises:
        PacketError: it is none.
    """
    if type(value) is not list:
        raise PacketError(f"got {type(value).__name__} as {what}, expected a list")
    return value


def read_text(value: Any, what: str) -> str:
    """Return a text.

    Raises:
        PacketError: it is none.
    """
    if type(value) is not str:
        raise PacketError(f"got {type(value).__name__} as {what}, expected text")
    return value


def read_request_id(value: Any) -> str:
    """Return the id of a request.

    Raises:
        PacketError: it is no text.
    """
    return read_text(value, "the id of a request")


def read_optional_request_id(value: Any) -> str | None:
    """Return the id of a request, None for a message that wants no answer.

    Raises:
        PacketError: it is no text.
    """
    return None if value is None else read_request_id(value)


def read_rooms(value: Any) -> tuple[str, ...]:
    """Return names of rooms; numbers become their text, as in JavaScript.

    Raises:
        PacketError: it is no list of them.
    """
    # Nearly every broadcast has one or two empty lists.
    if value is None or value == []:
        return ()
    names = read_list(value, "rooms")
    if len(names) > MAX_ROOMS:
        raise PacketError(f"got {len(names)} rooms, expected at most {MAX_ROOMS}")
    return tuple([name if type(name) is str else _room_name(name) for name in names])


def _room_name(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    raise PacketError(f"got {type(value).__name__} as the name of a room, expected text")


def read_options(value: Any) -> BroadcastOptions:
    """Return the receivers that `{"rooms", "except", "flags"}` selects; each of the three may be
    absent.

    Raises:
        PacketError: a field is of another type.
    """
    fields = read_map(value, "options")
    flags = fields.get("flags")
    rooms, except_ = read_rooms(fields.get("rooms")), read_rooms(fields.get("except"))
    if not flags:
        return BroadcastOptions(rooms, except_) if rooms or except_ else PLAIN
    flags = read_map(flags, "flags")
    return BroadcastOptions(
        rooms,
        except_,
        volatile=flags.get("volatile") is True,
        compress=flags.get("compress") is not False,
        timeout=_timeout(flags.get("timeout")),
    )


def _timeout(milliseconds: Any) -> float | None:
    if milliseconds is None:
        return None
    if type(milliseconds) not in (int, float) or not milliseconds >= 0:
        raise PacketError("got a timeout that is no number of milliseconds")
    return float(min(milliseconds / 1000, MAX_TIMEOUT))


def read_event(value: Any) -> list[Any]:
    """Return the name and the arguments of an event that a client may receive.

    Raises:
        PacketError: the name is missing, too long or reserved.
    """
    args = read_list(value, "an event")
    if not has_event_name(args):
        raise PacketError("got an event without a name that may be sent")
    return args


def read_server_event(value: Any) -> list[Any]:
    """Return the name and the arguments of an event between servers.

    Raises:
        PacketError: there is no name.
    """
    args = read_list(value, "an event between servers")
    if not args or type(args[0]) is not str:
        raise PacketError("got an event between servers without a name")
    return args


def read_count(value: Any) -> int:
    """Return a number of sockets.

    Raises:
        PacketError: it is none, or negative or above 32 bits.
    """
    if type(value) is not int or not 0 <= value < 2**32:
        raise PacketError("got a number of sockets that is none")
    return value


def read_handshake(value: Any) -> Handshake:
    """Return what a client presented to another server; absent fields are empty.

    Raises:
        PacketError: a field is of another type.
    """
    fields = read_map(value, "a handshake")
    issued = fields.get("issued", 0)
    if type(issued) not in (int, float) or not abs(issued) < 2**53:
        raise PacketError("got the time of a handshake that is no number")
    return Handshake(
        headers=_texts(fields.get("headers")),
        time=read_text(fields.get("time", ""), "the time of a handshake"),
        address=read_text(fields.get("address", ""), "an address"),
        xdomain=fields.get("xdomain") is True,
        secure=fields.get("secure") is True,
        issued=round(issued),
        url=read_text(fields.get("url", ""), "a URL"),
        query=_texts(fields.get("query")),
        auth=read_map(fields.get("auth") or {}, "credentials"),
    )


def _texts(value: Any) -> dict[str, str]:
    """Return a map of texts. Node.js has a list for a header that came twice."""
    texts = {}
    for name, item in read_map(value or {}, "headers or a query").items():
        if type(item) is list:
            item = ", ".join(one for one in item if type(one) is str)
        if type(name) is str and type(item) is str:
            texts[name] = item
    return texts


def write_handshake(handshake: Handshake) -> dict[str, Any]:
    """Return a handshake as the official server writes it."""
    return {
        "headers": dict(handshake.headers),
        "time": handshake.time,
        "address": handshake.address,
        "xdomain": handshake.xdomain,
        "secure": handshake.secure,
        "issued": handshake.issued,
        "url": handshake.url,
        "query": dict(handshake.query),
        "auth": dict(handshake.auth),
    }


def write_options(options: BroadcastOptions) -> dict[str, Any]:
    """Return a selection of receivers as the official server writes it."""
    flags: dict[str, Any] = {}
    if options.volatile:
        flags["volatile"] = True
    if not options.compress:
        flags["compress"] = False
    if options.timeout is not None:
        flags["timeout"] = round(options.timeout * 1000)
    return {"rooms": options.rooms, "except": options.except_, "flags": flags}
