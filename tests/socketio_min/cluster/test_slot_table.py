"""`slot_table.py` with literals: two masters, one of them with a replica."""

from __future__ import annotations

from socketio_min.cluster.redis.slot_table import SlotTable
from socketio_min.cluster.redis.slots import Node, Shard

A, B, C = Node("a", 1), Node("b", 2), Node("c", 3)


def table() -> SlotTable:
    """Return a table in which the last slots belong to nobody."""
    made = SlotTable()
    made.replace([Shard(0, 99, A, ()), Shard(100, 199, B, (C,))])
    return made


def test_nothing_is_known_before_the_first_answer() -> None:
    empty = SlotTable()
    assert empty.owner(0) is None
    assert (empty.nodes, empty.masters, empty.holders(0)) == ([], set(), [])


def test_the_owner_is_the_master_of_the_range() -> None:
    known = table()
    assert [known.owner(slot) for slot in (0, 99, 100, 199, 200)] == [A, A, B, B, None]
    assert known.nodes == [A, B, C]
    assert known.masters == {A, B}
    assert [known.holders(slot) for slot in (99, 100, 200)] == [[A], [B, C], []]


def test_a_slot_that_has_moved_is_elsewhere_until_the_next_answer() -> None:
    known = table()
    known.move(5, C)
    assert [known.owner(slot) for slot in (4, 5)] == [A, C]
    known.replace([Shard(0, 199, B, ())])
    assert [known.owner(slot) for slot in (4, 5)] == [B, B]
