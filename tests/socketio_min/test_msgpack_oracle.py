"""protocol/msgpack against the official parser, socket.io-msgpack-parser 3.0.2, in a Node process.

Two invariants: the official parser reads what we write, and we read what it writes of that.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_min.errors import PacketError
from socketio_min.protocol.msgpack import MsgpackParser
from socketio_min.protocol.packets import ACK, CONNECT, DISCONNECT, EVENT, Packet
from tests.effort import examples
from tests.socketio_min.protocol.msgpack.test_parser import well_formed
from tests.socketio_min.protocol.values import ack_ids, namespaces, values

FOLDER = Path(__file__).resolve().parent.parent / "oracle"
PARSER = MsgpackParser()

Ask = Callable[[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with subprocess.Popen(
        ["node", "msgpack.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:

        def ask_official(what: str, text: str) -> dict[str, str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({what: text}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, "the official parser is missing: run `npm ci` in tests/oracle"
            answer: dict[str, str] = json.loads(line)
            return answer

        yield ask_official


def read(message: bytes) -> Packet:
    return PARSER.rest(message, PARSER.head(message, 10), 1_000_000)


@pytest.mark.parametrize(
    ("expression", "packet"),
    [
        ("{type: 0, nsp: '/', data: undefined}", (CONNECT, "/", None, None, 0)),
        ("{type: 0, nsp: '/a', data: {token: 't'}}", (CONNECT, "/a", {"token": "t"}, None, 0)),
        ("{type: 1, nsp: '/'}", (DISCONNECT, "/", None, None, 0)),
        (
            "{type: 2, data: ['x', undefined, new Date(5)], options: {compress: true}, nsp: '/'}",
            (EVENT, "/", ["x", None, datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)], None, 0),
        ),
        (
            "{type: 2, nsp: '/', id: 0, data: ['x', new Uint8Array(8).buffer, new Date(0)]}",
            (EVENT, "/", ["x", bytes(8), datetime(1970, 1, 1, tzinfo=UTC)], 0, 0),
        ),
        (
            "{type: 3, nsp: '/', id: 7, data: [2 ** 53, -(2 ** 40), 1.5, new Uint8Array(1)]}",
            (ACK, "/", [2**53, -(2**40), 1.5, b"\x00"], 7, 0),
        ),
    ],
)
def test_we_read_what_the_official_parser_writes(ask: Ask, expression: str, packet: Packet) -> None:
    assert read(bytes.fromhex(ask("encode", expression)["hex"])) == packet


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        (PARSER.encoder("/a").connect(), "{ type: 0, nsp: '/a' }"),
        (PARSER.encoder("/").connect({"sid": "s"}), "{ type: 0, nsp: '/', data: { sid: 's' } }"),
        (PARSER.encoder("/").disconnect(), "{ type: 1, nsp: '/' }"),
        (
            PARSER.encoder("/").connect_error("no", {"a": 1}),
            "{ type: 4, nsp: '/', data: { message: 'no', data: { a: 1 } } }",
        ),
        (
            PARSER.encoder("/").event(["x", datetime(2024, 1, 1, tzinfo=UTC), {1: 2**70}], 7),
            "{ type: 2, nsp: '/', id: 7, "
            "data: [ 'x', 2024-01-01T00:00:00.000Z, { '1': 1.1805916207174113e+21 } ] }",
        ),
        (
            PARSER.encoder("/").ack([b"\x01", None], 2**53 - 1),
            "{ type: 3, nsp: '/', id: 9007199254740991, data: [ <Buffer 01>, null ] }",
        ),
    ],
)
def test_the_official_parser_reads_what_we_write(
    ask: Ask, message: list[bytes], packet: str
) -> None:
    assert ask("decode", message[0].hex()) == {"packet": packet}


def test_both_refuse_a_packet_without_a_namespace(ask: Ask) -> None:
    message = bytes.fromhex("81a47479706500")
    assert ask("decode", message.hex()) == {"refused": "invalid namespace"}
    with pytest.raises(PacketError, match="a namespace"):
        read(message)


@given(namespaces, st.lists(values, max_size=3), ack_ids)
@settings(max_examples=examples(25))
def test_values_survive_both_parsers(
    ask: Ask, namespace: str, args: list[Any], ack_id: int | None
) -> None:
    """What the official parser reads of an event and writes again is the same to us."""
    # Its integers are doubles.
    args = [within(2**53, one) for one in args]
    [message] = PARSER.encoder(namespace).event(["x", *args], ack_id)
    assert isinstance(message, bytes)
    answer = bytes.fromhex(ask("echo", message.hex())["hex"])
    expected = (EVENT, namespace, ["x", *map(as_javascript, args)], ack_id, 0)
    assert read(answer) == expected


def within(bound: int, value: Any) -> Any:
    """The value with smaller integers, floats that are integers among them."""
    if isinstance(value, dict):
        return {key: within(bound, item) for key, item in value.items()}
    if isinstance(value, list):
        return [within(bound, item) for item in value]
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return value % bound if is_whole else value


def as_javascript(value: Any) -> Any:
    """The value as an object of JavaScript: numbers are doubles, texts well-formed."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dict):
        return {well_formed(key): as_javascript(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_javascript(item) for item in value]
    return well_formed(value)
