"""Read, write, compare and show packets and polling payloads.

This is written for the cases alone, so that they cannot share a mistake with a server.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, TypeGuard

from conformance.errors import CaseFailed
from conformance.transcript import printable

SEPARATOR = "\x1e"

Packet = str | bytes


def encode_payload(packets: Iterable[Packet]) -> bytes:
    """Return a polling body (Engine.IO v4, "HTTP long-polling")."""
    return SEPARATOR.join(
        packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
        for packet in packets
    ).encode()


def decode_payload(body: str) -> list[Packet]:
    """Return the packets of a polling body.

    Raises:
        CaseFailed: a packet is empty or of unknown type, or its base64 is wrong.
    """
    packets: list[Packet] = []
    for encoded in body.split(SEPARATOR):
        if encoded[:1] == "b":
            try:
                packets.append(base64.b64decode(encoded[1:], validate=True))
            except ValueError:
                raise CaseFailed(printable(encoded), "base64 after b") from None
        elif encoded[:1] not in tuple("0123456"):
            raise CaseFailed(printable(body) or "an empty body", "packets joined with U+001E")
        else:
            packets.append(encoded)
    return packets


def read_handshake(packet: Packet) -> dict[str, Any]:
    """Return the payload of an open packet.

    Raises:
        CaseFailed: it is no open packet.
    """
    if not isinstance(packet, str) or not packet.startswith("0{"):
        raise CaseFailed(show(packet), "an open packet: 0{…}")
    handshake = read_json(packet[1:], packet)
    if not is_object(handshake) or not isinstance(handshake.get("sid"), str):
        raise CaseFailed(show(packet), "a handshake with a sid")
    return handshake


def read_json(text: str, whole: Packet) -> Any:
    """Return the value of JSON; `whole` is the packet that it is from.

    Raises:
        CaseFailed: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise CaseFailed(f"{show(whole)} ({error})", "JSON in it") from None


def same_packet(seen: str, expected: str) -> bool:
    """Return whether two Socket.IO packets are equal, however their JSON is written."""
    head, payload = split_packet(expected)
    seen_head, seen_payload = split_packet(seen)
    if head != seen_head:
        return False
    if payload == seen_payload:
        return True
    try:
        return same_value(json.loads(payload), json.loads(seen_payload))
    except ValueError:
        return False


def without_offset(packet: str) -> str:
    """Return an event without its last argument if that is a text: recovery adds such an offset."""
    return re.sub(r',"[^"\\]+"\]$', "]", packet)


def same_value(seen: Any, expected: Any) -> bool:
    """Return whether two JSON values are equal; 1 and 1.0 are, 1 and true are not."""
    if isinstance(seen, list) and isinstance(expected, list):
        return len(seen) == len(expected) and all(map(same_value, seen, expected))
    if isinstance(seen, dict) and isinstance(expected, dict):
        return seen.keys() == expected.keys() and all(
            same_value(seen[key], expected[key]) for key in seen
        )
    if isinstance(seen, bool) or isinstance(expected, bool):
        return seen is expected
    return bool(seen == expected)


def split_packet(packet: str) -> tuple[str, str]:
    """Return the part of a packet before its JSON payload, and the payload."""
    for index, character in enumerate(packet):
        if character in '[{"':
            return packet[:index], packet[index:]
    return packet, ""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a JSON value is an object."""
    return isinstance(value, dict)


def show(packet: Packet) -> str:
    """Return a packet as the messages of failures show it."""
    if isinstance(packet, bytes):
        return f"<{packet[:32].hex(' ')}{' …' if len(packet) > 32 else ''}> ({len(packet)} bytes)"
    return printable(packet) or "an empty text"
