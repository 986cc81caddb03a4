"""One order for everybody's changes.

Invariants:
- The same updates lead to the same text, also after everything but the checkpoint and the kept
  updates is lost.
- A change that comes late means what it meant when it was made.
- What is kept, and what a late change may cost, is bounded.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.documents.authority import (
    MAX_AUTHORS,
    MAX_KEPT,
    MAX_KEPT_SIZE,
    MAX_STEPS,
    MAX_TEXT,
    Author,
    Authority,
    Gone,
    Update,
)
from server.documents.change_json import parse
from server.documents.changes import Change, ChangeError, joined, replacement
from tests.server.documents.test_changes import STEPS, TEXTS, change_of

ADA = Author("tab-1", "ada", "Ada")
BOB = Author("tab-2", "bob", "Bob")
DISK = Author("outside", "disk", "Disk")


def send(authority: Authority, version: int, change: Change, author: Author = ADA) -> Update:
    update, _ = authority.rebased(version, author, authority.number(author) + 1, change)
    authority.take(update)
    return update


def test_changes_of_one_version_get_an_order() -> None:
    authority = Authority("e", 5, "words")
    send(authority, 5, parse([5, [0, "!"]]))
    late = send(authority, 5, parse([[0, "Two "], [1, "W"], 4]), BOB)
    assert authority.text == "Two Words!"
    assert late == Update(6, BOB, 1, parse([[0, "Two "], [1, "W"], 5]))
    assert authority.version == 7
    # Who came first stays first.
    assert send(authority, 5, parse([5, [0, "?"]])).change.json == [10, [0, "?"]]
    assert authority.since(5) == [
        Update(5, ADA, 1, parse([5, [0, "!"]])),
        late,
        Update(7, ADA, 2, parse([10, [0, "?"]])),
    ]
    assert authority.since(8) == []
    assert authority.since(9) is None
    assert authority.since(4) is None


def test_numbers_are_those_of_a_users_editor() -> None:
    authority = Authority("e", 0, "")
    send(authority, 0, parse([[0, "a"]]))
    assert authority.number(ADA) == 1
    # Whoever takes somebody else's name for an editor counts apart.
    assert authority.number(Author("tab-1", "mallory", "Mallory")) == 0
    forgotten = [
        authority.take(Update(version, Author(f"tab {version}", "x", "X"), 1, parse([1])))
        for version in range(1, MAX_AUTHORS + 1)
    ]
    assert [one for one in forgotten if one] == [("ada", "tab-1")]
    assert authority.number(ADA) == 0


def test_a_change_must_fit_the_version_that_it_names() -> None:
    authority = Authority("e", 0, "abc")
    send(authority, 0, parse([3, [0, "d"]]))
    with pytest.raises(ChangeError, match="for a text of 4 units, version 0 has 3"):
        authority.rebased(0, BOB, 1, parse([4]))
    with pytest.raises(ChangeError, match="for a text of 3 units, version 1 has 4"):
        authority.rebased(1, BOB, 1, parse([3]))
    for version in (2, -1):
        with pytest.raises(Gone):
            authority.rebased(version, BOB, 1, parse([4]))
    assert authority.version == 1


def test_a_text_grows_to_its_limit() -> None:
    authority = Authority("e", 0, "x" * (MAX_TEXT - 1))
    grow = replacement(0, 0, "ab", MAX_TEXT - 1)
    with pytest.raises(ChangeError, match="makes the text longer than 1048576 UTF-16 units"):
        authority.rebased(0, ADA, 1, grow)
    longer = Authority("e", 0, "x" * (MAX_TEXT + 5))
    # From outside it may be longer; then it may shrink.
    send(longer, 0, replacement(0, 2, "a", MAX_TEXT + 5))
    with pytest.raises(ChangeError):
        longer.rebased(1, ADA, 2, replacement(0, 0, "a", MAX_TEXT + 4))


def test_the_last_updates_are_kept_and_all_that_is_not_saved() -> None:
    authority = Authority("e", 0, "")
    for _ in range(MAX_KEPT + 10):
        send(authority, authority.version, joined([(0, "a"), (len(authority.text), None)]))
    assert authority.first_kept == 0
    assert (authority.is_saved, authority.saved_version) == (False, 0)
    authority.save()
    assert (authority.is_saved, authority.saved_version) == (True, MAX_KEPT + 10)
    assert authority.first_kept == 10
    with pytest.raises(Gone):
        authority.rebased(9, BOB, 1, parse([9]))
    # Long ones go earlier, but never the last.
    for length in (MAX_KEPT_SIZE, 2 * MAX_KEPT_SIZE, 1):
        send(authority, authority.version, replacement(0, 0, "b" * length, len(authority.text)))
        authority.save()
        assert authority.version - authority.first_kept == 1


def test_the_cost_of_a_late_change_is_bounded() -> None:
    authority = Authority("e", 0, "x" * 2_000)
    many = joined([part for _ in range(400) for part in ((4, None), (1, "y"))])
    for _ in range(MAX_KEPT):
        send(authority, authority.version, parse([[1, "z"], 1_999]))
    _, steps = authority.rebased(MAX_KEPT - 10, BOB, 1, many)
    assert steps == 10 + 10 * (800 + 2)
    with pytest.raises(Gone, match="too long ago for so large a change") as caught:
        authority.rebased(MAX_KEPT - 70, BOB, 1, many)
    assert caught.value.steps == 70
    # One that gets many more sections while it is mapped is found out on the way.
    other = Authority("e", 0, "x" * 2_000)
    for number in range(60):
        inserts = [((3, None), (0, "y" * (number + 1))) for _ in range(300)]
        whole = joined([part for pair in inserts for part in pair])
        rest = (len(other.text) - whole.length, None)
        send(other, number, joined([*whole.sections, rest]))
    with pytest.raises(Gone) as caught:
        other.rebased(0, BOB, 1, parse([[2_000, "all"]]))
    assert MAX_STEPS < caught.value.steps < MAX_STEPS + 10_000
    # A small one over many large ones costs as much.
    for _ in range(70):
        send(authority, authority.version, many)
    assert authority.unsaved > 1
    with pytest.raises(Gone):
        authority.rebased(MAX_KEPT, BOB, 1, parse([[1], 1_999]))
    authority.save()
    assert authority.unsaved == 0
    send(authority, authority.version, replacement(0, 2_000, "a" * MAX_TEXT, 2_000))
    assert authority.unsaved > 1
    assert authority.last_user == "ada"


def test_a_text_from_outside_merges_with_what_is_not_saved() -> None:
    authority = Authority("e", 3, "one\ntwo\nthree\n")
    send(authority, 3, parse([14, [0, "four"]]))
    updates = authority.replaced("one\n2\nthree\n", DISK)
    assert updates == [Update(4, DISK, 0, parse([4, [4, "2", ""], 10]))]
    assert authority.take(updates[0]) is None
    assert authority.text == "one\n2\nthree\nfour"
    assert authority.number(DISK) == 0
    authority.save()
    assert authority.replaced(authority.text, DISK) == []


def test_from_outside_nothing_that_is_typed_is_lost_however_much_it_is() -> None:
    lines = [f"line {number}\n" for number in range(700)]
    authority = Authority("e", 0, "".join(lines))
    for number in range(200):
        send(authority, number, joined([(len(authority.text), None), (0, f"word{number} ")]))
    after = "".join("x" + line if number % 4 else line for number, line in enumerate(lines))
    [update] = authority.replaced(after, DISK)
    assert len(update.change.sections) <= 3
    authority.take(update)
    assert authority.text == after + "".join(f"word{number} " for number in range(200))


def test_texts_that_are_too_long_are_not_compared() -> None:
    before = "line\n" * (MAX_TEXT // 5 - 10)
    length = len(before)
    authority = Authority("e", 0, before)
    send(authority, 0, joined([(length, None), (0, "end")]))
    [short] = authority.replaced("new " + before, DISK)
    assert short.change.sections == ((0, "new "), (length + 3, None))
    [long] = authority.replaced("x" * 100 + before, DISK)
    assert long.change.sections == ((length, "x" * 100 + before), (3, None))
    # Nor is what has become so by an earlier change, before that was bounded.
    earlier = Authority("e", 0, "x" * (MAX_TEXT + 1))
    [update] = earlier.replaced("x", DISK)
    assert update.change.sections == ((MAX_TEXT + 1, "x"),)


OPERATIONS = st.lists(st.tuples(st.integers(0, 4), STEPS, st.sampled_from(["edit", "save", "out"])))


@given(TEXTS, OPERATIONS, TEXTS)
def test_what_was_lost_comes_back(
    text: str, operations: list[tuple[int, list[tuple[int, str | None]], str]], outside: str
) -> None:
    authority = Authority("e", 7, text)
    journal: list[Update] = []
    texts = [text]
    for late, steps, kind in operations:
        if kind == "save":
            authority.save()
            continue
        if kind == "out":
            made = authority.replaced(outside, DISK)
        else:
            late = min(late, len(texts) - 1)
            change = change_of(len(texts[-1 - late]), steps)
            made = [authority.rebased(authority.version - late, ADA, len(journal) + 1, change)[0]]
        for update in made:
            authority.take(update)
            journal.append(update)
            texts.append(authority.text)
        if kind == "out":
            authority.save()
    again = Authority("e", authority.saved_version, authority.saved)
    again.restore(journal, [(ADA, authority.number(ADA))])
    assert (again.text, again.version, again.saved) == (
        authority.text,
        authority.version,
        authority.saved,
    )
    assert again.since(7) == journal
    assert again.number(ADA) == authority.number(ADA)
