"""cluster_link.py and node_link.py: nodes that answer what a test says, for what is rare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import hiredis
import pytest

from socketio_min.cluster.redis import link as link_module
from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.cluster_link import ClusterLink
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import encode_command
from tests.waiting import eventually as until

Answer = Callable[[list[bytes]], bytes | None]
OK, NO_ANSWER = b"+OK\r\n", None


class Node:
    """A node that knows HELLO, PING and CLUSTER SLOTS; `answer` says the rest, if it does."""

    def __init__(self) -> None:
        self.port = 0
        self.slots: list[list[Any]] = []
        self.commands: list[list[bytes]] = []
        self.answer: Answer = lambda command: OK
        # While this is not set, a connection on which a PING has come gets no answers.
        self.answers_pings = asyncio.Event()
        self.answers_pings.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        parser = hiredis.Reader(notEnoughData=Ellipsis)
        while data := await reader.read(65536):
            parser.feed(data)
            while (command := parser.gets()) is not Ellipsis:
                if command == [b"PING"]:
                    await self.answers_pings.wait()
                reply = self._reply(command)
                if reply is not None:
                    writer.write(reply)
        self._writers.discard(writer)
        writer.close()

    def _reply(self, command: list[bytes]) -> bytes | None:
        if command[0] == b"HELLO":
            return b"%0\r\n"
        if command == [b"PING"]:
            return b"+PONG\r\n"
        if command[0] == b"CLUSTER":
            return encode(self.slots)
        self.commands.append(command)
        return self.answer(command)

    def push(self, *parts: bytes) -> None:
        """Send a push by all connections."""
        for writer in self._writers:
            writer.write(b">%d\r\n" % len(parts) + b"".join(map(encode, parts)))

    def reset(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        await self._server.wait_closed()


def encode(value: Any) -> bytes:
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encode, value))
    if isinstance(value, int):
        return b":%d\r\n" % value
    return b"$%d\r\n%s\r\n" % (len(value), value)


@asynccontextmanager
async def nodes(**options: Any) -> AsyncIterator[tuple[ClusterLink, Node, Node]]:
    """Run two nodes, the first with all slots, and a link that knows the first."""
    async with AsyncExitStack() as stack:
        made = [Node(), Node()]
        for node in made:
            await node.start()
            stack.push_async_callback(node.close)
        tell(made, [[0, 16383, made[0]]])
        link = ClusterLink(Address(hosts=(("127.0.0.1", made[0].port),), cluster=True), **options)
        link.open()
        stack.push_async_callback(link.close)
        await link.settle()
        yield link, made[0], made[1]


def tell(made: list[Node], shards: list[list[Any]]) -> None:
    """Have the nodes say who has the slots."""
    for node in made:
        node.slots = [[a, b, [b"127.0.0.1", owner.port, b"id"]] for a, b, owner in shards]


def refusing(error: str, times: int = 1) -> Answer:
    """Refuse the first commands, and take the others."""
    left = [times]

    def answer(command: list[bytes]) -> bytes:
        if command[0] in (b"SSUBSCRIBE", b"SUNSUBSCRIBE"):
            return b">3\r\n" + encode(command[0].lower()) + encode(command[1]) + b":1\r\n"
        left[0] -= 1
        return b"-%s\r\n" % error.encode() if left[0] >= 0 else OK

    return answer


async def test_a_slot_on_its_way_is_asked_for_where_it_goes() -> None:
    async with nodes() as (link, a, b):
        a.answer = refusing(f"ASK 1 127.0.0.1:{b.port}", 2)
        link.send(encode_command("SET", "k", "v"), "k")
        await until(lambda: len(b.commands) == 2)
        assert b.commands == [[b"ASKING"], [b"SET", b"k", b"v"]]
        assert await link.call("GET", "k", key="k") == b"OK"
        assert b.commands[2:] == [[b"ASKING"], [b"GET", b"k"]]
        assert await link.call("GET", "k", key="k") == b"OK"
        assert len(b.commands) == 4


async def test_a_slot_that_has_gone_is_found() -> None:
    async with nodes() as (link, a, b):
        a.answer = refusing(f"MOVED 1 127.0.0.1:{b.port}", 100)
        tell([a, b], [[0, 16383, b]])
        assert await link.call("GET", "k", key="k") == b"OK"
        assert b.commands == [[b"GET", b"k"]]


async def test_what_waits_for_a_node_that_is_away_goes_where_its_slot_goes() -> None:
    async with nodes() as (link, a, b):
        tell([a, b], [[0, 8191, a], [8192, 16383, b]])
        a.answer = refusing(f"MOVED 15495 127.0.0.1:{b.port}")
        assert await link.call("GET", "a", key="a") == b"OK"
        assert b.commands == [[b"GET", b"a"]]
        await b.close()
        [there] = [one for node, one in link._links.items() if node.port == b.port]
        await until(lambda: there.away)
        link.send(encode_command("SET", "a", "1"), "a")
        # The node that is away is still one of the cluster.
        tell([a, b], [[0, 16382, a], [16383, 16383, b]])
        await until(lambda: [b"SET", b"a", b"1"] in a.commands)
        assert link.status.dropped == 0


@pytest.mark.parametrize("error", ["CLUSTERDOWN no", "LOADING no", "TRYAGAIN no"])
async def test_a_node_that_cannot_yet_is_asked_again(error: str) -> None:
    async with nodes() as (link, a, _):
        a.answer = refusing(error)
        assert await link.call("GET", "k", key="k") == b"OK"
        a.answer = refusing(error)
        for number in range(3):
            link.send(encode_command("RPUSH", "k", number), "k")
        await until(lambda: not link._moving._moves and len(a.commands) >= 6)
        # The first was refused; it came again, and what was sent after it did, too.
        pushed = [command[2] for command in a.commands if command[0] == b"RPUSH"]
        assert pushed == [b"0", b"1", b"2", b"0"]
        assert link.status.dropped == 0


async def test_a_command_is_sent_again_though_the_slots_are_known_first() -> None:
    """The look at the slots is over before the node has answered all that was sent before."""
    async with nodes() as (link, a, _):
        assert await link.call("GET", "k", key="k") == b"OK"
        a.answer = refusing("CLUSTERDOWN no")
        a.answers_pings.clear()
        change = link._change
        link.send(encode_command("SET", "k", "1"), "k")
        await until(lambda: link._moving._moves and link._change is not change)
        link.send(encode_command("SET", "k", "2"), "k")
        a.answers_pings.set()
        await until(lambda: len(a.commands) == 4)
        assert [command[2] for command in a.commands[1:]] == [b"1", b"1", b"2"]


async def test_a_slot_on_its_way_to_a_node_that_goes_is_asked_for_again() -> None:
    async with nodes() as (link, a, b):
        asking = b"-ASK 1 127.0.0.1:%d\r\n" % b.port
        a.answer = lambda command: OK if b.commands else asking
        b.answer = lambda command: OK if command == [b"ASKING"] else b.reset()
        assert await link.call("GET", "k", key="k") == b"OK"
        assert b.commands == [[b"ASKING"], [b"GET", b"k"]]


async def test_a_node_without_slots_is_kept_while_one_is_on_its_way_to_it() -> None:
    async with nodes() as (link, a, b):
        a.answer = refusing(f"ASK 1 127.0.0.1:{b.port}")
        link.send(encode_command("SET", "k", "1"), "k")
        await until(lambda: b.commands)
        for kept in (True, False):
            link._known.clear()
            link._stale.set()
            await until(link._known.is_set)
            assert (b.port in {node.port for node in link._links}) is kept


async def test_what_is_refused_for_good_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    async with nodes() as (link, a, _):
        a.answer = refusing("OOM no memory", 3)
        with pytest.raises(RedisRefused, match="OOM no memory"):
            await link.call("GET", "k", key="k")
        link.send(encode_command("SET", "k", "v"), "k")
        link.send(encode_command("SET", "k", "v"), "k")
        await until(lambda: link.status.dropped == 2)
        a.answer = refusing("NOPERM no right")
        link.send(encode_command("SET", "k", "v"), "k")
        await until(lambda: link.status.dropped == 3)
    for error in ("OOM no memory", "NOPERM no right"):
        assert caplog.text.count(f"refused a message to other servers ({error})") == 1


async def test_what_waits_for_a_slot_is_bounded() -> None:
    command = encode_command("SET", "k", "v")
    async with nodes(max_waiting=2 * len(command)) as (link, a, _):
        assert await link.call("GET", "k", key="k") == b"OK"
        a.answer = refusing("CLUSTERDOWN no")
        a.answers_pings.clear()
        assert link.send(command, "k")
        await until(lambda: link._moving._moves)
        assert link.send(command, "k")
        assert not link.send(command, "k")
        assert link.status.dropped == 1
        a.answers_pings.set()
        await until(lambda: len(a.commands) == 4)
        assert link._moving._held == 0


async def test_a_link_that_is_closed_while_a_slot_moves_has_its_whole_place_again() -> None:
    command = encode_command("SET", "k", "v")
    async with nodes(max_waiting=2 * len(command)) as (link, a, _):
        a.answer = refusing("CLUSTERDOWN no", 100)
        assert link.send(command, "k")
        await until(lambda: link._moving._held == len(command))
        assert link.send(command, "k")
        assert not link.send(command, "k")
        await link.close(drain=False)
        assert (link._moving._held, link._moving._moves) == (0, {})
        a.answer = lambda command: OK
        link.open()
        await link.settle()
        a.commands.clear()
        assert link.send(command, "k")
        assert link.send(command, "k")
        await until(lambda: len(a.commands) == 2)
        assert link.status.dropped == 1


async def test_a_slot_may_have_no_node(caplog: pytest.LogCaptureFixture) -> None:
    def ignore(_channel: bytes, _message: bytes) -> None:
        pass

    async with nodes() as (link, a, b):
        a.answer = b.answer = refusing("", 0)
        link.subscribe_shard(b"c", ignore)
        await link.settle()
        assert a.commands[-1] == [b"SSUBSCRIBE", b"c"]
        tell([a, b], [])
        link._stale.set()
        await until(lambda: not link.status.connected)
        await until(lambda: a.commands[-1] == [b"SUNSUBSCRIBE", b"c"])
        assert link._channels._places == {}
        assert await link.shard_subscribers(b"c") == 0
        link.subscribe_shard(b"d", ignore)
        link.unsubscribe_shard(b"d", ignore)
        tell([a, b], [[0, 16383, b]])
        await until(lambda: link.status.connected and b.commands)
        link.subscribe_shard(b"c", print)
        link.unsubscribe_shard(b"c", print)
        await link.settle()
        assert b.commands == [[b"SSUBSCRIBE", b"c"]]


async def test_a_channel_that_a_node_has_no_more_is_placed_anew() -> None:
    async with nodes() as (link, a, b):
        a.answer = lambda command: b"-MOVED 1 127.0.0.1:%d\r\n" % b.port
        b.answer = refusing("", 0)
        tell([a, b], [[0, 16383, b]])
        heard: list[bytes] = []
        link.subscribe_shard(b"c", lambda _, message: heard.append(message))
        await until(lambda: b.commands == [[b"SSUBSCRIBE", b"c"]])
        await until(lambda: a.commands[-1] == [b"SUNSUBSCRIBE", b"c"])
        # It is not there any more: what the old node says of it is nothing new.
        a.push(b"sunsubscribe", b"c", b"0")
        b.push(b"smessage", b"c", b"1")
        await until(lambda: heard)
        for one in link._links.values():
            await one.call("PING")
        assert link._channels._places[b"c"].address.hosts[0][1] == b.port
        link.unsubscribe_shard(b"unknown", print)
        places = dict(link._channels._places)
        link.channel_lost(next(iter(link._links.values())), b"unknown")
        assert link._channels._places == places


async def test_a_node_without_the_right_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with nodes() as (link, a, _):
        a.answer = lambda command: b"-NOPERM no\r\n"
        link.subscribe_shard(b"c", print)
        await link.settle()
        assert "Redis refused SSUBSCRIBE b'c', and perhaps others: NOPERM no" in caplog.text
        assert link.status.connected


async def test_a_connection_that_ends_while_nodes_are_counted_is_tried_again() -> None:
    async with nodes() as (link, a, _):
        cut = [True]

        def answer(_command: list[bytes]) -> bytes | None:
            if cut.pop():
                a.reset()
                cut.append(False)
                return None
            cut.append(False)
            return encode([b"c", 3])

        a.answer = answer
        assert await link.subscribers(b"c") == 3


async def test_who_does_not_answer_is_not_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "CONNECT_TIMEOUT", 0.05)
    async with nodes(patience=0.05) as (link, a, b):
        tell([a, b], [[0, 16383, b]])
        link._stale.set()
        await until(lambda: link._table.owner(0) and link._table.owner(0).port == b.port)  # type: ignore[union-attr]
        await b.close()
        await b.start()
        # It answers the login of each connection, which may be late and tried again, and no more.
        login: list[bytes] = []

        def reply(command: list[bytes]) -> bytes | None:
            if command[0] == b"HELLO":
                login[:] = [b"+PONG\r\n"]
                return b"%0\r\n"
            return login.pop() if login else None

        b._reply = reply  # type: ignore[method-assign]
        link.subscribe_shard(b"c", print)
        await link.settle()
        assert "not all nodes of Redis at" in caplog.text
        await until(lambda: all(one.status.connected for one in link._links.values()))
    assert f"Redis at 127.0.0.1:{b.port} did not take what was left" in caplog.text


async def test_what_is_sent_before_the_slots_are_known_goes_by_the_home_node() -> None:
    async with nodes() as (known, a, b):
        tell([a, b], [[0, 16383, b]])
        a.answer = refusing(f"MOVED 1 127.0.0.1:{b.port}", 100)
        link = ClusterLink(known.address)
        link.open()
        link.send(encode_command("SET", "k", "1"), "k")
        link.subscribe_shard(b"c", print)
        link.unsubscribe_shard(b"c", print)
        assert await link.call("GET", "k", key="k") == b"OK"
        link.send(encode_command("SET", "k", "2"), "k")
        await until(lambda: len(b.commands) == 3)
        assert [one[2] for one in b.commands if one[0] == b"SET"] == [b"1", b"2"]
        await link.close()


async def test_it_opens_again() -> None:
    async with nodes() as (link, a, _):
        link.open()
        link.send(encode_command("SET", "k", "1"), "k")
        await link.close(drain=False)
        assert await link.call("GET", "k", key="k") == b"OK"
        await link.close()
        assert link._links == {}
        link.open()
        await link.settle()
        link.send(encode_command("SET", "k", "2"), "k")
        await until(lambda: a.commands[-1] == [b"SET", b"k", b"2"])


async def test_nodes_that_cannot_be_reached_are_not_counted() -> None:
    async with nodes() as (link, a, b):
        a.answer = lambda command: encode([b"c", 3])
        tell([a, b], [[0, 8191, a], [8192, 16383, b]])
        await b.close()
        link._stale.set()
        await until(lambda: len(link._table._shards) == 2)
        assert await link.subscribers(b"c") == 3


async def test_a_redis_that_is_no_cluster_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with nodes() as (link, a, _):
        reply = a._reply
        refusals = iter([b"-ERR This instance has cluster support disabled\r\n"] * 3)

        def refuse(command: list[bytes]) -> bytes | None:
            return (command[0] == b"CLUSTER" and next(refusals, None)) or reply(command)

        a._reply = refuse  # type: ignore[method-assign]
        link._known.clear()
        link._stale.set()
        await until(link._known.is_set)
    assert next(refusals, None) is None
    assert caplog.text.count("is no cluster: ERR This instance has cluster support disabled") == 1


async def test_what_a_node_has_not_answered_may_be_lost(caplog: pytest.LogCaptureFixture) -> None:
    async with nodes() as (link, a, _):
        a.answer = lambda command: NO_ANSWER
        link.send(encode_command("SET", "k", "v"), "k")
        await until(lambda: a.commands)
        a.reset()
        await until(lambda: "1 messages to other servers were lost meanwhile" in caplog.text)
