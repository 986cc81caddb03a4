"""held_bytes.py: who holds much is refused, and who holds little never because of that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.held_bytes import HeldBytes


def test_one_owner_has_a_limit_and_the_others_their_own() -> None:
    held = HeldBytes(most=1_000, most_of_one=100, free=10)
    assert [held.add("big", 40) for _ in range(3)] == [True, True, False]
    assert held.add("other", 100)
    assert (held.of("big"), held.of("other"), held.total) == (80, 100, 180)
    held.remove("big", 40)
    assert held.add("big", 60)
    assert not held.add("big", 1)


def test_one_piece_may_have_any_size() -> None:
    held = HeldBytes(most=1_000, most_of_one=100, free=10)
    assert held.add("big", 500)
    assert not held.add("big", 1)
    assert not held.add("other", 501)


def test_little_is_free_however_much_the_others_hold() -> None:
    held = HeldBytes(most=100, most_of_one=90, free=10)
    assert held.add("big", 60)
    assert held.add("huge", 40)
    assert [held.add("small", size) for size in (5, 5, 1)] == [True, True, False]
    held.remove("big", 60)
    assert held.add("small", 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.booleans()), max_size=50))
def test_what_is_counted_is_what_was_added(steps: list[tuple[str, int, bool]]) -> None:
    held = HeldBytes(most=100, most_of_one=50, free=10)
    added: list[tuple[str, int]] = []
    for owner, size, removes in steps:
        if removes and added:
            held.remove(*added.pop(0))
        elif held.add(owner, size):
            added.append((owner, size))
        for name in "abc":
            assert held.of(name) == sum(size for owner, size in added if owner == name)
        assert held.total == sum(size for _, size in added)
        # All that is above the limit is free, or one piece.
        assert held.total <= 100 + 3 * 10
