"""forwarding.py: what is believed of the headers that proxies write."""

from __future__ import annotations

import pytest

from engineio_min.errors import UsageError
from engineio_min.forwarding import TrustedProxies
from engineio_min.request import Request
from tests.engineio_min.harness import POLLING, Harness, serving
from tests.waiting import until

PROXY = "10.0.0.1"


def request(peer: str = PROXY, **headers: str) -> Request:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/", {"host": "inner:3000", **fields}, peer)


def told(request: Request) -> tuple[str, str, bool]:
    return request.client, request.host, request.secure


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (PROXY, "inner:3000", False)),
        (
            {
                "x_forwarded_for": "203.0.113.9",
                "x_forwarded_host": "site.example:8080",
                "x_forwarded_proto": "https",
            },
            ("203.0.113.9", "site.example:8080", True),
        ),
        (
            {"forwarded": 'for=203.0.113.9;host="site.example:8080";proto=HTTPS'},
            ("203.0.113.9", "site.example:8080", True),
        ),
        ({"forwarded": 'For="[2001:db8::1]:4711"'}, ("2001:db8::1", "inner:3000", False)),
        # What is not said stays as it is.
        ({"x_forwarded_proto": "wss"}, (PROXY, "inner:3000", True)),
        ({"x_forwarded_host": "site.example"}, (PROXY, "site.example", False)),
        ({"x_forwarded_for": "203.0.113.9"}, ("203.0.113.9", "inner:3000", False)),
        ({"x_forwarded_for": "203.0.113.9:4711"}, ("203.0.113.9", "inner:3000", False)),
        ({"x_forwarded_for": "2001:db8::1"}, ("2001:db8::1", "inner:3000", False)),
        ({"x_forwarded_for": "::ffff:203.0.113.9"}, ("203.0.113.9", "inner:3000", False)),
        # What a client wrote is left of what the proxy added.
        ({"x_forwarded_for": "1.1.1.1, 203.0.113.9"}, ("203.0.113.9", "inner:3000", False)),
        (
            {"x_forwarded_for": "203.0.113.9", "x_forwarded_host": "forged, site.example"},
            ("203.0.113.9", "site.example", False),
        ),
        (
            {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https, http"},
            ("203.0.113.9", "inner:3000", False),
        ),
        ({"forwarded": "for=1.1.1.1, for=203.0.113.9"}, ("203.0.113.9", "inner:3000", False)),
        # Two proxies, one behind the other: the outer one knows.
        (
            {
                "x_forwarded_for": "203.0.113.9, 10.0.0.2",
                "x_forwarded_host": "site.example, inner",
                "x_forwarded_proto": "https, http",
            },
            ("203.0.113.9", "site.example", True),
        ),
        (
            {
                "x_forwarded_for": "203.0.113.9, 10.0.0.2",
                "x_forwarded_host": "site.example",
                "x_forwarded_proto": "https",
            },
            ("203.0.113.9", "site.example", True),
        ),
        (
            {"forwarded": "for=203.0.113.9;proto=https;host=a, for=10.0.0.2;proto=http;host=b"},
            ("203.0.113.9", "a", True),
        ),
        # A client inside.
        ({"x_forwarded_for": "10.0.0.7, 10.0.0.2"}, ("10.0.0.7", "inner:3000", False)),
        # Both headers, of one opinion or with one that names nobody.
        (
            {"x_forwarded_for": "203.0.113.9", "forwarded": "for=203.0.113.9;proto=https"},
            ("203.0.113.9", "inner:3000", False),
        ),
        (
            {"x_forwarded_for": "203.0.113.9", "forwarded": "for=unknown;proto=https"},
            ("203.0.113.9", "inner:3000", False),
        ),
        ({"x_forwarded_for": "", "forwarded": "for=_a"}, (PROXY, "inner:3000", False)),
        # What cannot be read.
        ({"x_forwarded_for": "unknown"}, (PROXY, "inner:3000", False)),
        ({"x_forwarded_for": "203.0.113.9, x"}, (PROXY, "inner:3000", False)),
        ({"forwarded": "for"}, (PROXY, "inner:3000", False)),
        ({"forwarded": 'for="1.1.1.1'}, (PROXY, "inner:3000", False)),
        ({"forwarded": r'for="203.0.113.9";by="a\"b,c;d"'}, ("203.0.113.9", "inner:3000", False)),
        ({"x_forwarded_host": "a b"}, (PROXY, "inner:3000", False)),
        ({"x_forwarded_host": "user@a"}, (PROXY, "inner:3000", False)),
        ({"x_forwarded_host": ""}, (PROXY, "inner:3000", False)),
        ({"x_forwarded_proto": "gopher"}, (PROXY, "inner:3000", False)),
    ],
)
def test_what_a_trusted_proxy_says(
    headers: dict[str, str], expected: tuple[str, str, bool]
) -> None:
    forwarded = request(**headers)
    proxies = TrustedProxies(["10.0.0.0/8"])
    # Twice: a head that is known again is judged again.
    for _ in range(2):
        assert proxies.apply(forwarded)
        assert told(forwarded) == expected
        assert forwarded.peer == PROXY


@pytest.mark.parametrize("peer", ["203.0.113.1", "::1", "testclient", ""])
def test_nobody_else_is_believed(peer: str) -> None:
    forged = request(peer, x_forwarded_for="1.1.1.1", forwarded="for=2.2.2.2;host=a;proto=https")
    assert TrustedProxies(["10.0.0.0/8"]).apply(forged)
    assert told(forged) == (peer, "inner:3000", False)


def test_two_headers_that_contradict_each_other_are_not_believed() -> None:
    forged = request(x_forwarded_for="203.0.113.9", forwarded="for=1.1.1.1;host=a;proto=https")
    assert not TrustedProxies([PROXY]).apply(forged)
    assert told(forged) == (PROXY, "inner:3000", False)


def test_a_unix_socket_is_named() -> None:
    forwarded = request("", x_forwarded_for="203.0.113.9")
    assert TrustedProxies(["unix:"]).apply(forwarded)
    assert told(forwarded) == ("203.0.113.9", "inner:3000", False)


@pytest.mark.parametrize("proxies", ["10.0.0.1", ["10.0.0.1/8"], ["proxy.example"], [""]])
def test_what_is_no_network_is_refused(proxies: str | list[str]) -> None:
    with pytest.raises(UsageError, match=r"^trusted_proxies: got '"):
        TrustedProxies(proxies)


# --- on the wire

FORWARDED = {
    "Host": "inner",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "site.example:8080",
    "X-Forwarded-Proto": "https",
    "Origin": "https://site.example:8080",
}


async def test_a_page_behind_a_trusted_proxy() -> None:
    async with serving(trusted_proxies=["127.0.0.1"], max_connections_per_address=1) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", POLLING, FORWARDED)
        assert response.status == 200
        first = harness.connection
        assert told(first.request) == ("203.0.113.9", "site.example:8080", True)
        # A head that is known again, and the limit of the client's address.
        for _ in range(3):
            response = await wire.request("POST", f"{POLLING}&sid={first.sid}", FORWARDED, b"4a")
            assert response.status == 200
        assert (await wire.request("GET", POLLING, FORWARDED)).status == 429
        other = {**FORWARDED, "X-Forwarded-For": "203.0.113.10"}
        assert (await wire.request("GET", POLLING, other)).status == 200
        assert len(harness.server.pollers) == 1


async def test_contradictions_are_told(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(trusted_proxies=["127.0.0.1"]) as harness:
        headers = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.10"}
        assert (await harness.request("GET", POLLING, headers)).status == 200
        assert harness.connection.request.client == "127.0.0.1"
    assert caplog.messages == [
        "X-Forwarded-For and Forwarded name different clients, so neither is believed: let the "
        "proxy remove the one that it does not set"
    ]


async def test_a_pages_loop_is_told_once_and_leaves_no_sessions(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    """The GET of a page to its own host has no Origin; the proxy has changed Host."""
    origin = {"Origin": "http://site.example:8080"}
    for _ in range(3):
        poller = await harness.poller()
        response = await poller.post("40", origin)
        assert (response.status, response.json["message"]) == (403, "Origin not allowed")
        await until(lambda: not harness.server.sessions)
    assert harness.closed == ["transport error"] * 3
    assert caplog.messages == [
        "a page opens sessions and may not use them, over and over: its GETs come without an "
        "Origin, its POSTs come from 'http://site.example:8080' while Host is 'localhost'. "
        "If a proxy changes Host, let it pass on the browser's (nginx: proxy_set_header Host "
        "$http_host;) or send it as X-Forwarded-Host, with the option trusted_proxies=['127.0.0.1']"
        "; if the page is another host's, the option cors=['http://site.example:8080'] allows it"
    ]
