"""What a file becomes by the edits of an answer.

Invariants:
- Lines that are in the file once are replaced; of the rest nothing is done, and it is said.
- The inverse makes the text of before of the new one.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ai import edits
from server.documents.change_json import read
from server.documents.utf16 import plain, units


def resolved(text: str | None, *pairs: tuple[str, str]) -> dict[str, Any]:
    return edits.resolve(text, text, None, list(pairs))


TWICE = "edit 1: the lines of its SEARCH part are in the file more than once"
NOWHERE = "edit 1: the lines of its SEARCH part are not in the file"
EMPTY = "edit 1: its SEARCH part has no lines, and the file has some"


@pytest.mark.parametrize(
    ("text", "search", "replace", "expected"),
    [
        ("a\nb\nc\n", "b\n", "B\n", "a\nB\nc\n"),
        ("a\nb\nc\n", "a\nb\n", "", "c\n"),
        ("a\nb\nc\n", "c\n", "c\nd\n", "a\nb\nc\nd\n"),
        # A file without an end of its last line stays so.
        ("a\nb", "b\n", "c\n", "a\nc"),
        ("a\nb", "a\n", "x\n", "x\nb"),
        # Spaces at the ends of lines.
        ("a  \nb\n", "a\nb \n", "x\n", "x\n"),
        # Its own line ends.
        ("a\r\nb\r\n", "b\n", "c\nd\n", "a\r\nc\r\nd\r\n"),
        ("", "", "a\n", "a\n"),
        (None, "", "a\n", "a\n"),
        ("\n\n", "\n", "a\n", "a\n"),
    ],
)
def test_an_edit(text: str | None, search: str, replace: str, expected: str) -> None:
    result = resolved(text, (search, replace))
    assert (result["content"], result["faults"]) == (expected, [])


@pytest.mark.parametrize(
    ("text", "search", "fault"),
    [
        ("a\nb\na\n", "a\n", TWICE),
        ("a \nb\na\t\n", "a\n", TWICE),
        ("a\n", "A\n", NOWHERE),
        # Whole lines only.
        ("ab\n", "b\n", NOWHERE),
        ("ab\n", "a\n", NOWHERE),
        ("", "a\n", NOWHERE),
        (None, "a\n", NOWHERE),
        ("a\n", "", EMPTY),
        ("a\n", "\n", EMPTY),
    ],
)
def test_an_edit_that_cannot_be_done(text: str | None, search: str, fault: str) -> None:
    result = resolved(text, (search, "x\n"))
    assert (result["content"], result["faults"]) == (text or "", [fault])


def test_edits_one_after_the_other() -> None:
    result = resolved("a\n", ("a\n", "b\n"), ("a\n", "x\n"), ("b\n", "c\n"))
    assert result["content"] == "c\n"
    assert result["faults"] == ["edit 2: the lines of its SEARCH part are not in the file"]


def test_a_later_block_goes_on_from_what_was_proposed() -> None:
    result = edits.resolve("a\r\n", "b\r\n", None, [("b\n", "c\n")])
    assert result["content"] == "c\r\n"
    assert read(result["inverse"]).applied("c\n") == "a\n"
    assert result["removed"] == len("a\n")


def test_a_later_edit_takes_away_nothing_that_was_typed_since() -> None:
    first = edits.resolve("a\r\nb\r\n", "a\r\nb\r\n", None, [("a\n", "A\n")])
    second = edits.resolve(
        "typed\r\na\r\nb\r\n",
        first["content"],
        None,
        [("x\n", ""), ("b\n", "B\n")],
        first["inverse"],
        2,
    )
    assert second["content"] == "A\r\nB\r\n"
    assert read(second["inverse"]).applied("A\nB\n") == "a\nb\n"
    assert second["faults"] == ["edit 2: the lines of its SEARCH part are not in the file"]


def test_what_becomes_too_long_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "MAX_LENGTH", 3)
    assert resolved("a\n", ("a\n", "bcd\n")) == {"content": None, "faults": []}


@given(
    st.text(st.sampled_from("ab \n\r\U0001f600"), max_size=40),
    st.text(st.sampled_from("ab \n\U0001f600"), max_size=40),
)
def test_the_inverse_makes_the_text_of_before(before: str, after: str) -> None:
    result = edits.resolve(before, before, after, [])
    content = result["content"].replace("\r\n", "\n").replace("\r", "\n")
    if before and before[-1] not in "\r\n":
        after = after.removesuffix("\n")
    assert content == after
    text = before.replace("\r\n", "\n").replace("\r", "\n")
    assert plain(read(result["inverse"]).applied(units(after))) == text


@given(st.text(st.sampled_from("ab \n"), max_size=30), st.lists(st.tuples(*[st.text("ab \n")] * 2)))
def test_any_edits_end_somehow(text: str, pairs: list[tuple[str, str]]) -> None:
    ended = [(search + "\n", replace + "\n") for search, replace in pairs]
    result = resolved(text, *ended)
    if len(result["faults"]) == len(pairs):
        assert result["content"] == text
