"""values.py and msgpack.py: what travels between servers is what JSON makes of it, and bytes."""

from __future__ import annotations

import contextlib
import struct
from collections import namedtuple
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_min import EncodeError
from socketio_min.cluster.redis import msgpack
from socketio_min.cluster.values import dump_json, from_body, has_bytes, name_bytes, portable
from socketio_min.errors import PacketError
from tests.effort import examples

Pair = namedtuple("Pair", "a b")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, [2]), [1, [2]]),
        (Pair(1, 2), [1, 2]),
        (bytearray(b"a"), b"a"),
        ([memoryview(b"a"), {"b": b"c"}], [b"a", {"b": b"c"}]),
        (float("nan"), None),
        ([float("inf"), b""], [None, b""]),
        (datetime(2020, 1, 2, tzinfo=UTC), "2020-01-02T00:00:00+00:00"),
        ([datetime(2020, 1, 2, tzinfo=UTC), b""], ["2020-01-02T00:00:00+00:00", b""]),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (2**64, 18446744073709551616.0),
        ("\ud800a", "\ufffda"),
        ({"\ud800": 1}, {"\ufffd": 1}),
        ({2: 1, None: 3, 1.5: 5}, {"2": 1, "null": 3, "1.5": 5}),
    ],
)
def test_values_are_made_portable(value: Any, expected: Any) -> None:
    assert portable([value]) == [expected]
    assert msgpack.unpack(msgpack.pack(portable([value]))) == [expected]


@pytest.mark.parametrize("value", [{1, 2}, object(), [b"", {1}], {(): b""}])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(EncodeError):
        portable([value])


def test_what_is_too_deep_is_refused() -> None:
    deep: list[Any] = [b""]
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EncodeError, match="nested too deeply"):
        portable(deep)


def test_the_json_of_an_event_is_read_back() -> None:
    assert from_body('["a",1]', ["a", 1]) == ["a", 1]
    assert from_body('["\\ud800"]', ["\ud800"]) == ["\ufffd"]


def test_names_are_utf_8() -> None:
    assert name_bytes("ä") == b"\xc3\xa4"
    assert name_bytes("\ud800") == b"\xef\xbf\xbd"


@given(JSON)
@settings(max_examples=examples(30))
def test_json_s_values_come_back(value: Any) -> None:
    assert msgpack.unpack(msgpack.pack(portable([value]))) == [value]
    assert msgpack.unpack_any(dump_json({"a": portable([value])})) == {"a": [value]}


def test_bytes_are_found() -> None:
    assert has_bytes([1, {"a": [b""]}])
    assert not has_bytes([1, {"a": ["b"]}])


def test_what_cannot_be_encoded_is_an_error() -> None:
    with pytest.raises(EncodeError, match="MessagePack cannot hold"):
        msgpack.pack(object())
    with pytest.raises(EncodeError, match="JSON cannot hold"):
        dump_json(b"")


def test_dates_of_javascript_are_texts() -> None:
    noon = 1_577_880_000
    forms = [
        b"\xd6\xff" + struct.pack(">I", noon),
        b"\xd7\xff" + struct.pack(">Q", 5_000_000 << 34 | noon),
        b"\xc7\x0c\xff" + struct.pack(">Iq", 5_000_000, noon),
    ]
    texts = [msgpack.unpack(b"\x81\xa1d\x92\x01" + form)["d"][1] for form in forms]
    assert texts == [
        "2020-01-01T12:00:00.000Z",
        "2020-01-01T12:00:00.005Z",
        "2020-01-01T12:00:00.005Z",
    ]
    assert msgpack.unpack(b"\xd6\xfe\x00\x00\x00\x00") is None
    assert msgpack.unpack(b"\x92\xd4\x00\x00\xa2\xc3\xbf") == [None, "ÿ"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x91", b"\x01\x01", b"\xa1\xff", b"\x91" * 100_000 + b"\x01", b"{", b"{\xff}"],
)
def test_malformed_messages_are_refused(data: bytes) -> None:
    with pytest.raises(PacketError):
        msgpack.unpack_any(data)


def test_dates_that_are_none_are_refused() -> None:
    with pytest.raises(PacketError):
        msgpack.unpack(b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 2**62))


def test_json_that_javascript_writes_is_read() -> None:
    assert msgpack.unpack_any(b'{"a":"\\ud800","b":1,"c":12345678901234567890123}') == {
        "a": "\ud800",
        "b": 1,
        "c": 1.2345678901234568e22,
    }
    # Exact within 64 bits, as for the receivers of the server that sent it.
    assert msgpack.unpack_any(b'{"a":"\\ud800","n":123456789012345678}') == {
        "a": "\ud800",
        "n": 123456789012345678,
    }
    for text in (b'{"a":NaN}', b'{"a":' + b"[" * 100_000):
        with pytest.raises(PacketError, match="no JSON"):
            msgpack.unpack_any(text)


def test_what_is_too_large_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msgpack, "MAX_MESSAGE", 10)
    for data in (msgspec.msgpack.encode("x" * 10), b'{"a":1234567}'):
        with pytest.raises(PacketError, match="expected at most 10"):
            msgpack.unpack_any(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    for candidate in (data, b"{" + data):
        with contextlib.suppress(PacketError):
            msgpack.unpack_any(candidate)
