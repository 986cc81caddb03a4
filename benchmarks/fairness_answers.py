"""What a client can make the application answer, tell and verify: large files, long lists, events
for every room, values to weigh, passwords.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from benchmarks.fairness_wire import PROJECT, Client, Deed, again, frame

LARGE = "large.txt"


def _batch(event: str, payloads: list[dict[str, Any]]) -> dict[str, Any]:
    return {"updates": [{"event": event, "data": data} for data in payloads]}


def _as(port: int, user: str) -> Client:
    client = Client(port)
    client.ask("user:join", {"userId": user})
    return client


def batches_of_a_large_file(port: int) -> None:
    """One request of ten kilobytes for 500 MB, again and again."""
    client = _as(port, "greedy")
    file = {"path": LARGE, "action": "created", "content": "x" * 5_000_000}
    client.ask("file:change", {"projectId": PROJECT, "file": file})
    read = _batch("file:read", [{"projectId": PROJECT, "filePath": LARGE}] * 100)
    while True:
        client.ask("batch:update", read)


def long_lists(port: int) -> None:
    """A project of thousands of files, listed and joined by many sockets."""
    clients = []
    for user in range(20):
        client = _as(port, f"greedy-{user}")
        for begin in (0, 100):
            created = [
                {
                    "projectId": PROJECT,
                    "file": {"path": f"{user}/{begin + number}", "action": "created"},
                }
                for number in range(100)
            ]
            client.ask("batch:update", _batch("file:change", created))
        clients.append(client)
    for client in itertools.cycle(clients):
        client.ask("project:join", {"projectId": PROJECT})
        client.ask("file:list", {"projectId": PROJECT})


def every_room(port: int) -> None:
    """A socket in fifty projects that says what it does to all of them, 60 times a second."""
    client = _as(port, "everywhere")
    for number in range(50):
        project = client.ask("project:create", {"name": f"Project {number}"})["project"]
        client.ask("project:join", {"projectId": project["id"]})
    for number in itertools.count():
        client.ask("user:presence", {"status": "busy", "activity": f"{number}"})
        client.ask("user:typing", {"isTyping": True})


def many_values(port: int) -> None:
    """Events with 20,000 values, which are weighed and then refused."""
    event = frame("42" + json.dumps(["test:event", [[]] * 20_000]))
    Client(port).flood(event)


def guesses(port: int) -> None:
    """Fifty connections that guess passwords."""
    clients = [Client(port) for _ in range(50)]
    for number in itertools.count():
        for client in clients:
            client.send(f'42["auth:login",{{"username":"user-{number % 7}","password":"guess"}}]')
        for client in clients:
            client.read()


DEEDS = (
    Deed("batches of a large file", again(batches_of_a_large_file)),
    Deed("long lists", again(long_lists)),
    Deed("an event for every room", again(every_room)),
    Deed("events with many values", again(many_values)),
    Deed("guessed passwords", again(guesses)),
)
