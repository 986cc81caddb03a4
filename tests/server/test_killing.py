"""SIGKILL at any moment.

Invariants, each of so many times:
- What was acknowledged is there; what was not is there as a whole, or not at all.
- The database is sound, and the next server starts on it.
- Tokens of locks are greater than all before.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import websockets

from server.store import contents, project_files
from server.store.sqlite import Sqlite
from tests import forked_servers
from tests.effort import examples
from tests.server import killing
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import PATIENCE

ROUNDS = examples(60)
IN_FLIGHT = 4
"""Events that are sent and not yet acknowledged, also when the server is killed."""
LONG = 100_000
"""Of these words a content has three parts."""
PROJECT = {"projectId": "project-123"}


def events(number: int) -> list[tuple[str, dict[str, Any]]]:
    """What is sent in a round: a file of its own, a common one, a long one and a snapshot now and
    then.
    """
    sent: list[tuple[str, dict[str, Any]]] = [("file:lock", {**PROJECT, "filePath": "common"})]
    for step in range(8):
        name = f"{number}-{step}"
        own = {"path": f"own/{name}", "action": "created", "content": name * 50}
        common = {"path": "common", "action": "updated", "content": f"{number} {step}"}
        sent += [
            ("file:change", {**PROJECT, "file": own}),
            ("file:change", {**PROJECT, "file": common}),
        ]
        if step % 4 == 0:
            long = {"path": "long", "action": "updated"}
            sent += [
                ("file:change", {**PROJECT, "file": {**long, "content": f"{name} " * LONG}}),
                ("file:change", {**PROJECT, "file": {**long, "content": ""}}),
            ]
        if step % 3 == 2:
            sent.append(("version:create", {**PROJECT, "name": name}))
    return sent


async def acknowledged_until_killed(
    directory: Path, processes: Any, number: int, enough: int
) -> list[Any]:
    """The acknowledgements that came before the server was killed, in order."""
    process, port = await asyncio.to_thread(killing.start, processes, directory)
    url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    answers: list[Any] = []
    try:
        async with asyncio.timeout(PATIENCE), websockets.connect(url, proxy=None) as client:
            assert str(await client.recv()).startswith("0{")
            await client.send("40")
            assert str(await client.recv()).startswith("40{")
            ahead = iter(enumerate(events(number)))
            for ack_id, event in itertools.islice(ahead, IN_FLIGHT):
                await client.send(f"42{ack_id}{json.dumps(event)}")
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    packet = str(await client.recv())
                    if not packet.startswith("43"):
                        continue
                    [answer] = json.loads(packet[packet.index("[") :])
                    assert answer["ok"], answer
                    answers.append(answer)
                    if len(answers) > enough:
                        # The next ones are on their way.
                        process.kill()
                    else:
                        ack_id, event = next(ahead)
                        await client.send(f"42{ack_id}{json.dumps(event)}")
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
    return answers


def check(directory: Path, number: int, answers: list[Any]) -> None:
    with contextlib.closing(Sqlite(directory).connect()) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        files = {file.path: file for file in project_files.files(connection, "project-123")}
        text = {
            path: contents.whole(connection, file.hash)
            for path, file in files.items()
            if path in ("common", "long") or path.startswith(f"own/{number}-")
        }
        query = (
            "SELECT name, (SELECT count(*) FROM tree_files WHERE tree = v.tree) "
            "FROM versions v WHERE name LIKE ?"
        )
        # A long content is there as a whole. What came of another one is to be deleted, now or, if
        # it was being written, when the next server starts.
        nobodys = "SELECT DISTINCT parts FROM content_parts WHERE parts NOT IN "
        query_of_parts = f"{nobodys} (SELECT parts FROM contents WHERE parts IS NOT NULL)"
        left = connection.execute("SELECT parts FROM leftovers").fetchall()
        assert set(connection.execute(query_of_parts)) <= set(left)
        versions: dict[str, int] = dict(connection.execute(query, (f"{number}-%",)).fetchall())
    last = -1
    for (event, payload), _ in zip(events(number), answers, strict=False):
        if event == "version:create":
            assert payload["name"] in versions
        elif event == "file:change" and payload["file"]["path"] == "common":
            last = int(payload["file"]["content"].split()[1])
        elif event == "file:change":
            assert payload["file"]["path"] in text
    for path, content in text.items():
        if path == "long":
            assert content in ("", f"{content.partition(' ')[0]} " * LONG)
        elif path != "common":
            assert content == path.removeprefix("own/") * 50
    if last >= 0:
        kept_round, kept_step = map(int, text["common"].split())
        assert (kept_round, kept_step) >= (number, last)
    # A version has all files of its moment: the two of the demonstration, the common one, the
    # long one, and one a step of each round.
    for name, count in versions.items():
        assert count == sum(1 for path in files if _made_before(path, number, name))


def _made_before(path: str, number: int, version: str) -> bool:
    if not path.startswith("own/"):
        return True
    made, step = map(int, path.removeprefix("own/").split("-"))
    return made < number or step <= int(version.split("-")[1])


@pytest.mark.search
async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    processes = forked_servers.context()
    chance = random.Random(5)
    async with running(tmp_path) as application, connected(application.port) as client:
        common = {"path": "common", "action": "created", "content": "0 0"}
        assert (await client.ask("file:change", {**PROJECT, "file": common}))["ok"]
        long = {"path": "long", "action": "created", "content": ""}
        assert (await client.ask("file:change", {**PROJECT, "file": long}))["ok"]
    token = 0
    counts = []
    for number in range(ROUNDS):
        enough = chance.randrange(len(events(number)) - IN_FLIGHT)
        answers = await acknowledged_until_killed(tmp_path, processes, number, enough)
        assert answers[0]["lock"]["token"] > token
        token = answers[0]["lock"]["token"]
        check(tmp_path, number, answers)
        counts.append(len(answers))
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    # Each kill came in the middle of it, at many different places.
    assert max(counts) <= len(events(0))
    assert len(set(counts)) > 10
