"""Socket.IO packets and their attachments (socketio_min/protocol/packets.py).

An input is the text and then the attachments, separated by U+001E.

Invariants:
- Only PacketError is raised.
- The fast path for plain events agrees with the decoder, and takes what it is for.
- A packet that is accepted, its attachments in place, encodes to one that decodes to the same.
- A packet that waits for attachments holds no more bytes than its limit.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from socketio_min.errors import PacketError
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode, decode_plain_event
from socketio_min.protocol.encoding import (
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    Packet,
)

MAX_ATTACHMENT_BYTES = 64
# One attachment may be referred to twice, and is then encoded twice.
MAX_ENCODED_ATTACHMENTS = 20

SEEDS = (
    b"0",
    b'0{"token":"123"}',
    b'0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}',
    b"1",
    b"1/admin,",
    b'2["hey","Jude"]',
    b'212["hello",1,{"a":[null,true,-0.0,1e22]}]',
    b'2/admin,456["project:delete",123]',
    b"3/admin,456[]",
    b"31",
    b'4{"message":"Not authorized"}',
    b'4/admin,{"message":"no","data":{"code":3}}',
    b'51-["hello",{"_placeholder":true,"num":0}]\x1e\x01\x02\x03',
    b'52-/admin,7["a",{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]\x1ex\x1ey',
    b'61-9[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]\x1e\xff',
    b'2["\\ud800",1e999,123456789012345678901234567890]',
    b'2["connect"]',
    b'29007199254740991["x"]',
    b'2["deep",' + b"[" * 62 + b"]" * 62 + b"]",
    b'2["deep",' + b"[" * 63 + b"]" * 63 + b"]",
)

PLAIN = re.compile(r"2([0-9]{0,15})(\[.{0,127})", re.DOTALL)


def check(data: bytes) -> None:
    """Hold one packet and its attachments against the invariants."""
    first, *attachments = data.split(b"\x1e")
    try:
        # A transport gives the decoder nothing else.
        text = first.decode()
    except UnicodeDecodeError:
        return
    plain = decode_plain_event(text)
    try:
        packet = decode(text)
    except PacketError:
        assert plain is None
        assert not is_plain(text)
        return
    if plain is not None:
        assert repr((EVENT, "/", *plain, 0)) == repr(packet)
    else:
        assert not is_plain(text)
    whole = rebuild(packet, attachments)
    if whole is not None:
        encoded = encode(whole)
        if encoded is not None:
            assert repr(portable(reread(*encoded))) == repr(portable(whole))


def is_plain(text: str) -> bool:
    """Return whether a text is certainly an event for the fast path."""
    found = PLAIN.fullmatch(text)
    if found is None:
        return False
    try:
        value = orjson.loads(found[2])
    except ValueError:
        return False
    return bool(value) and isinstance(value[0], str) and value[0] not in RESERVED_EVENTS


def rebuild(packet: Packet, attachments: list[bytes]) -> Packet | None:
    """Return the packet with its attachments; None if they do not come or are refused."""
    if not packet[4]:
        return packet
    try:
        reconstructor = Reconstructor(packet, MAX_ATTACHMENT_BYTES)
        for attachment in attachments:
            whole = reconstructor.add(attachment)
            assert reconstructor.received_size <= MAX_ATTACHMENT_BYTES
            if whole is not None:
                return whole
    except PacketError:
        pass
    return None


def encode(packet: Packet) -> tuple[str, list[bytes]] | None:
    """Return the packet as this side would send it; None for what it never sends."""
    type_, namespace, data, ack_id, _ = packet
    if type_ == CONNECT:
        return encode_connect(namespace, data), []
    if type_ == DISCONNECT:
        return encode_disconnect(namespace), []
    if type_ == EVENT:
        return encode_event(namespace, data, ack_id)
    if type_ == ACK:
        return None if ack_id is None else encode_ack(namespace, data, ack_id)
    assert type_ == CONNECT_ERROR
    if isinstance(data, dict) and isinstance(data.get("message"), str):
        rest = data.get("data")
        if data == {"message": data["message"]} or (rest is not None and len(data) == 2):
            return encode_connect_error(namespace, data["message"], rest), []
    return None


def reread(text: str, attachments: list[bytes]) -> Packet:
    """Decode what was encoded, which no limit but that of attachments may refuse."""
    packet = decode(text, MAX_ENCODED_ATTACHMENTS)
    if not packet[4]:
        assert not attachments
        return packet
    assert len(attachments) == packet[4]
    reconstructor = Reconstructor(packet)
    for attachment in attachments:
        whole = reconstructor.add(attachment)
    assert whole is not None
    return whole


def portable(value: Any) -> Any:
    """Return the value with null for infinities, which JSON lacks, and its keys in order."""
    if isinstance(value, tuple | list):
        return [portable(item) for item in value]
    if isinstance(value, dict):
        return {key: portable(value[key]) for key in sorted(value)}
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value
