"""Whom the limits of an address count a connection for."""

from __future__ import annotations

import pytest

from engineio_min import Request
from server.http.clients import client_of


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("1.2.3.4", None, "1.2.3.4"),
        # Who connects directly cannot name another.
        ("1.2.3.4", "9.9.9.9", "1.2.3.4"),
        ("127.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        # Nor who comes through a proxy: what that has added is last.
        ("10.0.0.1", "8.8.8.8, 9.9.9.9", "9.9.9.9"),
        # Two proxies, one behind the other.
        ("10.0.0.1", "8.8.8.8,9.9.9.9,192.168.1.1", "9.9.9.9"),
        ("::ffff:9.9.9.9", None, "9.9.9.9"),
        # A host has all addresses of its network.
        ("2a00:1450:4001:81b::200e", None, "2a00:1450:4001:81b::/64"),
        ("::1", "2a00:1450:4001:81b:1:2:3:4", "2a00:1450:4001:81b::/64"),
        # Somebody near, or a proxy that says nothing, or nothing that can be read.
        ("127.0.0.1", None, None),
        ("::1", None, None),
        ("fe80::1", None, None),
        ("192.168.1.7", "10.0.0.3", None),
        ("127.0.0.1", "unknown", None),
        ("127.0.0.1", "9.9.9.9, unknown", None),
        ("", "9.9.9.9", None),
    ],
)
def test_whom_a_connection_counts_for(
    peer: str, forwarded: str | None, counted: str | None
) -> None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert client_of(Request("GET", "/", headers, peer)) == counted
