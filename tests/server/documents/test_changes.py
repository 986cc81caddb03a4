"""Changes of a text, against CodeMirror itself.

Invariants:
- What CodeMirror writes is taken, and mapping, composing, inverting and applying give what it
  gives, in recorded cases (`changes.json`) and in any others, asked of it in a Node process.
- Two changes of one text lead to the same text in either order.
- What is no change is refused with the place of the fault.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.documents import utf16
from server.documents.change_json import MAX_PARTS, MAX_SIZE, parse
from server.documents.changes import Change, ChangeError, joined, replacement
from server.documents.utf16 import plain, units
from socketio_min.protocol.packets import MAX_VALUES
from socketio_min.protocol.weights import has_more_values
from tests.effort import examples

FOLDER = Path(__file__).parent
RECORDED: list[dict[str, Any]] = json.loads((FOLDER / "changes.json").read_text("ascii"))

Oracle = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with subprocess.Popen(
        ["node", str(FOLDER / "codemirror.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def ask(case: dict[str, Any]) -> dict[str, Any]:
            asked.write(json.dumps(case) + "\n")
            asked.flush()
            answer: dict[str, Any] = json.loads(answered.readline())
            return answer

        yield ask
        asked.close()


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """What the oracle is asked for, by the code under test."""
    text = units(case["text"])
    a, b, c = (parse(case[name]) for name in "abc")
    return {
        "map": a.mapped(b).json,
        "before": a.mapped(b, before=True).json,
        "compose": a.composed(c).json,
        "applied": plain(a.applied(text)),
        "mappedText": plain(a.mapped(b).applied(b.applied(text))),
    }


def test_it_is_what_was_recorded() -> None:
    assert len(RECORDED) == 300
    for case in RECORDED:
        for name, value in answer(case).items():
            assert joined_pairs(value) == joined_pairs(case[name]), (name, case)


def joined_pairs(value: Any) -> Any:
    """A JSON value whose texts have characters, as Python reads them from any spelling."""
    return json.loads(json.dumps(value))


TEXTS = st.text(st.sampled_from("ab\né漢\ud83d\ude00"), max_size=8)
STEPS = st.lists(st.tuples(st.integers(0, 4), st.none() | TEXTS), max_size=6)


def change_of(length: int, steps: list[tuple[int, str | None]]) -> Change:
    """The change of a text of that length that these steps make, in CodeMirror's form."""
    sections = []
    for wanted, text in steps:
        taken = min(wanted, length)
        sections.append((taken, text))
        length -= taken
    return joined([*sections, (length, None)])


def case_of(
    text: str,
    one: list[tuple[int, str | None]],
    other: list[tuple[int, str | None]],
    following: list[tuple[int, str | None]],
) -> dict[str, Any]:
    a, b = change_of(len(text), one), change_of(len(text), other)
    c = change_of(a.new_length, following)
    return {"text": plain(text), "a": a.json, "b": b.json, "c": c.json}


CASES = st.builds(case_of, TEXTS, STEPS, STEPS, STEPS)


@settings(max_examples=examples(75), deadline=None)
@given(CASES)
def test_it_is_what_codemirror_makes_of_any_case(oracle: Oracle, case: dict[str, Any]) -> None:
    assert joined_pairs(answer(case)) == joined_pairs(oracle(case))


@given(CASES)
def test_both_orders_lead_to_one_text(case: dict[str, Any]) -> None:
    text = units(case["text"])
    a, b, c = (parse(case[name]) for name in "abc")
    assert a.mapped(b).applied(b.applied(text)) == b.mapped(a, before=True).applied(a.applied(text))
    assert a.composed(c).applied(text) == c.applied(a.applied(text))
    for change in (a, a.mapped(b), a.composed(c)):
        assert parse(change.json) == change


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (None, "$"),
        ({}, "$"),
        ("3", "$"),
        ([3.0], "$[0]"),
        ([True], "$[0]"),
        ([-1], "$[0]"),
        ([2**32], "$[0]"),
        ([None], "$[0]"),
        (["a"], "$[0]"),
        ([[]], "$[0]"),
        ([["a"]], "$[0][0]"),
        ([[1.5, "a"]], "$[0][0]"),
        ([[-1, "a"]], "$[0][0]"),
        ([1, [0, 1]], "$[1][1]"),
        ([1, [0, "a", ["b"]]], "$[1][2]"),
        ([[0, "a\nb"]], "$[0][1]"),
        ([[0, "a\r"]], "$[0][1]"),
        ([[0, "a", "\0"]], "$[0][2]"),
        ([0], "$[0]"),
        ([[0]], "$[0]"),
        ([[0, ""]], "$[0]"),
        ([1, 2], "$[1]"),
        ([[1], [2]], "$[1]"),
        ([[0, "a"], [0, "b"]], "$[1]"),
    ],
)
def test_what_is_no_change_is_refused(value: Any, path: str) -> None:
    with pytest.raises(ChangeError) as caught:
        parse(value)
    assert caught.value.path == path


def test_a_change_has_so_many_parts_and_bytes_at_most() -> None:
    most = [part for _ in range(MAX_PARTS // 2) for part in (1, [0, "a"])]
    assert len(parse(most).sections) == MAX_PARTS
    with pytest.raises(ChangeError, match="has 1001 parts, expected at most 1000"):
        parse([*most, 1])
    longest = "x" * (MAX_SIZE - 16)
    assert parse([[0, longest]]).new_length == MAX_SIZE - 16
    with pytest.raises(ChangeError, match="more than 65536 bytes"):
        parse([[0, longest + "x"]])
    # Lines cost more than their characters.
    assert parse([[0, *[""] * 8_191]]).new_length == 8_190
    with pytest.raises(ChangeError, match="more than 65536 bytes"):
        parse([[0, *[""] * 8_192]])


def test_a_change_of_the_most_values_is_an_event_of_less_than_the_most() -> None:
    many = [part for _ in range(MAX_PARTS // 2) for part in (1, [0, *[""] * 14])]
    for change in (many, [[0, *[""] * 8_191]]):
        parse(change)
        data = json.dumps(["file:edit", {"change": change}]).encode()
        assert not has_more_values(data, MAX_VALUES - 1_000)
        assert has_more_values(data, 8_000)


def test_a_change_fits_texts_of_its_length_only() -> None:
    change = parse([3, [1, "b"]])
    other = parse([4])
    with pytest.raises(ChangeError, match="is for a text of 4 units, the text has 3"):
        change.applied("abc")
    with pytest.raises(ChangeError):
        change.mapped(parse([5]))
    with pytest.raises(ChangeError):
        change.composed(parse([5]))
    assert change.composed(other) == change
    assert other.composed(change) == change
    assert change.mapped(other) == change


@given(st.lists(st.sampled_from(["a", "中", "😀", "\ud83d", "\ude00"]), max_size=12).map("".join))
def test_units_and_characters_are_the_same_text(text: str) -> None:
    """Wherever it is cut into slices: each unit is one of UTF-16, and both halves are put together
    that follow each other.
    """
    encoded = text.encode("utf-16-le", "surrogatepass")
    expected = "".join(
        chr(int.from_bytes(encoded[at : at + 2], "little")) for at in range(0, len(encoded), 2)
    )
    for size in (2, 3, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(utf16, "_SLICE", size)
            assert units(text) == expected
            assert plain(expected) == encoded.decode("utf-16-le", "surrogatepass")


def test_a_text_is_converted_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that other threads have turns."""
    sizes: list[int] = []
    for name in ("_units", "_plain"):
        convert = getattr(utf16, name)

        def counted(piece: str, convert: Any = convert) -> Any:
            sizes.append(len(piece))
            return convert(piece)

        monkeypatch.setattr(utf16, name, counted)
    plain(units("😀" * 100_000))
    assert len(sizes) == 7 + 13
    assert max(sizes) == 16_384


def test_units_are_those_of_javascript() -> None:
    assert units("a😀b") == "a\ud83d\ude00b"
    assert plain("a\ud83d\ude00b") == "a😀b"
    assert plain("\ud83d") == "\ud83d"
    assert units("plain") == "plain"
    assert replacement(1, 2, "", 4).json == [1, [2], 1]
    assert replacement(0, 0, "a", 0).json == [[0, "a"]]
    # An emoji that one person types in two halves.
    assert parse([1, [0, "\ude00"]]).applied(parse([[0, "\ud83d"]]).applied("")) == units("😀")


def test_the_cost_of_large_changes_is_bounded() -> None:
    """Counted in calls, which are the same everywhere: a part costs so many, whatever the text."""
    length = 1_000_000
    step = length // MAX_PARTS * 2
    parts = [part for _ in range(MAX_PARTS // 2) for part in (step - 1, [1, "word"])]
    one = parse(parts)
    other = parse([[1, "other"], *parts[:-1], [0, "x"], 1][:MAX_PARTS])
    assert one.length == length
    text = "x" * length
    assert calls(lambda: one.applied(text)) < 3 * MAX_PARTS
    assert calls(lambda: parse(one.json)) < 20 * MAX_PARTS
    fitting = joined([*other.sections, (length - other.length, None)])
    assert calls(lambda: one.mapped(fitting)) < 40 * MAX_PARTS
    assert calls(lambda: one.composed(one.mapped(one))) < 60 * MAX_PARTS


def calls(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls, those of C included."""
    count = 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
