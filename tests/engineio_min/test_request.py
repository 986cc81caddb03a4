"""request.py: the target's parts and the query's parameters."""

from __future__ import annotations

import pytest

from engineio_min.errors import Code, RequestRefused
from engineio_min.request import Request, Response


def request(target: str) -> Request:
    return Request("GET", target, {}, "127.0.0.1")


@pytest.mark.parametrize(
    ("target", "path", "query_string"),
    [
        ("/engine.io/", "/engine.io/", ""),
        ("/engine.io/?EIO=4", "/engine.io/", "EIO=4"),
        ("/engine.io/?a=1?b=2", "/engine.io/", "a=1?b=2"),
        ("/?x", "/", "x"),
        ("http://a/engine.io/", "http://a/engine.io/", ""),
    ],
)
def test_the_target_is_split_at_the_first_question_mark(
    target: str, path: str, query_string: str
) -> None:
    found = request(target)
    assert (found.path, found.query_string, found.target) == (path, query_string, target)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("EIO=4&transport=polling", {"EIO": "4", "transport": "polling"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=a", {"": "a"}),
        ("a=b=c", {"a": "b=c"}),
        ("&&a=1&", {"a": "1"}),
        ("a=1&a=2", {"a": "2"}),
        ("a+b=c+d", {"a b": "c d"}),
        ("%E2%82%AC=%41", {"€": "A"}),
        ("a=%zz", {"a": "%zz"}),
        ("a=%ff", {"a": "\ufffd"}),
        ("__proto__=1&constructor=2", {"__proto__": "1", "constructor": "2"}),
        ("a;b=1", {"a;b": "1"}),
    ],
)
def test_query(query: str, expected: dict[str, str]) -> None:
    assert request(f"/?{query}").query == expected


@pytest.mark.parametrize(
    "query",
    [
        "sid=a&sid=b",
        "sid=a&sid=a",
        "transport=polling&transport=websocket",
        "EIO=4&EIO=3",
        "sid=a&s%69d=b",
        "sid=&sid=",
    ],
)
def test_a_parameter_that_decides_may_not_be_repeated(query: str) -> None:
    with pytest.raises(RequestRefused, match="is repeated") as error:
        _ = request(f"/?{query}").query
    assert error.value.code is Code.BAD_REQUEST
    assert error.value.status == 400


def test_a_response_has_defaults() -> None:
    response = Response()
    assert (response.status, response.body, list(response.headers)) == (200, b"", [])
