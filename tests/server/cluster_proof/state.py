"""What there is in the end, read by strangers from every worker and compared with the ledger."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from tests.server.cluster_proof.ledger import Ledger
from tests.server.cluster_proof.people import PROJECT
from tests.server.cluster_proof.stage import WORKERS, Stage
from tests.server.wire import Client, connected
from tests.waiting import PATIENCE

State = dict[str, Any]
READER = "reader"
LOOK_SECONDS = 1.0


async def readers(stack: AsyncExitStack, stage: Stage) -> dict[str, Client]:
    """Return a client of each worker, by the name of its node and its own."""
    found: dict[str, Client] = {}
    for node in stage.nodes:
        mine: dict[str, Client] = {}
        deadline = time.monotonic() + PATIENCE
        while len(mine) < WORKERS:
            assert time.monotonic() < deadline, f"{node.name} has not {WORKERS} workers: {mine}"
            client = await stack.enter_async_context(connected(node.port))
            if client.session[:4] in mine:
                await client.close()
            else:
                mine[client.session[:4]] = client
                await client.ask("project:join", {"projectId": PROJECT, "userId": READER})
        found |= mine
    return found


async def _pages(client: Client, event: str, key: str, **payload: Any) -> list[Any]:
    items: list[Any] = []
    after: str | None = None
    while True:
        page = await client.ask(event, {"projectId": PROJECT, "after": after, **payload})
        assert page["ok"], f"{event}: {page}"
        items += page[key]
        after = page.get("next")
        if after is None:
            return items


async def _open(client: Client, path: str) -> Any:
    while True:
        opened = await client.ask("file:open", {"projectId": PROJECT, "filePath": path})
        if opened["ok"]:
            return opened
        # A user opens two files a second in the long run.
        assert opened["error"]["code"] == "RATE_LIMIT_EXCEEDED", opened
        await asyncio.sleep(LOOK_SECONDS)


async def state_of(client: Client, documents: list[str]) -> State:
    """Read all that there is, as one worker tells it."""
    texts = {}
    for path in documents:
        opened = await _open(client, path)
        texts[path] = opened["content"]
        await client.ask("file:close", {"projectId": PROJECT, "filePath": path})
    files = await _pages(client, "file:list", "files")
    locks = await _pages(client, "file:locks", "locks")
    people = await _pages(client, "user:list", "presence")
    said = await _pages(client, "chat:history", "messages")
    return {
        "documents": texts,
        "files": {one["path"]: (one["revision"], one["hash"]) for one in files},
        "locks": sorted(one["token"] for one in locks),
        "people": sorted({one["user"]["id"] for one in people} - {READER}),
        "messages": sorted((one["content"], one["id"]) for one in said),
    }


async def same_state(stage: Stage, documents: list[str], people: set[str]) -> tuple[State, float]:
    """Wait until all workers tell the same. Return it, and how many seconds that took.

    Raises:
        AssertionError: they do not, in time.
    """
    begun = time.monotonic()
    async with AsyncExitStack() as stack:
        clients = await readers(stack, stage)
        while True:
            states = [await state_of(client, documents) for client in clients.values()]
            first = states[0]
            if all(one == first for one in states) and set(first["people"]) == people:
                return first, time.monotonic() - begun
            if time.monotonic() - begun > PATIENCE:
                raise AssertionError(_difference(dict(zip(clients, states, strict=True)), people))
            await asyncio.sleep(LOOK_SECONDS)


def _difference(states: dict[str, State], people: set[str]) -> str:
    told = []
    first = next(iter(states.values()))
    for name, state in states.items():
        differing = [key for key in state if state[key] != first[key]]
        missing, more = people - set(state["people"]), set(state["people"]) - people
        told.append(f"{name}: other {differing}, without {missing}, with {more}")
    return "the workers do not tell the same: " + "; ".join(told)


def lost(ledger: Ledger, state: State) -> list[str]:
    """Return what was acknowledged and is not there, or there twice."""
    found = []
    for path, typed in ledger.typed.items():
        words = state["documents"][path].split()
        count = dict.fromkeys(typed, 0)
        for word in words:
            count[word] = count.get(word, 0) + 1
        for word, number in count.items():
            if number > 1 or (number == 0 and typed.get(word)):
                found.append(
                    f"{word!r} is {number} times in {path}, acknowledged: {typed.get(word)}"
                )
    said: dict[str, list[str]] = {}
    for content, key in state["messages"]:
        said.setdefault(content, []).append(key)
    for content, acknowledged in ledger.said.items():
        there = said.get(content, [])
        if len(there) > 1 or (acknowledged is not None and there != [acknowledged]):
            found.append(f"the message {content!r} was said as {acknowledged}, there is {there}")
    return found + _lost_saves(ledger, state)


def _lost_saves(ledger: Ledger, state: State) -> list[str]:
    found = []
    by_path: dict[str, list[Any]] = {}
    for save in ledger.saves:
        by_path.setdefault(save.path, []).append(save)
    for path, saves in by_path.items():
        known = [save for save in saves if save.revision is not None]
        revisions = [save.revision for save in known]
        if len(set(revisions)) != len(revisions):
            found.append(f"two saves of {path} have the same revision")
        if not known:
            continue
        last = max(known, key=lambda save: save.revision)
        revision, digest = state["files"].get(path, (0, ""))
        if revision == last.revision:
            is_sound = digest == last.hash
        else:
            unknown = {save.hash for save in saves if save.revision is None}
            is_sound = revision > last.revision and digest in unknown
        if not is_sound:
            found.append(f"{path} has revision {revision}, the last acknowledged is {last}")
    return found


async def lost_history(stage: Stage, ledger: Ledger) -> list[str]:
    """Return the acknowledged saves that are not in the histories of their files."""
    found = []
    async with connected(stage.nodes[0].port) as client:
        await client.ask("project:join", {"projectId": PROJECT, "userId": READER})
        for path in {save.path for save in ledger.saves}:
            history = await _pages(client, "history:list", "saves", filePath=path, limit=1000)
            hashes = {one["hash"] for one in history}
            found += [
                f"{save} is not in the history"
                for save in ledger.saves
                if save.path == path and save.revision is not None and save.hash not in hashes
            ]
    return found
