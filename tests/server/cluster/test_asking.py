"""Asking for a lock whose holder is on another node."""

from __future__ import annotations

from typing import Any

from tests.server.nodes import PROJECT, Nodes
from tests.server.wire import Client

LOCK = {**PROJECT, "filePath": "src/components/App.jsx"}


async def asked(nodes: Nodes) -> tuple[Client, Client, Any]:
    """Ada, who holds a lock on one node, and bob, who asks for it on the other."""
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    assert (await ada.ask("file:lock", LOCK))["ok"]
    request = (await bob.ask("lock:ask", LOCK))["request"]
    assert (await ada.hear("lock:asked"))[0] == {"request": request}
    return ada, bob, request


async def test_a_lock_is_handed_over_to_another_node(nodes: Nodes) -> None:
    ada, bob, request = await asked(nodes)
    answer = {**PROJECT, "requestId": request["id"], "answer": "hand-over"}
    answered = await ada.ask("lock:answer", answer)
    assert (answered["ok"], answered["outcome"]) == (True, "handed-over")
    heard = (await bob.hear("lock:answered"))[0]
    assert heard["lock"] == answered["lock"]
    assert (await ada.hear("file:locked"))[0] == {"lock": answered["lock"]}
    file = {"path": LOCK["filePath"], "action": "updated", "content": "bob's"}
    change = {**PROJECT, "file": file, "lockToken": answered["lock"]["token"]}
    assert (await ada.ask("file:change", change))["error"]["code"] == "FILE_LOCKED"
    assert (await bob.ask("file:change", change))["ok"]
    again = await ada.ask("lock:answer", answer)
    assert again["error"]["code"] == "NOT_FOUND"


async def test_a_lock_is_kept_and_only_its_holder_answers(nodes: Nodes) -> None:
    ada, bob, request = await asked(nodes)
    eve = await nodes.client(nodes.here, "eve")
    answer = {**PROJECT, "requestId": request["id"], "answer": "keep"}
    assert (await eve.ask("lock:answer", answer))["error"]["code"] == "NOT_FOUND"
    # The one who asks knows the request, and is not the holder.
    far = await nodes.client(nodes.here, "bob")
    assert (await far.ask("lock:answer", answer))["error"]["code"] == "FORBIDDEN"
    assert (await ada.ask("lock:answer", answer))["outcome"] == "kept"
    assert (await bob.hear("lock:answered"))[0]["outcome"] == "kept"


async def test_a_request_ends_with_the_lock_on_another_node(nodes: Nodes) -> None:
    ada, bob, request = await asked(nodes)
    assert (await ada.ask("file:unlock", LOCK))["released"] is True
    ended = (await bob.hear("lock:answered"))[0]
    assert (ended["requestId"], ended["outcome"]) == (request["id"], "ended")


async def test_a_request_ends_with_a_lock_that_is_in_the_way_of_another(nodes: Nodes) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.here, "bob")
    for folder in ("src", "lib"):
        lock = {**PROJECT, "filePath": f"{folder}/both.txt"}
        assert (await ada.ask("file:lock", lock))["ok"]
    asking = {**PROJECT, "filePath": "src/both.txt"}
    request = (await bob.ask("lock:ask", asking))["request"]
    assert (await ada.ask("file:move", {**PROJECT, "filePath": "src", "newPath": "lib"}))["ok"]
    ended = (await bob.hear("lock:answered"))[0]
    assert ended == {"requestId": request["id"], "outcome": "ended"}


async def test_a_lock_that_has_moved_is_asked_for_still(nodes: Nodes) -> None:
    ada, bob, request = await asked(nodes)
    assert (await ada.ask("file:move", {**LOCK, "newPath": "moved.jsx"}))["ok"]
    answer = {**PROJECT, "requestId": request["id"], "answer": "hand-over"}
    assert (await ada.ask("lock:answer", answer))["lock"]["filePath"] == "moved.jsx"
    await bob.hear("lock:answered")
    # It is lost where it is, not where it was.
    assert (await bob.ask("file:move", {**PROJECT, "filePath": "moved.jsx", "newPath": "x"}))["ok"]
    await bob.news()
    nodes.there.node.lease_lost()
    assert (await bob.hear("file:unlocked"))[0]["filePath"] == "x"
