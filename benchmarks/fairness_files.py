"""What can be asked for in a project that has as many files as it may: 10,000, in versions or in a
directory that is mirrored.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.fairness_wire import PROJECT, Client, Commit, Deed, Ground, again
from benchmarks.fairness_work import (
    CONNECTIONS,
    PAUSE,
    acting,
    compare_again,
    send_to_all,
)

FILES = 9_900
"""With those of the demonstration and the honest client's they are fewer than may be."""
WORKSPACE = "workspace"
MOST_MIRRORED = 5.0
"""Seconds in which all of a directory is mirrored."""
# What one account may do at once, in two batches of a hundred.
_OF_ONE = 200
# Accounts that fill at once: their saves share commits.
_FILLERS = 10
# The number of an account's first batch; those before are the client's own.
_BATCH = 1_000


def fill(port: int, files: int = FILES) -> None:
    """Create files, over many accounts: each may do only so much at once."""
    for first in range(0, files, _FILLERS * _OF_ONE):
        clients = []
        for begin in range(first, min(first + _FILLERS * _OF_ONE, files), _OF_ONE):
            client = Client(port)
            client.ask("user:join", {"userId": f"filler-{begin}"})
            clients.append(client)
            for start in (begin, begin + _OF_ONE // 2):
                numbers = range(start, min(start + _OF_ONE // 2, files))
                updates = [
                    _change(f"src/{number // 100}/{number}.txt", "created", f"{number}\n")
                    for number in numbers
                ]
                # None is refused, and answered as well.
                batch = json.dumps(["batch:update", {"updates": updates}])
                client.send(f"42{_BATCH + start - begin}{batch}")
        for client in clients:
            client.wait_for(f"43{_BATCH + _OF_ONE // 2}[")
            client.sock.close()


def _change(path: str, action: str, content: str) -> dict[str, Any]:
    file = {"path": path, "action": action, "content": content}
    return {"event": "file:change", "data": {"projectId": PROJECT, "file": file}}


def _version(port: int) -> str:
    client = acting(port)
    made = client.ask("version:create", {"projectId": PROJECT})
    client.sock.close()
    version_id: str = made["version"]["id"]
    return version_id


def restoring(ground: Ground) -> Commit:
    """Go from 10,000 files to none, and back, again and again."""
    empty = _version(ground.port)
    fill(ground.port)
    full = _version(ground.port)

    def deed(port: int) -> None:
        client = acting(port)
        while True:
            for version_id in (empty, full):
                which = {"projectId": PROJECT, "versionId": version_id}
                begun = time.perf_counter()
                if client.ask("version:restore", which)["ok"]:
                    ground.say(f"restored in {time.perf_counter() - begun:.1f} s", True)
                time.sleep(PAUSE)

    return again(deed)


def versions(ground: Ground) -> Commit:
    """Make versions of 10,000 files, over several connections, and delete them."""
    fill(ground.port)

    def deed(port: int) -> None:
        clients = [acting(port) for _ in range(CONNECTIONS)]
        project = {"projectId": PROJECT}
        for first in itertools.count(1_000, CONNECTIONS):
            for number, client in send_to_all(clients, first, "version:create", project):
                made = json.loads(client.wait_for(f"43{number}[")[len(f"43{number}") :])[0]
                if made["ok"]:
                    which = {**project, "versionId": made["version"]["id"]}
                    client.ask("version:delete", which)

    return again(deed)


def comparing(ground: Ground) -> Commit:
    """Compare nothing with 10,000 files, over several connections at once."""
    empty = _version(ground.port)
    fill(ground.port)
    return compare_again(empty)


def asking(ground: Ground) -> Commit:
    """Ask the assistant about a project of 10,000 files, as often as it answers."""
    fill(ground.port)

    def deed(port: int) -> None:
        client = acting(port)
        while True:
            client.ask("ai:message", {"projectId": PROJECT, "message": "find needle"})
            time.sleep(10 * PAUSE)

    return again(deed)


def listing(ground: Ground) -> Commit:
    """Join a project of 10,000 files, and list it, over several connections."""
    fill(ground.port)

    def deed(port: int) -> None:
        clients = [acting(port) for _ in range(CONNECTIONS)]
        while True:
            for client in clients:
                client.send(f'421["project:join",{{"projectId":"{PROJECT}"}}]')
                client.send(f'422["file:list",{{"projectId":"{PROJECT}"}}]')
            for client in clients:
                client.wait_for("432[")

    return again(deed)


def locking(ground: Ground) -> Commit:
    """Join a project with 10,000 locks of a hundred users, over several connections."""
    holders = [Client(ground.port) for _ in range(100)]
    for number, client in enumerate(holders):
        client.ask("user:join", {"userId": f"holder-{number}"})
        locks = [{"projectId": PROJECT, "filePath": f"{number}/{file}"} for file in range(100)]
        updates = [{"event": "file:lock", "data": data} for data in locks]
        client.ask("batch:update", {"updates": updates})

    def deed(port: int) -> None:
        clients = [acting(port) for _ in range(CONNECTIONS)]
        # Their connections are to stay.
        while holders:
            for client in clients:
                client.ask("project:join", {"projectId": PROJECT})

    return again(deed)


def rewrite(directory: Path) -> set[str]:
    """Give all files of a directory another content. Return their paths."""
    paths = [path for path in directory.rglob("*.txt") if path.name != "honest.txt"]
    for path in paths:
        path.write_text("rewritten\n")
    return {path.relative_to(directory).as_posix() for path in paths}


def create(directory: Path, files: int = FILES) -> set[str]:
    """Put files into a directory. Return their paths."""
    paths = {f"new/{number // 100}/{number}.txt" for number in range(files)}
    for path in paths:
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{path}\n")
    return paths


def delete(directory: Path) -> set[str]:
    """Delete the folders of a directory. Return the paths of what was there."""
    paths = {path.relative_to(directory).as_posix() for path in directory.glob("*/*.txt")}
    for folder in directory.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    return paths


def changing(event: str, change: Callable[[Path], set[str]]) -> Callable[[Ground], Commit]:
    """Let another program change the directory, once. Each change is heard as an event."""

    def set_up(ground: Ground) -> Commit:
        listener = Client(ground.port)
        listener.ask("project:join", {"projectId": WORKSPACE, "userId": "worst"})

        def commit(_port: int) -> None:
            begun = time.perf_counter()
            left = change(ground.directory)
            while left:
                heard, data, *_ = json.loads(listener.wait_for("42")[2:])
                if heard == event:
                    left.discard(data["filePath"] if "filePath" in data else data["file"]["path"])
            took = time.perf_counter() - begun
            ground.say(f"mirrored in {took:.1f} s", took <= MOST_MIRRORED)
            # Whoever listens on reads on.
            while True:
                listener.read()

        return commit

    return set_up


def contending(port: int) -> None:
    """Save the file that the honest client saves, over many connections of one account."""
    clients = []
    for _ in range(2 * CONNECTIONS):
        client = Client(port)
        client.ask("project:join", {"projectId": WORKSPACE, "userId": "worst"})
        clients.append(client)
    file = {"path": "honest.txt", "action": "updated"}
    for number in itertools.count():
        content = {"projectId": WORKSPACE, "file": {**file, "content": f"{number}"}}
        for client in clients:
            client.send(f"421{json.dumps(['file:change', content])}")
        for client in clients:
            client.wait_for("431[")


def restoring_directory(ground: Ground) -> Commit:
    """Go back to a version of a directory, and to what was there before, again and again."""
    client = Client(ground.port)
    client.ask("project:join", {"projectId": WORKSPACE, "userId": "worst"})
    made = client.ask("version:create", {"projectId": WORKSPACE})
    for folder in ground.directory.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    while len(client.ask("file:list", {"projectId": WORKSPACE})["files"]) > 1:
        time.sleep(PAUSE)

    def commit(_port: int) -> None:
        version_id = made["version"]["id"]
        while True:
            begun = time.perf_counter()
            which = {"projectId": WORKSPACE, "versionId": version_id}
            version_id = client.ask("version:restore", which)["backup"]["id"]
            ground.say(f"restored in {time.perf_counter() - begun:.1f} s", True)

    return commit


Place = Callable[[Ground, int], tuple[str, str]]
"""Fills a folder with so many files. Returns its project and its path."""


def in_project(ground: Ground, files: int) -> tuple[str, str]:
    """Fill a folder of the project."""
    fill(ground.port, files)
    return PROJECT, "src"


def in_directory(ground: Ground, files: int) -> tuple[str, str]:
    """Fill a folder of the mirrored directory."""
    listener = Client(ground.port)
    listener.ask("project:join", {"projectId": WORKSPACE, "userId": "filler"})
    left = create(ground.directory, files)
    while left:
        heard, data, *_ = json.loads(listener.wait_for("42")[2:])
        if heard == "file:created":
            left.discard(data["file"]["path"])
    listener.sock.close()
    return WORKSPACE, "new"


Ask = Callable[..., Any]


def move(ask: Ask, folder: str) -> None:
    """Move a folder away and back."""
    ask("file:move", filePath=folder, newPath="moved")
    ask("file:move", filePath="moved", newPath=folder)


def throw(ask: Ask, folder: str) -> None:
    """Delete a folder and take it out of the bin."""
    ask("bin:restore", deletionId=ask("file:delete", filePath=folder)["deletionId"])


def copy(ask: Ask, folder: str) -> None:
    """Copy a folder, and delete the copy."""
    ask("file:copy", filePath=folder, newPath="copied")
    ask("file:delete", filePath="copied")


def with_folder(
    deed: Callable[[Ask, str], None], place: Place, files: int = FILES
) -> Callable[[Ground], Commit]:
    """Do something to a folder of many files, again and again."""

    def set_up(ground: Ground) -> Commit:
        project_id, folder = place(ground, files)

        def commit(port: int) -> None:
            client = Client(port)
            client.ask("project:join", {"projectId": project_id, "userId": "worst"})

            def ask(event: str, **payload: str) -> Any:
                begun = time.perf_counter()
                answer = client.ask(event, {"projectId": project_id, **payload})
                took = time.perf_counter() - begun
                ground.say(f"{event} in {took:.1f} s", answer["ok"])
                time.sleep(PAUSE)
                return answer

            while True:
                deed(ask, folder)

        return commit

    return set_up


REWRITING = changing("file:updated", rewrite)
DEEDS = (
    Deed("version:restore of 10,000 files", restoring),
    Deed("versions of 10,000 files, made and deleted", versions),
    Deed("comparisons of 10,000 files", comparing),
    Deed("a search through 10,000 files", asking),
    Deed("joins and lists of 10,000 files", listing),
    Deed("joins of a project with 10,000 locks", locking),
    Deed("a workspace of 10,000 rewritten files", REWRITING, FILES, WORKSPACE),
    Deed("another project's rewritten workspace", REWRITING, FILES),
    Deed("a workspace of 10,000 new files", changing("file:created", create), 1, WORKSPACE),
    Deed("a workspace of 10,000 deleted files", changing("file:deleted", delete), FILES, WORKSPACE),
    Deed("version:restore in a workspace", restoring_directory, 2_000, WORKSPACE),
    Deed("a folder of 10,000 files, moved", with_folder(move, in_project)),
    Deed("a folder of 10,000 files, deleted and restored", with_folder(throw, in_project)),
    Deed("a folder of 5,000 files, copied", with_folder(copy, in_project, FILES // 2)),
    Deed("a mirrored folder, moved", with_folder(move, in_directory), 1, WORKSPACE),
    Deed("a mirrored folder, deleted and restored", with_folder(throw, in_directory), 1, WORKSPACE),
    Deed("a mirrored folder, copied", with_folder(copy, in_directory, FILES // 2), 1, WORKSPACE),
    Deed("saves of the same mirrored file", lambda _: again(contending), 1, WORKSPACE),
)
