"""The head of a parsed request: its headers by name, and what cannot be served."""

from __future__ import annotations

import pytest

from engineio_min import HttpLimits
from engineio_min.http.head import MOST_LINES, HeaderLines, read_headers, refusal, split_absolute


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        ([], {}),
        # The names that everybody sends, and others.
        ([(b"Host", b"a"), (b"X-Mine", b" b ")], {"host": "a", "x-mine": " b "}),
        # Bytes stay what they were.
        ([(b"Cookie", b"\xe9=\xff")], {"cookie": "\xe9=\xff"}),
        ([(b"X", b"1"), (b"x", b"2"), (b"X", b"")], {"x": "1, 2, "}),
        ([(b"cookie", b"a=1"), (b"Cookie", b"b=2")], {"cookie": "a=1; b=2"}),
        # Which of two hosts would count?
        ([(b"Host", b"a"), (b"host", b"a")], None),
    ],
)
def test_headers_by_their_names(
    lines: list[tuple[bytes, bytes]], headers: dict[str, str] | None
) -> None:
    assert read_headers(lines) == headers


def test_what_clients_have_in_common_is_there_once() -> None:
    lines = HeaderLines()

    def again(name: bytes, value: bytes) -> bool:
        # Made anew each time, as of each read.
        first, second = (lines[bytes(bytearray(name)), bytes(bytearray(value))] for _ in range(2))
        assert first == second
        return first[1] is second[1]

    assert again(b"User-Agent", b"Mozilla/5.0")
    assert again(b"user-agent", b"Mozilla/5.0")
    assert not again(b"Cookie", b"secret")
    assert not again(b"Sec-WebSocket-Key", b"different")
    assert not again(b"User-Agent", b"x" * 257)
    assert len(lines) == 2
    for number in range(3 * MOST_LINES):
        lines[b"Host", b"%d" % number]
        assert len(lines) <= MOST_LINES


@pytest.mark.parametrize(
    ("target", "version", "headers", "status"),
    [
        (b"/", "1.1", {"host": "a"}, None),
        (b"/", "1.0", {}, None),
        (b"/", "1.1", {}, 400),
        (b"/", "1.1", {"host": "a b"}, 400),
        (b"/12345678", "1.1", {"host": "a"}, 414),
        (b"/", "1.1", {"host": "a", "x": "y" * 60}, 431),
        (b"/", "2.0", {"host": "a"}, 505),
        (b"/", "1.1", {"host": "a", "content-length": "1" * 16}, None),
        (b"/", "1.1", {"host": "a", "content-length": "1" * 17}, 400),
        (b"/", "1.1", {"host": "a", "content-length": "+1"}, 400),
        (b"/", "1.1", {"host": "a", "transfer-encoding": "Chunked"}, None),
        (b"/", "1.0", {"host": "a", "transfer-encoding": "chunked"}, 501),
        (b"/", "1.1", {"host": "a", "content-encoding": "gzip"}, 415),
        (b"/", "1.1", {"host": "a", "expect": "200-ok"}, 417),
    ],
)
def test_what_cannot_be_served(
    target: bytes, version: str, headers: dict[str, str], status: int | None
) -> None:
    refused = refusal(target, headers, version, HttpLimits(request_line=8, header_block=64), 65)
    assert (None if refused is None else refused[0]) == status


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("http://a/b?c", ("a", "/b?c")),
        ("HTTPS://a:1?c", ("a:1", "/?c")),
        ("http://a", ("a", "/")),
        ("http:///b", None),
        ("http://a b/", None),
        ("*", None),
        ("a:443", None),
    ],
)
def test_a_target_in_absolute_form(target: str, parts: tuple[str, str] | None) -> None:
    assert split_absolute(target) == parts
