"""The options of a client: what they become, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engineio_min import Client, ClientOptions, UsageError


def test_the_defaults_are_those_of_the_official_client() -> None:
    options = ClientOptions()
    assert options.path == "/engine.io/"
    assert list(options.transports) == ["polling", "websocket"]
    assert options.timeout == 20.0
    assert options.upgrade
    assert not options.try_all_transports


@pytest.mark.parametrize(
    ("given", "path"), [("/", "/"), ("/a", "/a/"), ("/a/", "/a/"), ("/a/b//", "/a/b/")]
)
def test_a_path_ends_with_one_slash(given: str, path: str) -> None:
    assert ClientOptions(path=given).path == path


@pytest.mark.parametrize(
    ("setting", "threshold"), [(False, None), (True, 1024), (1, 1), (5000, 5000), (0, 0)]
)
def test_the_threshold_of_compression(setting: bool | int, threshold: int | None) -> None:
    assert ClientOptions(per_message_deflate=setting).deflate_threshold == threshold


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "socket.io"}, "path: got 'socket.io'"),
        ({"path": "/a b"}, "path: "),
        ({"path": "/a\r\nb"}, "path: "),
        ({"transports": []}, "transports: "),
        ({"transports": "polling"}, "transports: "),
        ({"transports": ["webtransport"]}, "transports: "),
        ({"transports": None}, "transports: "),
        ({"path": None}, "path: got None"),
        ({"upgrade": "no"}, "upgrade: got 'no', expected True or False"),
        ({"ssl": True}, "ssl: got a value of type bool, expected an ssl.SSLContext"),
        ({"query": "a=b"}, "query: got a value of type str, expected a dict"),
        (
            {"extra_headers": [("a", "b")]},
            "extra_headers: got a value of type list, expected a dict",
        ),
        ({"per_message_deflate": "yes"}, "per_message_deflate: got 'yes', expected True, False"),
        ({"maxPostPackets": 1}, "got the option 'maxPostPackets', .* expected max_post_packets"),
        ({"timeout": 0}, "timeout: got 0, expected a number above 0"),
        ({"timeout": math.nan}, "timeout: got nan, expected a number above 0"),
        ({"upgrade_timeout": -1}, "upgrade_timeout: "),
        ({"close_timeout": None}, "close_timeout: "),
        ({"max_receive_size": True}, "max_receive_size: "),
        ({"max_post_packets": 0}, "max_post_packets: "),
        ({"max_packets": "1"}, "max_packets: "),
        ({"extra_headers": {"a": "b\r\nc: d"}}, "got the header 'a'"),
        ({"extra_headers": {"a:": "b"}}, "got the header 'a:'"),
        ({"extra_headers": {"": "b"}}, "got the header ''"),
        ({"extra_headers": {"a": "日本"}}, "got the header 'a'"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Client("http://localhost", **options)
