"""weights.py: what JSON costs, told from its text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.protocol.weights import (
    KEPT_AUTH,
    count_values,
    has_more_values,
    keep_auth,
    weigh,
    weigh_values,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a",:[]{}\\é\n', max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a",:\\', max_size=3), inner),
    max_leaves=30,
)


def number_of(value: Any) -> int:
    """The values in a value, itself and the names of members among them."""
    if isinstance(value, dict):
        return 1 + sum(1 + number_of(item) for item in value.values())
    return 1 + sum(map(number_of, value)) if isinstance(value, list) else 1


@given(json_values, st.integers(0, 5))
def test_the_count_is_that_of_the_values(value: Any, before: int) -> None:
    """Whatever strings hold and wherever a piece ends, the count is right, and at most one too
    high for each container that is empty.
    """
    filler = "x" * (65_536 - before)
    for document in (value, [filler, value], [filler, value, filler, value]):
        text = json.dumps(document, ensure_ascii=False)
        empty = text.count("[]") + text.count("{}")
        count = count_values(text.encode(), 1_000)
        assert number_of(document) <= count <= number_of(document) + empty
        for most in {1, 5, count - 1, count, count + 1} - {0}:
            assert has_more_values(text.encode(), most) == (count > most)


def test_a_piece_does_not_end_within_an_escape() -> None:
    for length in range(65_530, 65_540):
        text = json.dumps(["x" * length + '",,,,' + "\\" * 3, 1])
        assert count_values(text.encode(), 100) == 3


def test_a_piece_ends_where_it_ends_among_backslashes() -> None:
    """A string of nothing but escapes is counted in pieces as every other."""

    class Pieces(bytes):
        """Notes what is taken of it."""

        def __getitem__(self, part: Any) -> Any:
            taken.append(part.start)
            return super().__getitem__(part)

    taken: list[int] = []
    # The third piece is empty but for the end: the second takes one byte more.
    for before, pieces in (("", 3), ("x", 4)):
        taken.clear()
        text = '["' + before + "\\\\" * 65_536 + '"]'
        assert count_values(Pieces(text.encode()), 100) == 2
        assert len(taken) == pieces


@pytest.mark.parametrize("text", ["[" * 10_000_000, "[" + "0," * 5_000_000, '"a",' * 3_000_000])
def test_a_text_with_too_many_is_given_up_in_its_first_piece(text: str) -> None:
    assert 1_000 < count_values(text.encode(), 1_000) <= 65_537


def test_what_values_weigh() -> None:
    assert weigh('"' + "x" * 998 + '"') == 1_000
    assert weigh("[" + "[]," * 9 + "[]]") == 31 + 11 * 64 + 9 * 56
    assert weigh('{"a":0}') == 7 + 240


def test_what_decoded_data_weighs() -> None:
    assert weigh_values(["x" * 10, b"y" * 20, 1]) == 64 + 30 + 4 * 56
    assert weigh_values([{"name": []}]) == 2 * 64 + 240 + 4 + 4 * 56


def test_what_is_kept_of_credentials() -> None:
    for auth in (
        {"token": "x" * 7_000},
        {"a": [1] * 100},
        {"\ud800": "\udc00"},
        {"a": 1 << 64},
    ):
        assert keep_auth(auth) is auth
    refused: tuple[dict[str, Any], ...] = (
        {"token": "x" * KEPT_AUTH},
        {"a": [[]] * 80},
        {"a": "\ud800" * KEPT_AUTH},
        {"a": b"\x00" * KEPT_AUTH},
    )
    for heavy in refused:
        assert keep_auth(heavy) is None
