"""The official parser, socket.io-parser 4.2.7, in a Node process, and a form that both have."""

import base64
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from socketio_min.errors import PacketError
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode
from socketio_min.protocol.packets import (
    ACK,
    RESERVED_EVENTS,
    Packet,
)

FOLDER = Path(__file__).resolve().parent.parent / "oracle"
Messages = list[str | bytes]


def packed(value: Any) -> Any:
    """`value` for the pipe: binary values become {"$base64": ...}."""
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    return [packed(item) for item in value] if isinstance(value, list) else value


def unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if "$base64" in value:
            return base64.b64decode(value["$base64"])
        return {key: unpacked(item) for key, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value


class Oracle:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the official parser's process died of {request!r}"
        result: dict[str, Any] = unpacked(json.loads(answer))
        return result

    def encode(self, packet: dict[str, Any]) -> Messages:
        messages: Messages = self.ask(encode=packed(packet))["messages"]
        return messages

    def decode(self, *messages: str | bytes) -> dict[str, Any] | None:
        """The packet, or None when it is refused. It must not be left incomplete."""
        answer = self.ask(decode=packed(list(messages)))
        assert "incomplete" not in answer
        return answer.get("packet")

    def decode_with_attachments(self, text: str) -> tuple[Messages, dict[str, Any] | None]:
        """Decode `text`, adding attachments while they are asked for; return them all."""
        messages: Messages = [text]
        for num in range(11):
            answer = self.ask(decode=packed(messages))
            if "incomplete" not in answer:
                break
            messages.append(b"attachment %d" % num)
        assert "incomplete" not in answer
        return messages, answer.get("packet")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    node = shutil.which("node")
    if node is None:
        pytest.fail("the official parser needs Node 20 or newer: install it", pytrace=False)
    if not (FOLDER / "node_modules" / "socket.io-parser").is_dir():
        pytest.fail("the official parser is missing: run `npm ci` in tests/oracle", pytrace=False)
    with subprocess.Popen(
        [node, "parser.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        yield Oracle(process)


def comparable(value: Any) -> Any:
    """`value` as JavaScript holds it and JSON then shows it: numbers are doubles or null."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


def ours(messages: Messages) -> Packet | None:
    """What our side makes of a text and its attachments, None when it refuses them."""
    text, *attachments = messages
    assert isinstance(text, str)
    try:
        packet = decode(text)
        assert packet[4] == len(attachments)
        if attachments:
            reconstructor = Reconstructor(packet)
            for attachment in attachments:
                assert isinstance(attachment, bytes)
                whole = reconstructor.add(attachment)
            assert whole is not None
            packet = whole
    except PacketError:
        return None
    return packet


def official_form(packet: Packet) -> dict[str, Any]:
    type_, namespace, data, ack_id, attachments = packet
    assert attachments == 0
    return {"type": type_, "nsp": namespace, "data": comparable(data), "id": ack_id}


def normal(packet: dict[str, Any]) -> dict[str, Any]:
    """The official parser's packet with absent parts filled in as our side does."""
    absent: list[Any] | None = [] if packet["type"] == ACK else None
    return {
        "type": packet["type"],
        "nsp": packet["nsp"],
        "data": comparable(packet.get("data", absent)),
        "id": packet.get("id"),
    }


UNUSABLE_KEYS = {"_placeholder", "__proto__", "toJSON", "$base64"}  # special to either parser
namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=","), max_size=20
).map("/{}".format)
ack_ids = st.none() | st.integers(0, 2**53 - 1)
names = st.text(max_size=20).filter(lambda name: name not in RESERVED_EVENTS)
any_text = st.text(st.characters(), max_size=10)
keys = any_text.filter(lambda key: key not in UNUSABLE_KEYS)
plain_leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda children: (
            st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=3)
        ),
        max_leaves=10,
    )


def few_attachments(args: list[Any]) -> bool:
    return str(packed(args)).count("$base64") <= 10


arguments = st.lists(nested(plain_leaves | st.binary(max_size=10)), max_size=3).filter(
    few_attachments
)
HEADER = re.compile(
    r"(?:[56](?P<count>[^-]*)-|[0-4])(?:/[^,]*(?:,|$))?(?P<id>[^\[{\"]*)", re.DOTALL
)


def header(text: str, part: str) -> str:
    match = HEADER.match(text)
    assert match is not None
    return match[part] or ""
