"""URLs as a client reads them."""

from __future__ import annotations

import pytest

from engineio_min.client.address import Address, parse_url, request_target
from engineio_min.errors import UsageError


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("http://localhost", Address(False, "localhost", 80, "", ""), "localhost"),
        ("https://a.example", Address(True, "a.example", 443, "", ""), "a.example"),
        ("ws://a:3000/chat", Address(False, "a", 3000, "/chat", ""), "a:3000"),
        ("wss://a:443/?b=c", Address(True, "a", 443, "/", "b=c"), "a"),
        ("http://a:443", Address(False, "a", 443, "", ""), "a:443"),
        ("http://[::1]:8080", Address(False, "::1", 8080, "", ""), "[::1]:8080"),
        ("http://bücher.example", Address(False, "xn--bcher-kva.example", 80, "", ""), None),
    ],
)
def test_what_is_in_a_url(url: str, address: Address, authority: str | None) -> None:
    parsed = parse_url(url)
    assert parsed == address
    assert parsed.authority == authority or authority is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:3000",
        "ftp://a",
        "http://",
        "http:///path",
        "http://a:port",
        "http://a:70000",
        "http://[::1",
        "http://" + "a" * 64 + ".example",
        "http://user@a",
        "http://user:word@a",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"got (a|the) URL"):
        parse_url(url)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/engine.io/", "", "/engine.io/?EIO=4&t=a%20b%26"),
        ("/engine.io/", "x=%20y&z", "/engine.io/?x=%20y&z&EIO=4&t=a%20b%26"),
        ("/ü x/", "ü x\r\n", "/%C3%BC%20x/?%C3%BC%20x%0D%0A&EIO=4&t=a%20b%26"),
    ],
)
def test_the_target_of_a_request(path: str, query: str, expected: str) -> None:
    """The URL's own query stays as it is but for what would end a request line."""
    assert request_target(path, query, {"EIO": "4", "t": "a b&"}) == expected
