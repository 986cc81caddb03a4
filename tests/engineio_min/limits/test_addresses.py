"""addresses.py: which address a text is, and what counts as one peer."""

from __future__ import annotations

import ipaddress

import pytest

from engineio_min.limits.addresses import network_of, parse_ip


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        # An IPv4 client of a socket for both versions.
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
    ],
)
def test_an_address_however_it_is_written(text: str, address: str) -> None:
    assert parse_ip(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize("text", ["", "host", "10.0.0.1:80", "1.2.3"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        parse_ip(text)


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        # One host may use any address of its /64 network, and each of its interfaces.
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        # What an ASGI host calls its clients.
        ("testclient", "testclient"),
        ("unix:path", "unix:path"),
        ("", ""),
    ],
)
def test_what_counts_as_one_peer(client: str, peer: str) -> None:
    assert network_of(client) == peer
