"""Payload schemas.

Invariants:
- A value is returned as it was, or refused with the path of the first fault; nothing else is
  raised for any JSON value.
- Types are strict, and undeclared fields reach nobody.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Code, EventError
from server.registry import payload
from server.schema import Anything, Fields, Flag, Kind, Name, weight

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["room", "metadata", "userId"]) | st.text(), inner)
    ),
    max_leaves=10,
)
ROOM = payload({"room": Name()}, {"isTyping": Flag()})


def refusal(kind: Kind, value: Any) -> EventError:
    with pytest.raises(EventError) as caught:
        kind.check(value, "$")
    assert caught.value.code == Code.VALIDATION_ERROR
    return caught.value


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (5, "$", "$ is a number, expected an object"),
        ([], "$", "$ is an array, expected an object"),
        ("x", "$", "$ is a string of 1 characters, expected an object"),
        (b"x", "$", "$ is binary data, expected an object"),
        (
            {},
            "$.room",
            "$.room is missing, expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": 5},
            "$.room",
            "$.room is a number, expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": None},
            "$.room",
            "$.room is null, expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": ""},
            "$.room",
            "$.room is a string of 0 characters, "
            "expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": "x" * 129},
            "$.room",
            "$.room is a string of 129 characters, "
            "expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": "a\nb"},
            "$.room",
            "$.room is a string of 3 characters, "
            "expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": "a", "userId": {}},
            "$.userId",
            "$.userId is an object, expected a string of 1 to 128 printable characters",
        ),
        (
            {"room": "a", "isTyping": 1},
            "$.isTyping",
            "$.isTyping is a number, expected true or false",
        ),
        (
            {"room": "a", "metadata": {"correlationId": True}},
            "$.metadata.correlationId",
            "$.metadata.correlationId is true, expected a string of 1 to 128 printable characters",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(value: Any, path: str, message: str) -> None:
    error = refusal(ROOM, value)
    assert error.message == message
    assert error.details == {"path": path}


def test_undeclared_fields_are_left_out() -> None:
    value = {"room": "a", "userId": "u", "more": 1, "metadata": {"correlationId": "c", "tags": []}}
    assert ROOM.check(value, "$") == {
        "room": "a",
        "userId": "u",
        "metadata": {"correlationId": "c"},
    }


def test_a_lone_surrogate_is_not_printable() -> None:
    refusal(Name(), "\ud800")


@given(JSON)
def test_any_value_is_checked_or_refused(value: Any) -> None:
    for kind in (ROOM, Name(), Flag(), Fields(), Anything(50)):
        try:
            checked = kind.check(value, "$")
        except EventError as error:
            refused = error
        else:
            assert isinstance(checked, dict) or checked is value
            continue
        assert refused.code == Code.VALIDATION_ERROR
        assert refused.message.startswith("$")


@given(JSON)
def test_weight_is_about_the_size_in_a_packet(value: Any) -> None:
    size = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    # Escapes in strings (6 bytes for one) are what the estimate leaves out.
    assert size / 6 <= weight(value, 10**9) <= 2 * size + 2


@pytest.mark.parametrize("value", ["x" * 99, b"x" * 99, [[]] * 50, {"a": {"b": "x" * 96}}])
def test_a_heavy_value_is_refused(value: Any) -> None:
    assert refusal(Anything(100), value).details == {"path": "$"}
    assert Anything(1000).check(value, "$") is value


def test_weighing_stops_at_the_limit() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert weight(endless, 1000) > 1000
