"""slots.py: where the keys of a Redis Cluster are."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min.cluster.redis.slots import (
    Node,
    Redirection,
    Shard,
    read_redirection,
    read_shards,
    slot_of,
)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("", 0),
        ("123456789", 12739),
        (b"foo", 12182),
        (1, 9842),
        ("{foo}.bar", 12182),
        ("x{foo}{bar}", 12182),
        ("{}foo", 9500),
        ("foo{", 7673),
        ("a{{foo}}", 13308),
    ],
)
def test_slots(key: str | bytes | int, slot: int) -> None:
    assert slot_of(key) == slot


def test_shards() -> None:
    reply = [[0, 5, [b"10.0.0.1", 7000, b"id", []], [b"", 7001, b"id"]], [6, 16383, [None, 7002]]]
    assert read_shards(reply, "here") == [
        Shard(0, 5, Node("10.0.0.1", 7000), (Node("here", 7001),)),
        Shard(6, 16383, Node("here", 7002), ()),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        1,
        [1],
        [[0, 1]],
        [[0, 1, [b"a"]]],
        [[0, 1, [b"\xff", 1]]],
        [[5, 1, [b"a", 1]]],
        [["x"]],
    ],
)
def test_what_is_no_map_of_slots_is_refused(reply: Any) -> None:
    with pytest.raises(ValueError, match="from CLUSTER SLOTS"):
        read_shards(reply, "here")


@pytest.mark.parametrize(
    ("error", "redirection"),
    [
        ("MOVED 3999 127.0.0.1:6381", Redirection(Node("127.0.0.1", 6381), moved=True)),
        ("MOVED 3999 :6381", Redirection(Node("here", 6381), moved=True)),
        ("MOVED 3999 ::1:6381", Redirection(Node("::1", 6381), moved=True)),
        ("ASK 3999 a:6381", Redirection(Node("a", 6381), moved=False)),
        ("CLUSTERDOWN The cluster is down", Redirection(None, moved=False)),
        ("LOADING Redis is loading", Redirection(None, moved=False)),
        ("TRYAGAIN Multiple keys", Redirection(None, moved=False)),
        ("MOVED 3999 a:x", None),
        ("MOVED", None),
        ("ERR no", None),
    ],
)
def test_redirections(error: str, redirection: Redirection | None) -> None:
    assert read_redirection(Exception(error), "here") == redirection
