"""options.py: the official defaults, and values that cannot be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engineio_min import Server
from engineio_min.cors import CorsOptions
from engineio_min.errors import UsageError
from engineio_min.options import CookieOptions, ServerOptions
from engineio_min.protocol.session import Timing


def test_the_defaults_are_the_official_ones() -> None:
    options = ServerOptions()
    assert options.path == "/engine.io/"
    assert options.ping_interval == 25
    assert options.ping_timeout == 20
    assert options.upgrade_timeout == 10
    assert options.max_http_buffer_size == 1_000_000
    assert list(options.transports) == ["polling", "websocket"]
    assert options.upgrades == ["websocket"]
    assert options.cors is None
    assert options.cookie is False
    assert options.http_compression == 1024
    assert options.per_message_deflate is False


def test_the_session_gets_its_part() -> None:
    options = ServerOptions(
        ping_interval=0.3, ping_timeout=0.2, upgrade_timeout=0.1, max_buffered=7
    )
    assert options.timing == Timing(
        ping_interval=0.3, ping_timeout=0.2, upgrade_timeout=0.1, close_timeout=30.0, max_buffered=7
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/engine.io", "/engine.io/"), ("/a/b/", "/a/b/"), ("/", "/"), ("/a//", "/a/")],
)
def test_the_path_ends_with_one_slash(path: str, expected: str) -> None:
    assert ServerOptions(path=path).path == expected


@pytest.mark.parametrize(
    ("transports", "allow_upgrades", "upgrades"),
    [
        (("polling", "websocket"), True, ["websocket"]),
        (("websocket", "polling"), True, ["websocket"]),
        (("polling", "websocket"), False, []),
        (("polling",), True, []),
        (("websocket",), True, ["websocket"]),
    ],
)
def test_upgrades(transports: tuple[str, ...], allow_upgrades: bool, upgrades: list[str]) -> None:
    assert ServerOptions(transports=transports, allow_upgrades=allow_upgrades).upgrades == upgrades


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "engine.io"}, "path: got 'engine.io', expected a path that starts with \"/\""),
        ({"ping_interval": 0}, "ping_interval: got 0, expected a number above 0"),
        ({"ping_timeout": -1.5}, "ping_timeout: got -1.5, expected a number above 0"),
        ({"ping_interval": math.inf}, "ping_interval: got inf, expected a number above 0"),
        ({"ping_timeout": math.nan}, "ping_timeout: got nan, expected a number above 0"),
        ({"max_packets": 0}, "max_packets: got 0, expected a number above 0"),
        ({"max_buffered": -1}, "max_buffered: got -1, expected a number above 0"),
        ({"upgrade_timeout": "10"}, "upgrade_timeout: got '10', expected a number above 0"),
        ({"max_text_size": 0}, "max_text_size: got 0, expected at least 1, or None"),
        ({"max_http_buffer_size": True}, "max_http_buffer_size: got True, expected a number"),
        ({"path": None}, "path: got None, expected a path"),
        ({"transports": ()}, 'transports: got (), expected "polling", "websocket" or both'),
        ({"transports": None}, 'transports: got None, expected "polling", "websocket" or both'),
        ({"transports": "polling"}, "transports: got 'polling', expected \"polling\""),
        (
            {"transports": ["polling", "webtransport"]},
            "transports: got ['polling', 'webtransport'], expected \"polling\", \"websocket\"",
        ),
        ({"allow_upgrades": "no"}, "allow_upgrades: got 'no', expected True or False"),
        ({"cookie": "io"}, "cookie: got a value of type str, expected True, False, or"),
        ({"cookie": None}, "cookie: got a value of type NoneType, expected True"),
        ({"http_compression": False}, "http_compression: got False, expected a number of bytes"),
        ({"http_compression": "1"}, "http_compression: got '1', expected a number of bytes"),
        ({"http_compression": -1}, "http_compression: got -1, expected a number of bytes"),
        ({"per_message_deflate": None}, "per_message_deflate: got None, expected True, False"),
        ({"per_message_deflate": -1}, "per_message_deflate: got -1, expected True, False"),
        ({"allow_request": True}, "allow_request: got True, expected a function, or None"),
        ({"headers": {"a": "b"}}, "headers: got {'a': 'b'}, expected a function, or None"),
        ({"max_connections": "5"}, "max_connections: got '5', expected at least 1, or None"),
        ({"max_connections": 0}, "max_connections: got 0, expected at least 1, or None"),
        ({"cors": "http://a.com/"}, "cors: got the origin 'http://a.com/'"),
        ({"cors": {"origin": "*"}}, "cors: got {'origin': '*'}, expected an origin, several, or"),
        ({"cors": 5}, "cors: got 5, expected an origin, several, or CorsOptions(origin="),
        ({"cors": ["*", 5]}, "cors: got the origin 5, expected a str"),
    ],
)
def test_a_value_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        ServerOptions(**options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pingInterval", "expected ping_interval"),
        ("maxHttpBufferSize", "expected max_http_buffer_size"),
        ("pinginterval", "expected ping_interval"),
        ("logger", "expected one of address, allow_request, allow_upgrades, connection_error"),
    ],
)
def test_an_unknown_option_is_refused_and_its_name_told(name: str, expected: str) -> None:
    options: Any = {name: 5}
    with pytest.raises(UsageError) as error:
        Server(**options)
    assert str(error.value).startswith(f"got the option '{name}', which does not exist: {expected}")


def test_cors_is_read() -> None:
    assert ServerOptions(cors="*").cors == CorsOptions(origin="*")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": None}, 'path: got None, expected a path that starts with "/"'),
        ({"path": "a"}, "path: got 'a', expected a path that starts with \"/\""),
        ({"path": True}, 'path: got True, expected a path that starts with "/"'),
        (
            {"same_site": "Lax"},
            'same_site: got \'Lax\', expected "strict", "lax", "none" or False',
        ),
        ({"same_site": 0}, 'same_site: got 0, expected "strict", "lax", "none" or False'),
    ],
)
def test_a_cookie_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        CookieOptions(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"path": False}, "io=SID; HttpOnly; SameSite=Lax"),
        ({"same_site": False}, "io=SID; Path=/; HttpOnly"),
        ({}, "io=SID; Path=/; HttpOnly; SameSite=Lax"),
        (
            {
                "name": "sticky",
                "path": "/a",
                "http_only": False,
                "same_site": "none",
                "secure": True,
            },
            "sticky=SID; Path=/a; Secure; SameSite=None",
        ),
        (
            {"max_age": 86_400, "domain": "example.com", "same_site": "strict"},
            "io=SID; Max-Age=86400; Domain=example.com; Path=/; HttpOnly; SameSite=Strict",
        ),
    ],
)
def test_cookie_header(options: dict[str, Any], header: str) -> None:
    assert CookieOptions(**options).header("SID") == header


@pytest.mark.parametrize(("text", "limit"), [(None, 1_000), (100, 100), (5_000, 1_000)])
def test_text_has_at_most_the_limit_of_every_message(text: int | None, limit: int) -> None:
    assert ServerOptions(max_http_buffer_size=1_000, max_text_size=text).text_limit == limit


@pytest.mark.parametrize("node", ["N", "N12", "N ", "N%", "Nä", "N\n", None, 12])
def test_a_node_is_two_characters_of_an_id(node: Any) -> None:
    with pytest.raises(UsageError, match=r"node: got .*, expected 2 characters"):
        ServerOptions(node=node)


def test_a_node_and_ids_that_do_not_name_it() -> None:
    assert ServerOptions(node="N1").node == "N1"
    with pytest.raises(UsageError, match="node: got generate_id as well"):
        ServerOptions(node="N1", generate_id=lambda _: "id")
