"""kept_request.py: what a session keeps of its handshake.

Invariants:
- It answers as before: the same headers in the same order, the same path and query.
- Texts that clients have in common are there once, in a bounded number.
"""

from __future__ import annotations

import sys

import pytest

from engineio_min.request import Request
from engineio_min.server import kept_request
from engineio_min.server.kept_request import LONGEST_QUERY, MOST_SHARED, KeptHeaders, keep

HEADERS = {
    "host": "a.example",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "user-agent": "a browser",
    "accept": "*/*",
    "accept-language": "en",
    "accept-encoding": "gzip",
    "origin": "http://a.example",
    "pragma": "no-cache",
    "cache-control": "no-cache",
}


def kept(target: str = "/socket.io/?EIO=4&transport=websocket") -> Request:
    # Made anew, as from the wire's bytes.
    text = target.encode().decode()
    request = Request("GET", text, dict(HEADERS), "10.0.0.1", websocket=True)
    keep(request)
    return request


def test_headers_are_as_they_came() -> None:
    headers = kept().headers
    assert dict(headers) == HEADERS
    assert list(headers) == list(HEADERS)
    assert len(headers) == 12
    assert headers["user-agent"] == headers.get("user-agent") == "a browser"
    assert headers.get("cookie", "none") == "none"
    assert "origin" in headers
    assert "cookie" not in headers
    assert repr(headers) == repr(HEADERS)
    with pytest.raises(KeyError, match="cookie"):
        headers["cookie"]


def test_what_clients_have_in_common_is_there_once() -> None:
    one, other = kept(), kept()
    assert isinstance(one.headers, KeptHeaders)
    assert isinstance(other.headers, KeptHeaders)
    assert one.headers.names is other.headers.names
    assert one.path is other.path == "/socket.io/"
    assert one.query_string is other.query_string == "EIO=4&transport=websocket"
    assert one.target == "/socket.io/?EIO=4&transport=websocket"


def test_long_queries_are_not_shared() -> None:
    target = "/socket.io/?" + LONGEST_QUERY * "a"
    assert kept(target).query_string is kept(target).query_string
    target += "a"
    assert kept(target).query_string is not kept(target).query_string
    assert kept(target).target == target


def test_clients_that_have_nothing_in_common_fill_no_memory() -> None:
    for number in range(3 * MOST_SHARED):
        assert kept(f"/{number}").path == f"/{number}"
        assert len(kept_request._shared) <= MOST_SHARED


def test_headers_take_two_fifths_of_a_dictionarys_memory() -> None:
    headers = kept().headers
    assert isinstance(headers, KeptHeaders)
    size = sys.getsizeof(headers) + sys.getsizeof(headers.texts)
    assert 2.5 * size < sys.getsizeof(HEADERS)
