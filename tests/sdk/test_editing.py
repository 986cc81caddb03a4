"""Editing together with the Python SDK, and SIGKILL of the server while five do.

Invariants:
- Whatever is lost on the way, all copies are the same in the end, and have each word once.
- `wait` returns when all that was typed is on the disk, or says why it never will be.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import (
    AICodingAssistantSocket,
    AsyncAICodingAssistantSocket,
    Document,
    Refused,
    Unreachable,
    patience,
)
from server.api.errors import Code, EventError
from server.application import Application
from tests import forked_servers
from tests.server import killing
from tests.server.running import running
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.waiting import PATIENCE, until

PROJECT = "project-123"
APP = "src/components/App.jsx"

Open = Callable[..., Awaitable[Document]]


def socket_of(document: Document) -> AsyncAICodingAssistantSocket:
    """Return the client that has opened a document."""
    socket = document._socket
    assert isinstance(socket, AsyncAICodingAssistantSocket)
    return socket


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path, event_rate=0) as application:
        yield application


@pytest.fixture
async def opened(application: Application) -> AsyncIterator[Open]:
    """Opens the file as a user, on a connection of its own."""
    async with AsyncExitStack() as sockets:

        async def open_one(user_id: str, url: str = "") -> Document:
            socket = AsyncAICodingAssistantSocket(
                url or application.url, user_id=user_id, reconnection_delay=0.01
            )
            await sockets.enter_async_context(socket)
            return await socket.open_document(PROJECT, APP)

        yield open_one


async def same(*documents: Document) -> str:
    """The text of all, once everything is acknowledged and heard."""
    async with asyncio.timeout(PATIENCE):
        for document in documents:
            await document.wait()
    await until(lambda: len({document.text for document in documents}) == 1)
    return documents[0].text


async def test_two_type_at_once(opened: Open) -> None:
    ada, bob = await opened("user-456"), await opened("user-789")
    before = ada.text
    heard: list[str] = []
    bob.on_change(heard.append)
    ada.append("// one 😀\r\n// two\n")
    ada.insert(len(before) + 8, "!")
    bob.insert(0, "// first\n")
    bob.replace(3, 8, "FIRST")
    assert not ada.is_settled
    text = await same(ada, bob)
    assert text == "// FIRST\n" + before + "// one 😀!\n// two\n"
    assert heard[-1] == text
    ada.delete(0, len("// FIRST\n"))
    bob.update(lambda text: text.replace("two", "three"))
    assert await same(ada, bob) == before + "// one 😀!\n// three\n"
    bob.update(lambda text: text)
    assert bob.is_settled
    for start, end in ((-1, 0), (1, 0), (0, 10**6)):
        with pytest.raises(ValueError, match="expected places from 0 to"):
            ada.delete(start, end)
    with pytest.raises(ValueError, match=r"U\+0000"):
        ada.append("\0")


async def test_a_document_follows_no_move_of_before_it_was_opened(opened: Open) -> None:
    former = await opened("user-456")
    text, socket = former.text, socket_of(former)
    moves: list[Any] = []
    socket.on("file:moved", moves.append)
    await socket.move_file(PROJECT, APP, "away.jsx")
    file = {"path": APP, "action": "created", "content": "// another\n"}
    await socket.call("file:change", {"projectId": PROJECT, "file": file})
    ada, bob = await opened("user-456"), await opened("user-789")
    await until(lambda: bool(moves))
    # Another server tells of it as late as that.
    socket_of(bob)._participation.hear("file:moved", moves[0], PROJECT)
    ada.append("// typed\n")
    assert await same(ada, bob) == "// another\n// typed\n"
    assert (bob.file_path, former.file_path, former.text) == (APP, "away.jsx", text)


async def test_a_document_and_a_lock_follow_their_file(opened: Open) -> None:
    ada, bob = await opened("user-456"), await opened("user-789")
    socket = socket_of(bob)
    async with socket.lock_file(PROJECT, "src/components/TodoList.jsx", "shared") as lock:
        ada.append("// before\n")
        bob.append("// beside\n")
        await socket.call("file:move", {"projectId": PROJECT, "filePath": "src", "newPath": "lib"})
        ada.append("// after\n")
        text = await same(ada, bob)
        assert [text.count(f"// {word}\n") for word in ("before", "beside", "after")] == [1, 1, 1]
        await until(lambda: ada.file_path == bob.file_path == "lib/components/App.jsx")
        assert lock.file_path == "lib/components/TodoList.jsx"


async def test_what_is_larger_than_a_change_may_be_goes_in_several(opened: Open) -> None:
    ada, bob = await opened("user-456"), await opened("user-789")
    ada.update(lambda _: "".join(f"line {number}\n" for number in range(9_000)))
    bob.insert(0, "// while it is sent\n")
    text = await same(ada, bob)
    assert text.count("line ") == 9_000
    assert text.count("// while it is sent\n") == 1


async def test_what_was_typed_offline_merges(application: Application, opened: Open) -> None:
    async with chaos_proxy(application.port, Chaos(), seed=1) as proxy:
        ada, bob = await opened("user-456", proxy.url), await opened("user-789")
        before = ada.text
        proxy.refusing = True
        ada.append("// sent as the cable is cut\n")
        proxy.cut()
        ada.append("// offline\n")
        ada.append("// still offline\n")
        bob.insert(0, "// meanwhile\n")
        await bob.wait()
        # More than is kept: what comes back takes the text, and merges.
        for number in range(20):
            bob.insert(0, f"// {'x' * 15_000} {number}\n")
        await bob.wait()
        await application.saver.save((PROJECT, APP), "")
        proxy.refusing = False
        text = await same(ada, bob)
        assert text.endswith(
            "// meanwhile\n" + before + "// sent as the cable is cut\n// offline\n"
            "// still offline\n"
        )


async def test_a_locked_file_takes_what_waited_when_it_is_unlocked(
    application: Application, opened: Open
) -> None:
    ada = await opened("user-456")
    async with AsyncAICodingAssistantSocket(application.url, user_id="user-789") as bob:
        await bob.join_project(PROJECT)
        async with bob.lock_file(PROJECT, APP) as lock:
            ada.append("// waited\n")
            await lock.write("// bob's\n")
            await until(lambda: ada.text == "// bob's\n// waited\n")
            assert not ada.is_settled
        async with asyncio.timeout(PATIENCE):
            await ada.wait()
        assert (await bob.read_file(PROJECT, APP))["content"] == "// bob's\n// waited\n"


async def test_a_file_that_is_gone_is_given_up(opened: Open) -> None:
    ada, bob = await opened("user-456"), await opened("user-789")
    file = {"path": APP, "action": "deleted"}
    await socket_of(bob).call("file:change", {"projectId": PROJECT, "file": file})
    text = ada.text + "!"
    ada.append("!")
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(Refused, match="has no such file"):
            await ada.wait()
    # What was typed is still at hand.
    assert ada.text == text
    with pytest.raises(Refused):
        ada.append("?")


async def test_it_ends_with_its_project_its_socket_or_by_itself(opened: Open) -> None:
    ada, bob, eve = await opened("user-456"), await opened("user-789"), await opened("user-1")
    ada.append("!")
    await ada.close()
    with pytest.raises(Unreachable, match="was closed: open it again"):
        ada.append("?")
    await socket_of(bob).leave_project(PROJECT)
    with pytest.raises(Unreachable, match="was left"):
        await bob.wait()
    await socket_of(eve).disconnect()
    with pytest.raises(Unreachable, match=r"disconnect\(\) was called"):
        await eve.wait()
    # As on a connection that has just come back: the project is not joined there yet.
    await socket_of(ada).call("project:leave", {"projectId": PROJECT})
    again = await socket_of(ada).open_document(PROJECT, APP)
    async with again:
        assert again.text.endswith("!")
    with pytest.raises(Refused, match="has no such file"):
        await socket_of(ada).open_document(PROJECT, "nowhere.txt")
    assert socket_of(ada).documents == set()


async def test_the_blocking_client_edits_as_well(application: Application) -> None:
    def edit() -> str:
        with (
            AICodingAssistantSocket(application.url, user_id="user-456") as ada,
            AICodingAssistantSocket(application.url, user_id="user-789") as bob,
            ada.open_document(PROJECT, APP) as here,
            bob.open_document(PROJECT, APP) as there,
        ):
            heard: list[str] = []
            there.on_change(heard.append)
            here.update(lambda _: "0123456789")
            here.insert(0, "a")
            here.delete(1, 3)
            here.replace(1, 3, "b")
            here.append("c")
            here.wait()
            while there.text != here.text or not heard or heard[-1] != here.text:
                pass
            assert (there.project_id, there.file_path) == (PROJECT, APP)
            return there.text

    assert await asyncio.to_thread(edit) == "ab456789c"


async def test_five_type_through_five_kills(tmp_path: Path) -> None:
    """Each types words of its own, wherever; the server is killed at any moment."""
    processes = forked_servers.context()
    process, port = await asyncio.to_thread(killing.start, processes, tmp_path)
    chance = random.Random(11)
    words: list[str] = []
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(chaos_proxy(port, Chaos(), seed=2))
        stack.callback(lambda: process.kill())
        documents = []
        for number in range(5):
            socket = AsyncAICodingAssistantSocket(
                proxy.url, user_id=f"typist-{number}", reconnection_delay=0.01
            )
            await stack.enter_async_context(socket)
            documents.append(await socket.open_document(PROJECT, APP))

        async def type_words(document: Document, count: int) -> None:
            for _ in range(count):
                word = f"word{len(words)}"
                words.append(word)
                lines = document.text.splitlines(keepends=True)
                at = len("".join(lines[: chance.randrange(len(lines))]))
                document.insert(at, f"{word}\n")
                await asyncio.sleep(chance.random() * 0.01)

        for _ in range(5):
            typing = [asyncio.create_task(type_words(document, 15)) for document in documents]
            await asyncio.sleep(0.02 + chance.random() * 0.1)
            process.kill()
            await asyncio.to_thread(process.join)
            process, proxy.target = await asyncio.to_thread(killing.start, processes, tmp_path)
            await asyncio.gather(*typing)
        text = await same(*documents)
        read = await socket_of(documents[0]).read_file(PROJECT, APP)
        assert read["content"] == text
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.to_thread(process.join)
    lines = text.split("\n")
    assert sorted(line for line in lines if line.startswith("word")) == sorted(words)


async def test_a_server_that_is_stopping_is_no_reason_to_give_up(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    application.stopping = True
    with pytest.raises(Refused, match="the server is stopping"):
        await AsyncAICodingAssistantSocket(
            application.url, user_id="ada", reconnection=False
        ).connect()
    socket = AsyncAICodingAssistantSocket(application.url, user_id="ada")
    introduce, refusals = socket._introduce, []

    async def counted() -> None:
        try:
            await introduce()
        except Refused as error:
            refusals.append(error)
            raise

    monkeypatch.setattr(socket._arrivals, "_introduce", counted)
    connecting = asyncio.create_task(socket.connect())
    await until(lambda: len(refusals) > 1)
    application.stopping = False
    assert await connecting == {"id": "ada", "name": "ada"}
    await socket.disconnect()


async def test_a_database_that_is_away_is_no_reason_to_give_up(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    async with (
        chaos_proxy(application.port, Chaos(), seed=1) as proxy,
        AsyncAICodingAssistantSocket(proxy.url, user_id="ada", reconnection_delay=0.01) as socket,
        AsyncAICodingAssistantSocket(application.url, user_id="bob") as other,
    ):
        await socket.join_project(PROJECT)
        document = await socket.open_document(PROJECT, APP)
        fail_twice(type(application.store.projects), "overview", monkeypatch)
        fail_twice(type(application.locks), "acquire", monkeypatch, after=1)
        async with socket.lock_file(PROJECT, "own.txt") as lock:
            token = lock.token
            proxy.cut()
            await until(lambda: lock.token > token)
            assert lock.held
        document.append("still here")
        await document.wait()
        heard: list[str] = []
        socket.on("chat:message", lambda data: heard.append(data["message"]["content"]))
        await other.send_message("Hello", PROJECT)
        await until(lambda: heard == ["Hello"])


def fail_twice(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    """Let two calls of a function of the server fail as if its database was away, after others."""
    real, calls = getattr(owner, name), itertools.count()

    async def failing(*given: Any) -> Any:
        if after <= next(calls) < after + 2:
            raise EventError(Code.STORAGE_ERROR, "it could not be saved")
        return await real(*given)

    monkeypatch.setattr(owner, name, failing)
