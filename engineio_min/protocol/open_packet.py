"""The open packet, in which the server tells what it has decided about the session (Engine.IO v4,
"Handshake").

The server makes it with `make_open_packet`, the client reads it with `read_open_packet`. What the
server does by these values is in `session.py`; what the client does is in `client_session.py`, and
for `maxPayload` in `client_max_payload.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engineio_min.errors import PacketError
from engineio_min.protocol.packets import OPEN

# Characters of the longest `sid` that a client takes.
MAX_SID = 256
# A day, in milliseconds: no server pings less often, and a timer must be able to wait so long.
MAX_HEARTBEAT = 86_400_000


def make_open_packet(
    sid: str,
    upgrades: Sequence[str],
    ping_interval: float,
    ping_timeout: float,
    max_payload: int,
) -> str:
    """Make the open packet.

    `ping_interval` and `ping_timeout` are in seconds (the wire has milliseconds), `max_payload` in
    bytes.
    """
    handshake = {
        "sid": sid,
        "upgrades": list(upgrades),
        "pingInterval": round(ping_interval * 1000),
        "pingTimeout": round(ping_timeout * 1000),
        "maxPayload": max_payload,
    }
    return OPEN + orjson.dumps(handshake).decode()


@dataclass(frozen=True, slots=True)
class OpenPacket:
    """What the server said in the open packet: times in seconds, `max_payload` in bytes or None."""

    sid: str
    upgrades: tuple[str, ...]
    ping_interval: float
    ping_timeout: float
    max_payload: int | None


def read_open_packet(packet: str) -> OpenPacket:
    """Read the open packet.

    Raises:
        PacketError: the packet holds no object, or a field is missing or of the wrong kind.
    """
    try:
        fields = orjson.loads(packet[1:])
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise PacketError("got an open packet without a JSON object")
    sid = fields.get("sid")
    if not isinstance(sid, str) or not 0 < len(sid) <= MAX_SID:
        raise PacketError(f"got an open packet without a sid of 1 to {MAX_SID} characters")
    upgrades = fields.get("upgrades", [])
    if not isinstance(upgrades, list):
        raise PacketError("got an open packet whose upgrades are no list")
    # Older servers of this version do not tell it.
    max_payload = fields.get("maxPayload")
    if max_payload is not None and (not _is_number(max_payload) or max_payload < 1):
        raise PacketError("got an open packet whose maxPayload is no number above 0")
    return OpenPacket(
        sid=sid,
        upgrades=tuple(name for name in upgrades if isinstance(name, str)),
        ping_interval=_milliseconds(fields, "pingInterval"),
        ping_timeout=_milliseconds(fields, "pingTimeout"),
        max_payload=None if max_payload is None else int(max_payload),
    )


def _milliseconds(fields: dict[str, Any], name: str) -> float:
    value: Any = fields.get(name)
    # A server on python-engineio says 0 for an interval below a second.
    if not _is_number(value) or not 0 <= value <= MAX_HEARTBEAT:
        raise PacketError(f"got an open packet whose {name} is no number from 0 to {MAX_HEARTBEAT}")
    return float(value) / 1000


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
