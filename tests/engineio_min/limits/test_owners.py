"""`owners.py` with literals: an address, a user, both or nobody."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from engineio_min import Request
from engineio_min.limits.account import Owner
from engineio_min.limits.owners import Name, Owners


def owners(
    *,
    client: str = "192.0.2.7",
    headers: dict[str, str] | None = None,
    address: Name | None = None,
    user: Name | None = None,
    said: str | None = None,
) -> Sequence[Owner]:
    """Return the owners for a client; only 10.0.0.1 may be a proxy."""
    made = Owners(address, user, lambda one: one == "10.0.0.1")
    return made.of(Request("GET", "/", headers or {}, client), said)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("192.0.2.7", [("address", "192.0.2.7")]),
        # All addresses of a host's IPv6 network are one owner.
        ("2001:db8:1:2:3:4:5:6", [("address", "2001:db8:1:2::/64")]),
        ("10.0.0.1", []),
    ],
)
def test_the_address_of_the_peer(client: str, expected: list[Owner]) -> None:
    assert owners(client=client) == expected


def test_the_application_names_addresses_and_users() -> None:
    def address(request: Request) -> str | None:
        return request.headers.get("x-address")

    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    headers = {"x-address": "somewhere", "x-user": "ada"}
    both = owners(client="10.0.0.1", headers=headers, address=address, user=user)
    assert both == [("address", "somewhere"), ("user", "ada")]
    assert owners(address=address, user=user) == []


def test_a_user_who_is_told_later_counts_instead_of_the_handshakes() -> None:
    assert owners(said="grace", user=lambda _request: "ada")[1:] == [("user", "grace")]


def test_a_name_that_fails_owns_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_request: Request) -> str | None:
        raise ValueError("planted")

    caplog.set_level(logging.ERROR)
    assert owners(user=fail) == ()
    assert owners(address=fail) == ()
    assert (
        caplog.messages
        == ["address or user failed; what a client makes the server hold is its own"] * 2
    )
