"""backlog.py: what packets that wait weigh."""

from __future__ import annotations

from engineio_min.protocol.backlog import weigh_packets
from engineio_min.protocol.packets import Packet


def text(size: int) -> str:
    """Return a string that nothing else refers to."""
    return "4" * size


def test_a_packet_weighs_its_characters_and_an_overhead() -> None:
    assert weigh_packets([]) == 0
    assert weigh_packets([text(1_000)]) == 1_064
    assert weigh_packets([text(1_000), bytes(2_000)]) == 1_064 + 2_064


def test_a_packet_that_waits_for_many_weighs_a_part_for_each() -> None:
    packet = text(936)
    waiting: list[list[Packet]] = [[packet] for _ in range(10)]
    del packet
    assert [weigh_packets(packets) for packets in waiting] == [100] * 10
