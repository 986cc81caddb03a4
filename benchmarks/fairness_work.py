"""What an account can ask the application to work on: parsing, comparing, versions, projects.

All of it keeps to the limits of the server's defaults, so most of a deed is asking again.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.fairness_wire import PROJECT, Client, Commit, Deed, Ground, again, at_once

# As fast as the rate of an account lets it.
PAUSE = 0.02
CONNECTIONS = 8


def write(client: Client, path: str, content: str) -> None:
    """Give a file another content, or create it."""
    for action in ("updated", "created"):
        file = {"path": path, "action": action, "content": content}
        if client.ask("file:change", {"projectId": PROJECT, "file": file})["ok"]:
            return


def acting(port: int) -> Client:
    """Return a client of the one account that all of a deed's clients have."""
    client = Client(port)
    client.ask("project:join", {"projectId": PROJECT, "userId": "worst"})
    return client


def send_to_all(
    clients: Sequence[Client], first: int, event: str, payload: dict[str, Any]
) -> list[tuple[int, Client]]:
    """Send an event on each connection. Return them with the ids of their acknowledgements, which
    are counted from `first`.
    """
    numbered = list(enumerate(clients, start=first))
    for number, client in numbered:
        client.send(f"42{number}{json.dumps([event, payload])}")
    return numbered


def asking(message: str, text: str = "") -> Callable[[Ground], Commit]:
    """Ask the assistant the same thing, about a file of that text, as often as it answers."""

    def set_up(ground: Ground) -> Commit:
        if text:
            write(acting(ground.port), "worst.py", text)
        return again(deed)

    def deed(port: int) -> None:
        client = acting(port)
        while True:
            client.ask("ai:message", {"projectId": PROJECT, "message": message})
            # What is refused counts as well: two answers at once, twenty and then half a second.
            time.sleep(10 * PAUSE)

    return set_up


def comparing(content: Callable[[int, int], str], files: int) -> Callable[[Ground], Commit]:
    """Compare two versions of files that all differ, over several connections at once."""

    def set_up(ground: Ground) -> Commit:
        client = acting(ground.port)
        for number in range(files):
            write(client, f"{number}.txt", content(0, number))
        made = client.ask("version:create", {"projectId": PROJECT})
        for number in range(files):
            write(client, f"{number}.txt", content(1, number))
        return compare_again(made["version"]["id"])

    return set_up


def compare_again(version_id: str) -> Commit:
    """Compare a version with the present, over several connections at once."""
    which = {"projectId": PROJECT, "versionId": version_id}

    def deed(port: int) -> None:
        clients = [acting(port) for _ in range(CONNECTIONS)]
        for first in itertools.count(1_000, CONNECTIONS):
            for number, client in send_to_all(clients, first, "version:compare", which):
                client.wait_for(f"43{number}[")
            time.sleep(PAUSE)

    return again(deed)


def versions(ground: Ground) -> Commit:
    """Make versions of some files, go back to them, delete them."""
    client = acting(ground.port)
    for number in range(60):
        write(client, f"{number}.txt", f"{number}")
    return again(_versions)


def _versions(port: int) -> None:
    client = acting(port)
    project = {"projectId": PROJECT}
    while True:
        made = client.ask("version:create", project)
        if made["ok"]:
            for number in range(20):
                write(client, f"{number}.txt", f"{time.perf_counter()}")
            which = {**project, "versionId": made["version"]["id"]}
            client.ask("version:restore", which)
            client.ask("version:delete", which)
        time.sleep(PAUSE)


def projects(port: int) -> None:
    """Make projects and delete them."""
    client = acting(port)
    while True:
        made = client.ask("project:create", {"name": "Worst"})
        if made["ok"]:
            client.ask("project:delete", {"projectId": made["project"]["id"]})
        time.sleep(PAUSE)


def _large(version: int, number: int) -> str:
    return f"{version} {number} " + "x" * 990_000


def _repeating(version: int, number: int) -> str:
    sign = -1 if version else 1
    return "".join(f"{sign * line % 1_000} {number}\n" for line in range(5_000))


TRACE = 'Traceback\n  File "a/b/c/d/e.py", line 1, in f\n' * 600 + "at " + "a:1:1" * 1_000
DEEDS: tuple[Deed, ...] = (
    Deed(
        "a syntax check of combining marks", asking("check worst.py", "e" + "\u0301\u0327" * 20_000)
    ),
    Deed("an outline of import a.a.a…", asking("outline worst.py", "import a" + ".a" * 80_000)),
    Deed("tracebacks", asking(TRACE + "\nKeyError: 1")),
    Deed("a search for what is everywhere", asking("find x", "x = 1\n" * 30_000)),
    Deed("comparisons of megabytes", comparing(_large, 8)),
    Deed("comparisons of lines that repeat", comparing(_repeating, 4)),
    Deed("versions made, restored, deleted", versions),
    at_once("projects made and deleted", again(projects)),
)
