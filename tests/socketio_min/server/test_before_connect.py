"""socket.py: packets before the CONNECT is answered, and of a client that has left."""

from __future__ import annotations

from typing import Any, cast

from socketio_min.server.socket import NOWHERE, BeforeConnect
from socketio_min.server.socket import Link as RealLink


class Link:
    """A connection that counts what is held for it."""

    def __init__(self) -> None:
        self.connection = self
        self.held = 0
        self.overflows = 0

    def hold(self, size: int) -> None:
        self.held += size

    def overflow(self) -> None:
        self.overflows += 1


def waiting(limit: int = 10) -> tuple[BeforeConnect, Link]:
    link = Link()
    return BeforeConnect(limit, cast(RealLink, cast(Any, link))), link


def test_packets_wait_in_order() -> None:
    out, link = waiting()
    assert not out.writable
    for packet in ("4a", b"b", "4c"):
        out.send(packet)
    assert out.release() == ["4a", b"b", "4c"]
    assert out.release() == []
    assert (link.held, link.overflows) == (0, 0)


def test_the_packet_above_the_limit_ends_the_connection() -> None:
    out, link = waiting(2)
    for number in range(3):
        out.send(f"4{number}")
    assert link.overflows == 1
    assert out.release() == ["40", "41"]


def test_what_is_much_is_counted_until_it_leaves() -> None:
    out, link = waiting()
    out.send("4" + "a" * 70_000)
    assert 30_000 <= link.held <= 70_200
    out.release()
    assert link.held == 0


def test_nothing_is_kept_for_a_client_that_has_left() -> None:
    assert not NOWHERE.writable
    NOWHERE.send("4a")
