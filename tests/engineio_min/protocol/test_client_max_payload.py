"""client_max_payload.py: what the server takes of a client, in one packet and in one POST."""

from __future__ import annotations

import pytest

from engineio_min.errors import UsageError
from engineio_min.protocol.client_max_payload import check_size, count_fitting, encoded_size
from engineio_min.protocol.packets import Packet


@pytest.mark.parametrize(
    ("packet", "size"),
    [("4", 1), ("4hello", 6), ("4é", 3), ("4\ud800", 2), (b"", 1), (b"\x00", 5), (b"abcd", 9)],
)
def test_a_packet_is_counted_as_it_is_posted(packet: Packet, size: int) -> None:
    assert encoded_size(packet) == size


@pytest.mark.parametrize(
    ("packet", "is_framed", "size"),
    [
        ("4" + "a" * 9, False, 10),
        ("4" + "a" * 9, True, 10),
        ("4" + "é" * 5, True, 11),
        (b"12345678901", True, 11),
        (b"12345678", False, 13),
    ],
)
def test_a_packet_above_the_limit_is_refused(packet: Packet, is_framed: bool, size: int) -> None:
    check_size(packet, size, is_framed=is_framed)
    with pytest.raises(UsageError, match=f"got a message of {size} bytes, and the server takes"):
        check_size(packet, size - 1, is_framed=is_framed)


@pytest.mark.parametrize(
    ("packets", "limit", "count"),
    [
        # Two of three bytes, and the separator between them.
        (["4aa", "4bb"], 7, 2),
        (["4aa", "4bb"], 6, 1),
        (["4aa", "4bb"], None, 2),
        # One of any size is the server's to refuse.
        (["4" + "a" * 100, "4b"], 7, 1),
        # No more packets than the client sends at once.
        (["4"] * 5, None, 4),
        (["4"] * 5, 5, 3),
        # A close packet is the only one of its payload.
        (["4a", "1"], None, 1),
        (["1"], None, 1),
        (["4a", "1", "4b"], None, 3),
    ],
)
def test_a_post_has_as_much_as_the_server_reads(
    packets: list[Packet], limit: int | None, count: int
) -> None:
    assert count_fitting(packets, 4, limit) == count
