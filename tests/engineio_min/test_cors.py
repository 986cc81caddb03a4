"""cors.py: which origins are allowed and what a browser is told (npm `cors` is the model)."""

from __future__ import annotations

import re

import pytest

from engineio_min.cors import CorsOptions, OriginRule, as_cors, same_origin
from engineio_min.errors import UsageError
from engineio_min.request import Request
from tests.engineio_min.harness import POLLING, WEBSOCKET, Harness, serving
from tests.engineio_min.wire import HANDSHAKE

METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


def request(**headers: str) -> Request:
    return Request(
        "OPTIONS",
        "/",
        {name.replace("_", "-"): value for name, value in headers.items()},
        "127.0.0.1",
    )


# --- rules


@pytest.mark.parametrize(
    ("rule", "origin", "allowed"),
    [
        ("*", "http://anything", True),
        ("http://a.com", "http://a.com", True),
        ("http://a.com", "https://a.com", False),
        ("http://a.com", "http://a.com:8080", False),
        ("http://a.com", "http://a.com.evil.com", False),
        ("http://a.com", "null", False),
        (["http://a.com", "http://b.com"], "http://b.com", True),
        (["http://a.com", "http://b.com"], "http://c.com", False),
        ([], "http://a.com", False),
        (re.compile(r"https://.*\.a\.com"), "https://x.a.com", True),
        (re.compile(r"https://.*\.a\.com"), "https://x.a.com.evil", False),
        (re.compile(r"a\.com"), "https://a.com", False),
        (lambda origin: origin.endswith(":3000"), "http://localhost:3000", True),
        (lambda origin: origin.endswith(":3000"), "http://localhost:3001", False),
        ([re.compile("x"), lambda origin: False, "http://a.com"], "http://a.com", True),
    ],
)
def test_rules(rule: OriginRule | list[OriginRule], origin: str, allowed: bool) -> None:
    assert CorsOptions(origin=rule).allows(origin) is allowed


@pytest.mark.parametrize(
    "origin",
    [
        "a.com",
        "http://a.com/",
        "http://a.com/path",
        "http://a.com?x",
        "http://user@a.com",
        "http://a.com\\b",
        "http://a.com:99999",
        "http://a.com:port",
        "http://a b.com",
        "http://",
        "http://:80",
        "app://:1",
        "http://straße.example",
        "http://" + "ü" * 70,
        "http://a\0b",
        "",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(UsageError) as error:
        CorsOptions(origin=["http://a.com", origin])
    assert str(error.value) == (
        f'cors: got the origin {origin!r}, expected "*", "null" or scheme://host[:port], '
        "without a path, such as 'https://app.example.com'"
    )


@pytest.mark.parametrize(
    ("origin", "pattern", "allowed"),
    [
        ("https://*.a.com", r"https://[^.]+\.a\.com", "https://x.a.com"),
        ("*.a.com", r"https://[^.]+\.a\.com", "https://x.a.com"),
        ("http://a.com:*", r"http://a\.com:[^.]+", "http://a.com:81"),
    ],
)
def test_a_wildcard_is_refused_and_the_pattern_told(
    origin: str, pattern: str, allowed: str
) -> None:
    with pytest.raises(UsageError) as error:
        CorsOptions(origin=origin)
    assert str(error.value) == (
        f'cors: got the origin {origin!r}, where "*" has no meaning: write '
        f're.compile(r"{pattern}") for every host of that form'
    )
    assert CorsOptions(origin=re.compile(pattern)).allows(allowed)
    assert not CorsOptions(origin=re.compile(pattern)).allows(f"{allowed}.evil.example")


@pytest.mark.parametrize(
    ("rule", "origin"),
    [
        ("null", "null"),
        ("file://", "file://"),
        ("https://a.com:443", "https://a.com"),
        ("http://a.com:80", "http://a.com"),
        ("http://a.com:080", "http://a.com"),
        ("http://a.com:0443", "http://a.com:443"),
        ("HTTPS://App.Example.com", "https://app.example.com"),
        ("https://a.com", "https://a.com:443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://192.168.4.1", "http://192.168.4.1"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
        ("vscode-webview://0a1b", "vscode-webview://0a1b"),
    ],
)
async def test_any_origin_that_something_sends_can_be_named(rule: str, origin: str) -> None:
    async with serving(cors=[rule]) as harness:
        response = await harness.request("GET", POLLING, {"Origin": origin})
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    ("rule", "origin"),
    [
        ("null", "file://"),
        ("file://", "null"),
        ("https://a.com:443", "http://a.com"),
        ("https://a.com:443", "http://a.com:443"),
        ("http://a.com:443", "https://a.com"),
        ("http://a.com", "http://a.com/"),
        ("http://a.com", "junk"),
    ],
)
def test_a_rule_allows_nothing_else(rule: str, origin: str) -> None:
    assert not CorsOptions(origin=rule).allows(origin)


def test_as_cors() -> None:
    options = CorsOptions(credentials=True)
    assert as_cors(None) is None
    assert as_cors(options) is options
    assert as_cors("http://a.com") == CorsOptions(origin="http://a.com")
    assert as_cors(["http://a.com"]) == CorsOptions(origin=["http://a.com"])


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://a.com", "a.com", True),
        ("https://A.com", "a.COM", True),
        ("http://a.com:3000", "a.com:3000", True),
        ("http://a.com:3000", "a.com", False),
        ("http://b.com", "a.com", False),
        ("https://a.com", "a.com:443", True),
        ("http://a.com", "a.com:80", True),
        ("https://a.com", "a.com:80", False),
        ("http://a.com", "a.com:443", False),
        ("null", "", False),
        ("null", "null", False),
        ("file://", "", False),
        ("x", "x", False),
    ],
)
def test_same_origin(origin: str, host: str, same: bool) -> None:
    assert same_origin(request(host=host), origin) is same


def test_a_request_without_a_host_has_no_origin_of_its_own() -> None:
    assert not same_origin(request(), "null")


# --- headers


@pytest.mark.parametrize(
    ("options", "origin", "expected"),
    [
        (CorsOptions(), "http://a.com", [("Access-Control-Allow-Origin", "*")]),
        (CorsOptions(), None, [("Access-Control-Allow-Origin", "*")]),
        (
            CorsOptions(origin="http://a.com"),
            "http://a.com",
            [("Access-Control-Allow-Origin", "http://a.com"), ("Vary", "Origin")],
        ),
        (CorsOptions(origin="http://a.com"), None, [("Vary", "Origin")]),
        (
            CorsOptions(credentials=True, exposed_headers=["X-A", "X-B"]),
            "http://a.com",
            [
                ("Access-Control-Allow-Origin", "http://a.com"),
                ("Vary", "Origin"),
                ("Access-Control-Allow-Credentials", "true"),
                ("Access-Control-Expose-Headers", "X-A,X-B"),
            ],
        ),
    ],
)
def test_response_headers(
    options: CorsOptions, origin: str | None, expected: list[tuple[str, str]]
) -> None:
    assert options.response_headers(origin) == expected


@pytest.mark.parametrize(
    ("options", "headers", "expected"),
    [
        (
            CorsOptions(),
            {},
            [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", METHODS),
                ("Vary", "Access-Control-Request-Headers"),
            ],
        ),
        (
            CorsOptions(),
            {"access_control_request_headers": "x-token"},
            [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", METHODS),
                ("Vary", "Access-Control-Request-Headers"),
                ("Access-Control-Allow-Headers", "x-token"),
            ],
        ),
        (
            CorsOptions(methods=["GET", "POST"], allowed_headers=["X-A", "X-B"], max_age=600),
            {"access_control_request_headers": "x-token"},
            [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", "GET,POST"),
                ("Access-Control-Allow-Headers", "X-A,X-B"),
                ("Access-Control-Max-Age", "600"),
            ],
        ),
    ],
)
def test_preflight_headers(
    options: CorsOptions, headers: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert options.preflight_headers(request(**headers)) == expected


# --- on the wire

ALLOWED = "http://allowed.example"
FOREIGN = "http://foreign.example"


def allowed_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control")}


async def test_without_cors_a_preflight_is_a_bad_handshake_method(harness: Harness) -> None:
    response = await harness.request("OPTIONS", POLLING)
    assert response.text == '{"code":2,"message":"Bad handshake method"}'
    assert allowed_headers(response.headers) == {}


async def test_any_origin() -> None:
    async with serving(cors="*") as harness:
        preflight = await harness.request(
            "OPTIONS", POLLING, {"Origin": FOREIGN, "Access-Control-Request-Headers": "x-a"}
        )
        assert preflight.status == 204
        assert preflight.body == b""
        assert allowed_headers(preflight.headers) == {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": "x-a",
        }
        assert preflight.headers["vary"] == "Access-Control-Request-Headers"
        poller = await harness.poller()
        responses = [
            poller.handshake,
            await poller.post("4a"),
            await poller.get(),
            await harness.request("GET", f"{POLLING}&sid=unknown"),
            await harness.request("GET", WEBSOCKET, HANDSHAKE),
        ]
        assert [response.status for response in responses] == [200, 200, 200, 400, 101]
        for response in responses:
            assert allowed_headers(response.headers) == {"access-control-allow-origin": "*"}


async def test_one_origin_with_credentials() -> None:
    cors = CorsOptions(origin=ALLOWED, credentials=True)
    expected = {
        "access-control-allow-origin": ALLOWED,
        "access-control-allow-credentials": "true",
    }
    async with serving(cors=cors) as harness:
        preflight = await harness.request("OPTIONS", POLLING, {"Origin": ALLOWED})
        assert preflight.status == 204
        assert preflight.headers["vary"] == "Origin, Access-Control-Request-Headers"
        assert preflight.headers["access-control-allow-origin"] == ALLOWED
        poller = await harness.poller()
        for method, target, headers, status in (
            ("GET", POLLING, {}, 200),
            ("GET", poller.target + "x", {}, 400),
            ("GET", WEBSOCKET, HANDSHAKE, 101),
        ):
            response = await harness.request(method, target, {**headers, "Origin": ALLOWED})
            assert response.status == status
            assert allowed_headers(response.headers) == expected
            assert response.headers["vary"] == "Origin"


async def test_a_foreign_origin_is_told_nothing_about_the_allowed_one() -> None:
    async with serving(cors=[ALLOWED]) as harness:
        for method in ("OPTIONS", "GET"):
            response = await harness.request(method, POLLING, {"Origin": FOREIGN})
            assert response.status == 403
            assert response.json["code"] == 4
            assert allowed_headers(response.headers) == {}
            assert response.headers["vary"] == "Origin"


async def test_the_own_origin_stays_allowed_beside_others() -> None:
    async with serving(cors=[ALLOWED]) as harness:
        response = await harness.request("GET", POLLING, {"Origin": "http://localhost"})
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "http://localhost"


async def test_a_request_without_an_origin_needs_no_cors_headers_but_vary() -> None:
    async with serving(cors=[ALLOWED]) as harness:
        response = await harness.request("GET", POLLING)
        assert response.status == 200
        assert allowed_headers(response.headers) == {}
        assert response.headers["vary"] == "Origin"


async def test_a_preflight_without_an_origin_is_answered() -> None:
    async with serving(cors=FOREIGN) as harness:
        response = await harness.request("OPTIONS", POLLING)
        assert response.status == 204
        assert response.headers["vary"] == "Origin, Access-Control-Request-Headers"
