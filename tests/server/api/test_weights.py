"""What a value weighs, and what weighing costs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.weights import Weight, encoded_size, weight
from tests.server.api.test_validation import JSON


@given(JSON)
def test_weight_is_about_the_size_in_a_packet(value: Any) -> None:
    size = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    found = weight(value, 10**9)
    assert found.whole
    # Escapes in strings (6 bytes for one) are what the estimate leaves out.
    assert size / 6 <= found.size <= 8 * size + 2


@given(JSON, st.integers(0, 50))
def test_no_more_values_are_looked_at_than_asked_for(value: Any, most: int) -> None:
    """The cost has a bound: a part of the values weighs no more than all of them."""
    part, all_of_it = weight(value, most), weight(value, 10**9)
    assert part.size <= all_of_it.size
    assert not part.whole or part == all_of_it


def test_weighing_stops() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert weight(endless, 1000) == Weight(2000, False)
    assert weight([0] * 10, 10) == Weight(2 + 9 * 3, False)
    assert weight([0] * 10, 11) == Weight(2 + 10 * 3, True)
    assert weight({"a": 1, "b": 2}, 2) == Weight(2 + 3 + 3 + 3, False)


@given(JSON)
def test_the_encoded_size_is_that_of_json(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is written as six characters.
        text = json.dumps(value).encode()
    assert len(text) / 3 <= encoded_size(value) <= 3 * len(text)


@pytest.mark.parametrize(
    ("value", "size"),
    [("ab", 4), ({"a": [1, None]}, 14), ("\ud800", 8), ([b"abc", "\ud800"], 17)],
)
def test_known_sizes(value: Any, size: int) -> None:
    assert encoded_size(value) == size
