"""`unconnected.py` with literals: what waits for the answer to a CONNECT, and what is dropped."""

from __future__ import annotations

import pytest

from engineio_min.protocol.packets import Packet
from socketio_min.server.unconnected import NOWHERE, BeforeConnect


class Link:
    """Counts what a `BeforeConnect` tells its connection."""

    def __init__(self, limit: int = 10) -> None:
        self.overflows = 0
        self.held: list[int] = []
        self.out = BeforeConnect(limit, self.overflow, self.held.append)

    def overflow(self) -> None:
        self.overflows += 1


def test_packets_are_kept_in_order_and_given_once() -> None:
    link = Link()
    for packet in ("42[1]", b"\x01", "42[2]"):
        link.out.send(packet)
    assert link.out.release() == ["42[1]", b"\x01", "42[2]"]
    assert link.out.release() == []
    assert not link.out.writable
    assert link.held == []


def test_a_packet_above_the_limit_is_told_and_not_kept() -> None:
    link = Link(limit=2)
    for packet in ("a", "b", "c", "d"):
        link.out.send(packet)
    assert link.overflows == 2
    assert link.out.release() == ["a", "b"]


@pytest.mark.parametrize(
    ("packets", "steps"),
    [
        # Below the first mark nothing is weighed.
        (["x" * 65_000], []),
        # Twice as much has to wait before it is weighed again.
        (["x" * 70_000, "y" * 30_000], [1]),
        (["x" * 70_000, "y" * 80_000], [1, 1]),
    ],
)
def test_much_that_waits_is_counted_and_uncounted(packets: list[Packet], steps: list[int]) -> None:
    link = Link()
    for packet in packets:
        link.out.send(packet)
    assert [1 if size > 0 else -1 for size in link.held] == steps
    assert sum(link.held) <= sum(map(len, packets)) + 1_000
    link.out.release()
    assert sum(link.held) == 0


def test_packets_for_a_socket_that_is_gone_are_dropped() -> None:
    assert not NOWHERE.writable
    NOWHERE.send("42[1]")
    assert not hasattr(NOWHERE, "__dict__")
