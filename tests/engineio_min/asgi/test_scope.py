"""scope.py: what an ASGI host says, in the terms of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from engineio_min.asgi.scope import encode_headers, possible_paths, read_request
from engineio_min.errors import UsageError


def scope(**fields: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/e/", "headers": [], **fields}


def test_a_request_as_the_host_describes_it() -> None:
    request = read_request(
        scope(
            headers=[(b"Host", b"a"), (b"cookie", b"x=1"), (b"cookie", b"y=2")],
            query_string=b"EIO=4&x=%20",
            client=["10.0.0.1", 80],
            scheme="https",
        )
    )
    assert (request.method, request.target) == ("GET", "/e/?EIO=4&x=%20")
    assert request.headers == {"host": "a", "cookie": "x=1; y=2"}
    assert (request.client, request.host, request.secure) == ("10.0.0.1", "a", True)
    assert not request.websocket


def test_a_websocket_of_a_host_that_says_little() -> None:
    request = read_request({"type": "websocket", "path": "/a b", "headers": [], "client": None})
    assert (request.method, request.target, request.client) == ("GET", "/a%20b", "")
    assert request.websocket
    assert not request.secure


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/e/"),
        ({"path": "/m/e/", "root_path": "/m"}, "/e/"),
        ({"root_path": "/m/"}, "/m/e/"),
        ({"raw_path": b"/m/e/"}, "/m/e/"),
    ],
)
def test_where_a_mounted_application_may_be(fields: dict[str, Any], path: str) -> None:
    assert path in possible_paths(scope(**fields))


def test_headers_of_an_answer() -> None:
    assert encode_headers([("X-Name", "é\u20ac")]) == [(b"x-name", b"\xe9?")]
    with pytest.raises(UsageError, match="X-Name"):
        encode_headers([("X-Name", "a\nb")])
