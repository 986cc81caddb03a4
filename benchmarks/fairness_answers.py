"""What a client can make the application answer, tell and verify: large files, long lists, events
for every room, values to weigh, passwords, pages.
"""

from __future__ import annotations

import itertools
import json
import select
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Any

from benchmarks.fairness_wire import PROJECT, Client, Commit, Deed, Ground, again, at_once
from benchmarks.frames import frame

LARGE = "large.txt"
MEMBERS = 950
LOCKS = 100
CONNECTIONS = 50
# A second, of one client.
EVENTS = 90


def _batch(event: str, payloads: list[dict[str, Any]]) -> dict[str, Any]:
    return {"updates": [{"event": event, "data": data} for data in payloads]}


def _as(port: int, user: str) -> Client:
    client = Client(port)
    client.ask("user:join", {"userId": user})
    return client


def batches_of_a_large_file(ground: Ground) -> Commit:
    """Ask for 500 MB in one request of ten kilobytes, again and again."""
    file = {"path": LARGE, "action": "created", "content": "x" * 5_000_000}
    _as(ground.port, "greedy").ask("file:change", {"projectId": PROJECT, "file": file})
    read = _batch("file:read", [{"projectId": PROJECT, "filePath": LARGE}] * 100)

    def deed(port: int) -> None:
        client = _as(port, "greedy")
        while True:
            client.ask("batch:update", read)

    return again(deed)


def large_saves(port: int) -> None:
    """Save files of five megabytes over eight connections of one account."""
    save = {"path": LARGE, "action": "updated", "content": "x" * 5_000_000}
    clients = [_as(port, "greedy") for _ in range(8)]
    clients[0].ask("file:change", {"projectId": PROJECT, "file": {**save, "action": "created"}})
    frames = [
        frame("42" + json.dumps(["file:change", {"projectId": PROJECT, "file": one}]))
        for one in (
            {**save, "content": f"{number}{save['content']}"[:5_000_000]} for number in "ab"
        )
    ]
    for data in itertools.cycle(frames):
        for client in clients:
            client.sock.sendall(data)


def every_room(ground: Ground) -> Commit:
    """Say what a socket in fifty projects does to all of them, 60 times a second."""
    client = _as(ground.port, "everywhere")
    made = [client.ask("project:create", {"name": f"Project {number}"}) for number in range(50)]
    projects = [PROJECT, *(one["project"]["id"] for one in made)]

    def deed(port: int) -> None:
        client = _as(port, "everywhere")
        for project_id in projects:
            client.ask("project:join", {"projectId": project_id})
        for number in itertools.count():
            client.ask("user:presence", {"status": "busy", "activity": f"{number}"})
            client.ask("user:typing", {"isTyping": True})

    return again(deed)


def large_room(ground: Ground) -> Commit:
    """Type and move the cursor in a room of 950, as often as a client may."""
    members = _crowd(ground.port)
    loud = _as(ground.port, "loud")
    loud.ask("project:join", {"projectId": PROJECT})
    typing = [frame(f'42["user:typing",{{"isTyping":{value}}}]') for value in ("true", "false")]
    cursor = {"filePath": LARGE, "position": {"line": 1, "column": 1}}
    moved = frame("42" + json.dumps(["cursor:update", {"projectId": PROJECT, **cursor}]))

    def commit(_port: int) -> None:
        crowd = Crowd([*members, loud])
        due = time.perf_counter()
        for number in itertools.count():
            loud.sock.sendall(moved if number % 2 else typing[number // 2 % 2])
            due += 1 / EVENTS
            while (pause := due - time.perf_counter()) > 0:
                crowd.hear(pause)

    return commit


def leaving_with_locks(ground: Ground) -> Commit:
    """Leave a room of 950 with as many locks as a user may have."""
    members = _crowd(ground.port)
    holder = _as(ground.port, "holder")
    holder.ask("project:join", {"projectId": PROJECT})
    locks = [{"projectId": PROJECT, "filePath": f"{number}.txt"} for number in range(LOCKS)]
    holder.ask("batch:update", _batch("file:lock", locks))

    def commit(_port: int) -> None:
        crowd = Crowd(members)
        holder.send(f'42["project:leave",{{"projectId":"{PROJECT}"}}]')
        while True:
            crowd.hear(1)

    return commit


def _crowd(port: int) -> list[Client]:
    members = []
    for number in range(MEMBERS):
        member = _as(port, f"member-{number // 19}")
        member.ask("project:join", {"projectId": PROJECT})
        members.append(member)
    return members


class Crowd:
    """Clients that read what they hear, and do nothing with it."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._listening = select.epoll()
        self._socks = {one.sock.fileno(): one.sock for one in clients}
        for number in self._socks:
            self._listening.register(number, select.EPOLLIN)

    def hear(self, seconds: float) -> None:
        """Read what is there, at the latest in so many seconds."""
        for ready, _ in self._listening.poll(seconds):
            self._socks[ready].recv(1 << 18)


def long_lists(ground: Ground) -> Commit:
    """List versions whose messages are as long as may be, over several connections."""
    for number in range(10):
        writer = _as(ground.port, f"writer-{number}")
        for _ in range(30):
            version = {"projectId": PROJECT, "message": "\x01" * 4_096}
            writer.ask("version:create", version)
        writer.sock.close()

    def deed(port: int) -> None:
        clients = [_as(port, "greedy") for _ in range(8)]
        while True:
            for client in clients:
                client.send(f'421["version:list",{{"projectId":"{PROJECT}","limit":1000}}]')
            for client in clients:
                client.wait_for("431[")

    return again(deed)


def requests_for(path: str) -> Commit:
    """Ask for a page over and over, over many connections."""

    def deed(port: int) -> None:
        connections = [HTTPConnection("127.0.0.1", port) for _ in range(CONNECTIONS)]
        while True:
            for one in connections:
                one.request("GET", path)
            for one in connections:
                one.getresponse().read()

    return again(deed)


def many_values(port: int) -> None:
    """Send events with nearly 10,000 values, which are weighed and then refused."""
    event = frame("42" + json.dumps(["test:event", [[]] * 4_900]))
    Client(port).flood(event)


def guesses(port: int) -> None:
    """Guess passwords over fifty connections."""
    clients = [Client(port) for _ in range(CONNECTIONS)]
    for number in itertools.count():
        for client in clients:
            client.send(f'42["auth:login",{{"username":"user-{number % 7}","password":"guess"}}]')
        for client in clients:
            client.read()


DEEDS = (
    Deed("batches of a large file", batches_of_a_large_file),
    at_once("saves of five megabytes", again(large_saves)),
    Deed("an event for every room", every_room),
    Deed("events in a room of 950", large_room),
    at_once("events with many values", again(many_values)),
    at_once("guessed passwords", again(guesses)),
    Deed("lists of versions with long messages", long_lists),
    Deed("a hundred locks, left in a room of 950", leaving_with_locks),
    # Nobody has asked for it before.
    at_once("requests for the event reference", requests_for("/docs")),
    at_once("requests for the metrics", requests_for("/metrics")),
)
