"""What a payload must be.

Invariants:
- A value becomes an instance of its type, or is refused with the path of the first fault; nothing
  else is raised for any JSON value.
- Types are strict, and undeclared fields reach nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from server.api.errors import Code, EventError
from server.api.types import Id, Metadata, Natural, Payload
from server.api.validation import read
from server.events import EVENTS

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["room", "metadata", "userId"]) | st.text(), inner)
    ),
    max_leaves=10,
)


class Sample(Payload, frozen=True, kw_only=True):
    """Some of every kind."""

    room: Id
    is_typing: bool | None = None
    kind: Literal["a", "b"] | None = None
    line: Natural | None = None
    things: Annotated[list[Metadata], msgspec.Meta(max_length=2)] | None = None


NAME = "a string of 1 to 128 printable characters"


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (5, "$", "$ is a number, expected an object"),
        ([], "$", "$ is an array, expected an object"),
        ("x", "$", "$ is a string of 1 characters, expected an object"),
        (b"x", "$", "$ is binary data, expected an object"),
        (
            "\ud800",
            "$",
            "$ is a string of 1 characters with half of a surrogate pair, expected an object",
        ),
        ({}, "$.room", f"$.room is missing, expected {NAME}"),
        ({"room": 5}, "$.room", f"$.room is a number, expected {NAME}"),
        ({"room": None}, "$.room", f"$.room is null, expected {NAME}"),
        ({"room": ""}, "$.room", f"$.room is a string of 0 characters, expected {NAME}"),
        (
            {"room": "x" * 129},
            "$.room",
            f"$.room is a string of 129 characters, expected {NAME}",
        ),
        ({"room": "a\n"}, "$.room", f"$.room is a string of 2 characters, expected {NAME}"),
        (
            {"room": "a", "userId": {}},
            "$.userId",
            f"$.userId is an object, expected {NAME}",
        ),
        (
            {"room": "a", "isTyping": 1},
            "$.isTyping",
            "$.isTyping is a number, expected true or false",
        ),
        (
            {"room": "a", "kind": "c"},
            "$.kind",
            '$.kind is a string of 1 characters, expected "a" or "b"',
        ),
        (
            {"room": "a", "line": -1},
            "$.line",
            "$.line is a number, expected a whole number from 0",
        ),
        (
            {"room": "a", "line": "1"},
            "$.line",
            "$.line is a string of 1 characters, expected a whole number from 0",
        ),
        (
            {"room": "a", "things": [{}, {}, {}]},
            "$.things",
            "$.things is an array, expected an array of at most 2 items",
        ),
        (
            {"room": "a", "things": [{}, {"correlationId": True}]},
            "$.things[1].correlationId",
            f"$.things[1].correlationId is true, expected {NAME}",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(value: Any, path: str, message: str) -> None:
    with pytest.raises(EventError) as caught:
        read(Sample, value)
    assert caught.value.data == {
        "code": "VALIDATION_ERROR",
        "message": message,
        "details": {"path": path},
    }


def test_undeclared_fields_are_left_out() -> None:
    value = {"room": "a", "more": 1, "metadata": {"correlationId": "c", "tags": []}, "kind": None}
    assert read(Sample, value) == Sample(room="a", metadata=Metadata("c"))


@pytest.mark.parametrize("text", ["\ud800", "a\u2028b", "\u202egpj.a", "\x7f", "\x00"])
def test_what_cannot_be_shown_is_no_name(text: str) -> None:
    with pytest.raises(EventError):
        read(Id, text)


@given(st.text(max_size=20) | st.text("a\0\n\ud800\udfffé", max_size=5))
def test_a_content_is_any_text_that_can_be_stored(text: str) -> None:
    value = {"projectId": "a", "file": {"path": "a", "action": "created", "content": text}}
    if "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        assert EVENTS["file:change"].read([value]).file.content == text
        return
    with pytest.raises(EventError) as caught:
        EVENTS["file:change"].read([value])
    assert caught.value.data["details"] == {"path": "$.file.content"}
    assert caught.value.data["message"] == (
        f"$.file.content is a string of {len(text)} characters, "
        "expected a text of at most 5,000,000 characters"
    )


def patterned(kind: inspect.Type) -> Iterator[inspect.StrType]:
    """Find the strings that a regular expression goes through."""
    match kind:
        case inspect.StrType(pattern=str()):
            yield kind
        case inspect.Metadata(type=inner) | inspect.ListType(item_type=inner):
            yield from patterned(inner)
        case inspect.UnionType(types=types):
            for one in types:
                yield from patterned(one)
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from patterned(field.type)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_no_regular_expression_goes_through_a_long_text(event: str) -> None:
    """It takes the loop 35 ms a megabyte."""
    kind = inspect.type_info(EVENTS[event].payload)
    assert all((found.max_length or 10**9) <= 32_768 for found in patterned(kind))


@pytest.mark.parametrize(
    "kind", ["x" * 20_000_000, "c - at `$.room`", "Object missing required field `room`", " - at `"]
)
def test_a_fault_is_found_whatever_its_value_says(kind: str) -> None:
    """msgspec quotes the value. Going through it character by character took 380 ns for each."""
    with pytest.raises(EventError) as caught:
        read(Sample, {"room": "a", "kind": kind})
    assert caught.value.data["message"] == (
        f'$.kind is a string of {len(kind)} characters, expected "a" or "b"'
    )


@given(st.sampled_from(sorted(EVENTS)), JSON)
def test_any_value_is_read_or_refused(event: str, value: Any) -> None:
    spec = EVENTS[event]
    try:
        found = spec.read([value])
    except EventError as error:
        refused = error
    else:
        assert isinstance(found, spec.payload if spec.is_object else object)
        return
    assert refused.code == Code.VALIDATION_ERROR
    assert refused.details is not None
    path = refused.details["path"]
    assert refused.message.startswith(f"{path} is ")
