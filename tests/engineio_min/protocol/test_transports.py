"""`transports.py`: what each transport can do."""

from __future__ import annotations

import pytest

from engineio_min.protocol.transports import TRANSPORTS, upgrades


def test_the_table_has_the_transports_of_the_protocol() -> None:
    assert {name: one.is_stream for name, one in TRANSPORTS.items()} == {
        "polling": False,
        "websocket": True,
    }


@pytest.mark.parametrize(
    ("transport", "allowed", "expected"),
    [
        ("polling", ["polling", "websocket"], ["websocket"]),
        ("polling", ["polling"], []),
        ("polling", ["webtransport"], []),
        ("websocket", ["polling", "websocket"], []),
    ],
)
def test_what_may_take_a_session_over(
    transport: str, allowed: list[str], expected: list[str]
) -> None:
    assert upgrades(transport, allowed) == expected
