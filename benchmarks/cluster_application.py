"""What the assistant's server does on one node, and on two that share PostgreSQL and Redis.

Each node is one process. A hundred people save files as fast as they are acknowledged, ten in a
project, half of them on each node; or all are in one project and write to each other. The CPU that
each part takes is told by the system, so what the clients take is not in it: with a core for each
part, the busiest one says what is possible.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ai_coding_assistant import AsyncAICodingAssistantSocket
from benchmarks.frames import frame
from benchmarks.resilience_crowd import JOIN, Crowd, Peer
from scripts.cluster import NODES, Cluster

PEOPLE = 100
IN_PROJECT = 10
EVERYBODY = "project-123"
"""A project that all may enter."""
CONTENT = "0123456789" * 20
WARM_SECONDS = 1.0
SAVE_SECONDS = 8.0
MESSAGES = 16
"""Of each person: the server takes 20 at once."""
PATIENCE = 120.0
OPEN = {"SOCKET_EVENT_RATE": "0", "SOCKET_ADDRESS_EVENT_RATE": "0"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What `units` took: `seconds`, and the CPU of each node, of PostgreSQL and of Redis."""

    units: int
    seconds: float
    nodes: list[float]
    postgres: float
    redis: float

    def row(self, name: str) -> str:
        """Return the figures as a row of a table."""
        each = 1e6 / self.units
        busiest = max(*self.nodes, self.postgres)
        whole = sum(self.nodes) + self.postgres + self.redis
        return (
            f"| {name} | {self.units / self.seconds:,.0f} "
            f"| {' + '.join(f'{one * each:.0f} µs' for one in self.nodes)} "
            f"| {self.postgres * each:.0f} µs | {self.postgres / whole:.0%} "
            f"| {self.redis * each:.1f} µs | {self.units / busiest:,.0f} |"
        )


def seconds_of(pid: int) -> float:
    """Return the CPU that a process and its present children have used."""
    found = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(place.parent.name) == pid or int(fields[1]) == pid:
            found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")


async def projects(port: int, count: int) -> list[str]:
    """Make so many projects, each with its people."""
    made = []
    url = f"http://127.0.0.1:{port}"
    for number in range(count):
        async with AsyncExitStack() as stack:
            # The server knows whoever is there.
            owner, *others = [
                await stack.enter_async_context(
                    AsyncAICodingAssistantSocket(url, user_id=f"user-{user}")
                )
                for user in range(number * IN_PROJECT, (number + 1) * IN_PROJECT)
            ]
            project = (await owner.call("project:create", {"name": f"{number}"}))["project"]["id"]
            for other in others:
                assert other.user is not None
                share = {"projectId": project, "userId": other.user["id"], "role": "editor"}
                await owner.call("project:share", share)
        made.append(project)
    return made


class People:
    """The people of the projects named, the first on the first node, the next on the next."""

    def __init__(self, ports: list[int], places: list[str]) -> None:
        self._crowds = [Crowd(port) for port in ports]
        self.acknowledged = self.heard = 0
        self._entered = 0
        self._going = False
        self._starts: list[Callable[[Peer], None]] = []
        self._next: Callable[[int, int], str | None] = lambda _who, _number: None
        self._peers = [
            self._crowds[who % len(ports)].connect(JOIN, self._receiver(who, place))
            for who, place in enumerate(places)
        ]
        self.work(lambda: self._entered == len(places))

    def _receiver(self, who: int, place: str) -> Callable[[Peer], None]:
        number = 0

        def go_on(peer: Peer) -> None:
            nonlocal number
            event = self._next(who, number) if self._going else None
            if event is not None:
                number += 1
                peer.send(frame(f"42{number}{event}"))

        def arrived(peer: Peer) -> None:
            for packet in peer.packets():
                if packet.startswith('42["chat:message"'):
                    self.heard += 1
                elif packet.startswith("40"):
                    joining = {"projectId": place, "userId": f"user-{who}"}
                    peer.send(frame(f"420{json.dumps(['project:join', joining])}"))
                elif packet.startswith("430["):
                    assert '"ok":true' in packet, packet
                    self._entered += 1
                elif packet.startswith("43"):
                    assert '"ok":true' in packet, packet
                    self.acknowledged += 1
                    go_on(peer)
                elif packet == "2":
                    peer.send(frame("3"))

        self._starts.append(go_on)
        return arrived

    def go(self, event: Callable[[int, int], str | None]) -> None:
        """Let each send what `event(who, number)` returns until that is None."""
        self._next, self._going = event, True
        for peer, start in zip(self._peers, self._starts, strict=True):
            start(peer)

    def work(self, condition: Callable[[], bool]) -> None:
        """Read until a condition holds."""
        ends = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > ends:
                raise RuntimeError("what was to come did not come in time")
            for crowd in self._crowds:
                crowd.turn(0.001)

    def work_for(self, seconds: float) -> None:
        """Read for so long."""
        ends = time.monotonic() + seconds
        self.work(lambda: time.monotonic() > ends)

    def stop(self) -> None:
        """Let nobody send any more."""
        self._going = False

    def close(self) -> None:
        """Let all leave."""
        for crowd in self._crowds:
            crowd.close()


class Measured:
    """A cluster without a proxy, whose parts tell the CPU that they have used."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.cluster = Cluster(folder, 0, nodes=NODES[:nodes], workers=1)
        self.cluster.start_nodes(**OPEN)
        self.ports = self.cluster.ports

    def cost(self, work: Callable[[], int]) -> Cost:
        """Return what some work takes, which says of how many units it was."""
        parts = [self.cluster.processes(name) for name in ("node", "PostgreSQL", "Redis")]
        before, begun = [[seconds_of(one) for one in part] for part in parts], time.monotonic()
        units = work()
        seconds = time.monotonic() - begun
        nodes, [postgres], [redis] = (
            [seconds_of(one) - then for one, then in zip(part, was, strict=True)]
            for part, was in zip(parts, before, strict=True)
        )
        return Cost(units, seconds, nodes, postgres, redis)


def saves(measured: Measured, scale: float) -> Cost:
    """Let everybody save a file of one's own, one save after the other."""
    made = asyncio.run(projects(measured.ports[0], PEOPLE // IN_PROJECT))
    places = [made[who // IN_PROJECT] for who in range(PEOPLE)]

    def event(who: int, number: int) -> str:
        action = "updated" if number else "created"
        file = {"path": f"{who}.txt", "action": action, "content": f"{number} {CONTENT}"}
        return json.dumps(["file:change", {"projectId": places[who], "file": file}])

    people = People(measured.ports, places)
    try:
        people.go(event)
        people.work_for(WARM_SECONDS)

        def work() -> int:
            before = people.acknowledged
            people.work_for(SAVE_SECONDS * scale)
            return people.acknowledged - before

        cost = measured.cost(work)
        people.stop()
        return cost
    finally:
        people.close()


def messages(measured: Measured, scale: float) -> Cost:
    """Let all write to each other in one project; a unit is a message to one of them."""
    each = max(1, round(MESSAGES * scale))

    def event(_who: int, number: int) -> str | None:
        if number == each:
            return None
        return json.dumps(["chat:message", {"projectId": EVERYBODY, "message": "Good morning!"}])

    people = People(measured.ports, [EVERYBODY] * PEOPLE)
    try:

        def work() -> int:
            people.go(event)
            people.work(lambda: people.heard == each * PEOPLE * PEOPLE)
            return people.heard

        return measured.cost(work)
    finally:
        people.close()


def costs(nodes: int, scale: float) -> list[Cost]:
    """Return what a save costs on so many nodes, and what a message costs for each who hears it."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        measured = Measured(Path(folder), nodes)
        try:
            return [measure(measured, scale) for measure in (saves, messages)]
        finally:
            measured.cluster.stop()


def application(scale: float) -> list[str]:
    """Measure saves and messages on one node and on two."""
    titles = ("what", "a second", "CPU of the nodes", "of PostgreSQL", "its part", "of Redis")
    lines = [f"| {' | '.join(titles)} | at the most |", "|---" * (len(titles) + 1) + "|"]
    found = {nodes: costs(nodes, scale) for nodes in (1, 2)}
    for number, name in enumerate(("a save", "a message, for each who hears it")):
        for nodes, plural in ((1, ""), (2, "s")):
            lines.append(found[nodes][number].row(f"{name}, {nodes} node{plural}"))
    lines.append("")
    lines.append(
        "At the most: with a core for each part, and a disk that keeps up. One transaction of a "
        "database is at work at a time, so that more than one core brings PostgreSQL nothing."
    )
    return lines
