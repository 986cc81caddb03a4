"""The change between two texts.

Invariant: it makes one the other, whatever they are, and keeps lines that are the same.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.documents.change_json import parse
from server.documents.difference import MAX_LINES, MAX_PARTS, difference
from server.documents.utf16 import units

LINES = st.lists(st.sampled_from(["one", "two", "three", "é", "\ud83d\ude00", "\ud83d\ude01", ""]))
TEXTS = LINES.map("\n".join)


@given(TEXTS, TEXTS)
def test_it_makes_one_text_the_other(one: str, other: str) -> None:
    change = difference(one, other)
    assert change.applied(one) == other
    assert parse(change.json) == change
    assert difference(one, one).is_empty


def test_lines_that_stay_are_kept() -> None:
    before = "".join(f"line {number}\n" for number in range(10))
    after = before.replace("line 2\n", "").replace("line 7", "row 7") + "more\n"
    assert difference(before, after).json == [14, [7], 28, [4, "row"], 17, [0, "more", ""]]
    # A line that moved is taken out and put in, and the others hold their places.
    assert difference("a\nb\nc\nd\n", "b\nc\na\nd\n").json == [[2], 4, [0, "a", ""], 2]


def test_words_are_replaced_as_a_whole() -> None:
    assert difference("a w0 b\n", "a w12 b\n").json == [2, [2, "w12"], 3]
    assert difference("a 0w b\n", "a 1w b\n").json == [2, [2, "1w"], 3]
    # And so are lines that have no word in common.
    assert difference("w0\n", "w1\n").json == [[3, "w1", ""]]
    assert difference("x" * 200, "x" * 200 + "y").json == [136, [64, "x" * 64 + "y"]]


def test_a_pair_of_surrogates_is_not_cut() -> None:
    # The two have their first half in common, and then their second one.
    assert difference(units("x😀y"), units("x😁y")).json == [1, [2, "😁"], 1]
    assert difference(units("x😀y"), units("x🈀y")).json == [1, [2, "🈀"], 1]
    assert difference("\ud83d", "\ud83d\ud83d").applied("\ud83d") == "\ud83d\ud83d"


def test_of_very_many_lines_it_is_one_replacement() -> None:
    before = "".join(f"{number}\n" for number in range(MAX_LINES))
    every_other = "".join(f"{number if number % 2 else 'x'}\n" for number in range(MAX_LINES))
    assert len(difference(before, every_other).sections) <= 3
    assert difference(before, every_other).applied(before) == every_other
    few = MAX_LINES // 2 - 1
    before, after = ("".join(f"{n if n % 5 else kind}\n" for n in range(few)) for kind in "ab")
    change = difference(before, after)
    assert change.applied(before) == after
    assert len(change.sections) <= 2 + MAX_PARTS
