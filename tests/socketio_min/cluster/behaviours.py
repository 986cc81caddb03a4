"""What members of a cluster do for each other, whatever the wire: each over every ordered pair."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.socketio_min.cluster.clusters import Cluster, Peer
from tests.waiting import PATIENCE

Behaviour = Callable[[Cluster], Awaitable[None]]

VALUES: list[Any] = [
    None,
    True,
    -1,
    2**53 - 1,
    2**40,
    1.5,
    "",
    "ä€😀\u0000",
    [],
    {},
    [[1], {"a": {"b": []}}],
    b"",
    b"\x00\xff",
    {"file": b"abc", "more": [b"d"]},
]


async def reach(cluster: Cluster, a: Peer, room: str, expected: list[Peer]) -> None:
    """Wait until what `a` sends to a room reaches these.

    Node.js does even its own part when its message returns, and rooms with channels of their own
    are reached when Redis has heard of them.
    """
    names = " ".join(sorted(peer.name for peer in expected))
    ids = sorted(peer.id for peer in expected)
    async with asyncio.timeout(PATIENCE):
        while sorted(one["id"] for one in await a.call("fetch", room)) != ids:
            pass
        a.emit("fan", [room], [], room)
        while await cluster.told(a, ("fan", room)) != names:
            a.emit("fan", [room], [], room)


async def events_reach_all(cluster: Cluster) -> None:
    for a, b, _ in cluster.pairs():
        a.emit("fan", [], [], [a.name, b.name])
        assert await cluster.told(a, ("fan", [a.name, b.name])) == "node one two"


async def events_reach_rooms(cluster: Cluster) -> None:
    for number, (a, b, c) in enumerate(cluster.pairs()):
        # Of their own: node-redis loses the subscription of a channel that is left and joined.
        red, blue = f"red {number}", f"blue {number}"
        await b.call("join", [red, blue])
        await c.call("join", blue)
        await reach(cluster, a, red, [b])
        await reach(cluster, a, blue, [b, c])
        for rooms, except_, expected in (
            ([red], [], [b]),
            ([red, blue], [], [b, c]),
            ([blue], [red], [c]),
            (["nobody"], [], []),
            ([b.id], [], [b]),
            ([], [b.id], [a, c]),
            ([], [blue], [a]),
        ):
            a.emit("fan", rooms, except_, 1)
            names = " ".join(sorted(peer.name for peer in expected))
            assert await cluster.told(a, ("fan", 1)) == names, (rooms, except_)
        await b.call("leave", red)
        a.emit("fan", [red], [], 1)
        assert await cluster.told(a, ("fan", 1)) == ""


async def a_sender_leaves_itself_out(cluster: Cluster) -> None:
    for peer in cluster.peers:
        await peer.call("join", "all")
    for a, b, c in cluster.pairs():
        await reach(cluster, a, "all", cluster.peers)
        a.emit("others", "all", 1)
        assert await cluster.told(a, ("fan", 1)) == " ".join(sorted((b.name, c.name)))


async def local_events_stay(cluster: Cluster) -> None:
    for a in cluster.peers:
        a.emit("fan-local", 1)
        assert await cluster.told(a, ("fan", 1)) == a.name


async def values_are_the_same_everywhere(cluster: Cluster) -> None:
    for a in cluster.peers:
        for value in VALUES:
            a.emit("fan", [], [], value)
        for events in (await cluster.heard(a)).values():
            assert events == [("fan", value) for value in VALUES], (a.name, events)
        for value in VALUES:
            a.emit("others", a.name, value)
            a.emit("fan", [cluster.peers[0].id], [], value)
        heard = await cluster.heard(a)
        assert heard[cluster.peers[0].name] == [("fan", value) for value in VALUES]


async def events_keep_their_order(cluster: Cluster) -> None:
    for peer in cluster.peers:
        await peer.call("join", ["odd", "all"])
    for a in cluster.peers:
        await reach(cluster, a, "odd", cluster.peers)
        for number in range(60):
            rooms: list[str] = [["odd"], [], ["odd", "all"]][number % 3]
            a.emit("fan", rooms, [], number)
        for events in (await cluster.heard(a)).values():
            assert events == [("fan", number) for number in range(60)]


async def sockets_are_fetched(cluster: Cluster) -> None:
    for a, b, _ in cluster.pairs():
        await b.call("data", {"name": b.name, "deep": {"list": [1, None, "ä"]}})
        await b.call("join", "fetched")
        [found] = await a.call("fetch", "fetched")
        assert found["id"] == b.id
        assert found["rooms"] == sorted((b.id, "fetched"))
        assert found["data"] == {"name": b.name, "deep": {"list": [1, None, "ä"]}}
        assert found["query"]["client"] == b.name
        every = await a.call("fetch", "")
        assert sorted(one["id"] for one in every) == sorted(peer.id for peer in cluster.peers)
        await b.call("leave", "fetched")
        assert await a.call("fetch", "fetched") == []


async def sockets_join_and_leave(cluster: Cluster) -> None:
    for number, (a, b, c) in enumerate(cluster.pairs()):
        one, every = f"one {number}", f"every {number}"
        a.emit("rooms-join", b.id, one)
        await reach(cluster, a, one, [b])
        a.emit("rooms-join", "", every)
        await reach(cluster, a, every, [a, b, c])
        a.emit("rooms-leave", c.id, every)
        await reach(cluster, a, every, [a, b])
        a.emit("rooms-leave", "", every)
        await reach(cluster, a, every, [])
        a.emit("rooms-leave", one, one)
        await reach(cluster, a, one, [])


async def sockets_are_asked(cluster: Cluster) -> None:
    for peer in cluster.peers:
        await peer.call("join", "all")
    for a, b, _ in cluster.pairs():
        answer = await a.call("ask", "", {"x": [b"1"]}, 10_000)
        assert list(answer) == ["ok"], answer
        names = sorted(name for name, payload in answer["ok"] if payload == {"x": [b"1"]})
        assert names == ["node", "one", "two"]
        assert await a.call("ask", b.id, 1, 10_000) == {"ok": [[b.name, 1]]}
        assert await a.call("ask", "nobody", 1, 10_000) == {"ok": []}
    for b in cluster.peers:
        b.answer = None
        others = [peer for peer in cluster.peers if peer is not b]
        # The second time is for a machine that is too busy for the first one.
        for wait in (200, 5_000):
            # Both at once: each takes its time.
            answers = await asyncio.gather(*(a.call("ask", "all", 1, wait) for a in others))
            if all(len(answer["responses"]) == len(others) for answer in answers):
                break
        b.answer = b.name
        for answer in answers:
            assert answer["error"] == "timeout"
            assert sorted(answer["responses"]) == sorted([peer.name, 1] for peer in others)


async def servers_tell_each_other(cluster: Cluster) -> None:
    for a, b, c in cluster.pairs():
        a.emit("sse", {"n": [1, "ä", None]})
        for peer in (b, c):
            assert ("heard", {"n": [1, "ä", None]}) in [
                *await peer.until_event("heard", {"n": [1, "ä", None]}),
                ("heard", {"n": [1, "ä", None]}),
            ]
        answers = await a.call("sse-ack", 7)
        assert [one["payload"] for one in answers["ok"]] == [7, 7]
        assert len({one["from"] for one in answers["ok"]}) >= 1
        for peer in (b, c):
            await peer.until_event("heard", 7)
        assert a.events == []


async def sockets_are_disconnected(cluster: Cluster) -> None:
    node, one, two = cluster.peers
    node.emit("kick", one.id, False)
    assert await one.ended() == "io server disconnect"
    two.emit("kick", node.id, True)
    await node.ended()
    assert [found["id"] for found in await two.call("fetch", "")] == [two.id]


BEHAVIOURS: tuple[Behaviour, ...] = (
    events_reach_all,
    events_reach_rooms,
    a_sender_leaves_itself_out,
    local_events_stay,
    values_are_the_same_everywhere,
    events_keep_their_order,
    sockets_are_fetched,
    sockets_join_and_leave,
    sockets_are_asked,
    servers_tell_each_other,
    sockets_are_disconnected,
)
