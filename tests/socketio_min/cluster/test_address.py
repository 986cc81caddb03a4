"""address.py: what URLs of Redis mean."""

from __future__ import annotations

import ssl

import pytest

from socketio_min import UsageError
from socketio_min.cluster.redis.address import Address, parse_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://a", Address(hosts=(("a", 6379),))),
        ("redis://127.0.0.1:1234/3", Address(hosts=(("127.0.0.1", 1234),), database=3)),
        ("redis://[::1]:1", Address(hosts=(("::1", 1),))),
        ("redis://:p%40ss@a", Address(hosts=(("a", 6379),), password="p@ss")),
        ("redis://ann:x@a/", Address(hosts=(("a", 6379),), username="ann", password="x")),
        ("unix:///run/redis.sock", Address(path="/run/redis.sock")),
        (
            "unix://:x@/run/redis.sock?db=2",
            Address(path="/run/redis.sock", password="x", database=2),
        ),
        (
            "redis+sentinel://:x@a,b:1/main/4",
            Address(hosts=(("a", 26379), ("b", 1)), service="main", password="x", database=4),
        ),
        (
            "redis+cluster://:x@a,b:1/0",
            Address(hosts=(("a", 6379), ("b", 1)), password="x", cluster=True),
        ),
    ],
)
def test_urls(url: str, address: Address) -> None:
    assert parse_url(url) == address


def test_tls() -> None:
    assert isinstance(parse_url("rediss://a").tls, ssl.SSLContext)
    own = ssl.create_default_context()
    assert parse_url("rediss://a", own).tls is own
    assert parse_url("redis://a", own).tls is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://a",
        "redis+other://a",
        "redis://",
        "redis://a,b",
        "redis://a:x",
        "redis://a/x",
        "redis://a/²",
        "unix://",
        "redis+sentinel://a",
        "redis+cluster://a,",
        "redis+cluster://a/1",
        "redis+sentinel://a,,b/main",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"as the URL of Redis.*expected redis://"):
        parse_url(url)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="got None as the URL of Redis"):
        parse_url(None)  # type: ignore[arg-type]


def test_a_password_is_shown_nowhere() -> None:
    with pytest.raises(UsageError) as error:
        parse_url("redis://ann:secret@a/x")
    assert "secret" not in str(error.value)
    address = parse_url("redis://ann:secret@a")
    assert "secret" not in f"{address!r} {address}"


def test_addresses_name_themselves() -> None:
    assert str(parse_url("redis://a")) == "a:6379"
    assert str(parse_url("redis+cluster://a,b:1")) == "the cluster of a:6379,b:1"
    assert str(parse_url("unix:///run/redis.sock")) == "/run/redis.sock"
    assert str(parse_url("redis+sentinel://a,b/main")) == "main of a:26379,b:26379"
