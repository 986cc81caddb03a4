"""What a server counts of its link to the others."""

from __future__ import annotations

from socketio_min.cluster.status import ClusterStatus


def test_what_a_part_counts_is_counted_of_the_whole() -> None:
    """The links to the nodes of a Redis Cluster are parts of one link."""
    whole = ClusterStatus(connected=True)
    parts = [ClusterStatus(connected=True, whole=whole) for _ in range(2)]
    parts[0].drop()
    parts[1].drop(2)
    parts[1].measure(0.25)
    assert [one.dropped for one in (*parts, whole)] == [1, 2, 3]
    assert [one.lag for one in (*parts, whole)] == [0.0, 0.25, 0.25]


def test_who_asks_is_told_of_what_is_dropped() -> None:
    whole = ClusterStatus(connected=True)
    part = ClusterStatus(connected=True, whole=whole)
    told: list[int] = []

    @whole.on_drop
    def note() -> None:
        told.append(whole.dropped)

    part.drop(2)
    whole.drop()
    whole.forget_drop(note)
    whole.drop()
    assert told == [2, 3]
