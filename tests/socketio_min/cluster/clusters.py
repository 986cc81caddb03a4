"""A cluster of one Node.js member and two of ours, and a client on each.

Node.js' runs as a process of its own, once for a module of tests; ours run in the test's loop.
Both have the handlers of the member in conformance/targets.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from conformance.targets.cluster_member import AdapterFactory, make_member
from socketio_min import Client, Server
from tests.waiting import PATIENCE

# Those of an earlier test may still come from a node of a Redis Cluster.
FENCES = itertools.count()

MEMBER = Path(__file__).parent.parent.parent.parent / "conformance/targets/node/member.mjs"


@contextmanager
def node_member(*arguments: str) -> Iterator[str]:
    """Run a member on the official server; yield its URL."""
    process = subprocess.Popen(
        ["node", str(MEMBER), "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), f"the member said {line!r}"
        yield line.split()[1]
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Peer:
    """A client of one member; `events` are what it received, in order."""

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self.client = client
        self.events: list[tuple[Any, ...]] = []
        self.reasons: list[str] = []
        self.answer: Any = name
        self._changed = asyncio.Event()
        client.on_any(self._take)
        client.on("ask", self._ask)
        client.on("disconnect", self._end)

    @property
    def id(self) -> str:
        assert self.client.id is not None
        return self.client.id

    def _take(self, event: str, *args: Any) -> None:
        self.events.append((event, *args))
        self._changed.set()

    async def _ask(self, payload: Any) -> Any:
        if self.answer is None:
            await asyncio.Event().wait()
        return [self.answer, payload]

    def _end(self, reason: str) -> None:
        self.reasons.append(reason)
        self._changed.set()

    def emit(self, event: str, *args: Any) -> None:
        self.client.emit(event, *args)

    async def call(self, event: str, *args: Any) -> Any:
        return await self.client.call(event, *args, timeout=PATIENCE)

    async def until_event(self, *event: Any) -> list[tuple[Any, ...]]:
        """Wait for an event; return all that came before it, and forget both."""
        async with asyncio.timeout(PATIENCE):
            while event not in self.events:
                self._changed.clear()
                await self._changed.wait()
        before = self.events[: self.events.index(event)]
        del self.events[: len(before) + 1]
        return before

    async def ended(self) -> str:
        """Wait for the end of the connection to the namespace; return its reason."""
        async with asyncio.timeout(PATIENCE):
            while not self.reasons:
                self._changed.clear()
                await self._changed.wait()
        return self.reasons[0]


class Cluster:
    """The members, and a client on each: "node", "one" and "two"."""

    def __init__(self, servers: list[Server], peers: list[Peer]) -> None:
        self.servers = servers
        self.peers = peers

    def pairs(self) -> list[tuple[Peer, Peer, Peer]]:
        """Return each sender and receiver, and the third."""
        return [(a, b, c) for a, b, c in itertools.permutations(self.peers)]

    async def heard(self, sender: Peer) -> dict[str, list[tuple[Any, ...]]]:
        """Return what each client heard of all that `sender` sent before."""
        fence = f"fence {next(FENCES)}"
        sender.emit("fan", [], [], fence)
        return {peer.name: await peer.until_event("fan", fence) for peer in self.peers}

    async def told(self, sender: Peer, event: tuple[Any, ...]) -> str:
        """Return the names of those who heard `event` from `sender`, once and nothing else."""
        names = []
        for name, events in (await self.heard(sender)).items():
            if events:
                assert events == [event], f"{name} heard {events}"
                names.append(name)
        return " ".join(sorted(names))


@asynccontextmanager
async def cluster(
    node: str, adapters: Sequence[AdapterFactory], namespace: str = "/"
) -> AsyncIterator[Cluster]:
    """Run members of ours beside Node.js', with a client each in a namespace."""
    servers = [make_member(adapter) for adapter in adapters]
    names = ["node", "one", "two"]
    peers: list[Peer] = []
    try:
        for server in servers:
            await server.listen(port=0)
        urls = [node, *(f"http://127.0.0.1:{server.port}" for server in servers)]
        for name, url in zip(names, urls, strict=True):
            client = Client(
                f"{url}{namespace}?client={name}", transports=["websocket"], reconnection=False
            )
            peers.append(Peer(name, client))
        await asyncio.gather(*(peer.client.connect() for peer in peers))
        members = Cluster(servers, peers)
        for peer in peers:
            # What came before is of an earlier test.
            await members.heard(peer)
        yield members
    finally:
        for peer in peers:
            await peer.client.close()
        for server in servers:
            await server.close()
