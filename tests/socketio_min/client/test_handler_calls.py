"""handler_calls.py: listeners, handlers that fail, and their exchange."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min import (
    UsageError,
)
from tests.engineio_min.scripted import (
    Peer,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting
from tests.waiting import until


async def test_listeners_see_everything_until_they_are_taken_off() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["a",1]')
        assert await peer.packet() == '42["out",1]'
        peer.frame('421["b"]')
        assert await peer.packet() == "431[true]"
        assert await peer.packet() == '42["out",2]'
        peer.frame('42["c"]')

    async with meeting(joined(talk)) as (client, _):
        incoming: list[Any] = []
        outgoing: list[Any] = []
        others: list[Any] = []

        @client.on_any
        def on_any(*args: Any) -> None:
            incoming.append(args)

        @client.on_any_outgoing
        def on_any_outgoing(*args: Any) -> None:
            outgoing.append(args)

        @client.on_other
        def on_other(event: str, args: list[Any], acknowledged: bool) -> bool:
            others.append((event, args, acknowledged))
            return True

        client.emit("out", 1)
        await client.connect()
        await until(lambda: len(incoming) == 2)
        client.off_any(on_any)
        client.off_any(on_any_outgoing)
        client.off_any(on_any)
        client.emit("out", 2)
        await until(lambda: len(others) == 3)
        assert incoming == [("a", 1), ("b",)]
        assert outgoing == [("out", 1)]
        assert others == [("a", [1], False), ("b", [], True), ("c", [], False)]


async def test_a_failing_handler_costs_nothing_but_its_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('421["sync"]')
        peer.frame('422["async"]')
        peer.frame('423["cannot be encoded"]')
        peer.frame('42["sync"]')
        peer.frame('424["fine"]')
        packets = [await peer.packet() for _ in range(4)]
        assert packets[0] == '431["failed"]'
        assert sorted(packets[1:]) == ['432["failed"]', '433["failed"]', "434[]"]
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):

        @client.on("sync")
        def sync() -> None:
            raise ValueError("sync")

        @client.on("async")
        async def asynchronous() -> None:
            raise ValueError("async")

        client.on("cannot be encoded", lambda: {1, 2})
        done = log_of(client, "fine", "end")
        client.on_any(lambda *_: 1 // 0)
        client.on_any_outgoing(lambda *_: 1 // 0)
        told: list[str] = []

        @client.on_error
        def on_error(event: str, args: list[Any], error: Exception) -> str:
            told.append(event)
            return "failed"

        await client.connect()
        await until(lambda: len(done) == 2)
        assert sorted(told) == ["async", "cannot be encoded", "sync", "sync"]
        assert "a listener of on_any failed" in caplog.text


async def test_an_error_handler_that_fails_or_has_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('421["fails"]')
        peer.frame('422["fails"]')
        peer.frame('423["fine"]')
        assert await peer.packet() == "433[]"
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        results = iter((None, 1))

        @client.on("fails")
        def fails() -> None:
            raise ValueError("handler")

        @client.on_error
        def on_error(event: str, args: list[Any], error: Exception) -> Any:
            answer = next(results)
            return None if answer is None else 1 // 0

        done = log_of(client, "fine", "end")
        await client.connect()
        await until(lambda: len(done) == 2)
        assert "the handler of on_error failed" in caplog.text


async def test_a_listener_of_the_connection_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async with meeting(joined()) as (client, _):
        client.on_connection("open", lambda: 1 // 0)
        opened: list[int] = []

        @client.on_connection("open")
        def opened_now() -> None:
            opened.append(1)

        await client.connect()
        assert opened == [1]
        assert "a listener of the connection's 'open' failed" in caplog.text


async def test_a_listener_of_what_is_sent_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["x"]'
        peer.frame('42["seen"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "seen")
        client.on_any_outgoing(lambda *_: 1 // 0)
        await client.connect()
        client.emit("x")
        await until(lambda: seen)
        assert "a listener of on_any_outgoing failed for 'x'" in caplog.text


async def test_handlers_can_be_exchanged() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["a"]')
        assert await peer.packet() == '42["next"]'
        peer.frame('42["a"]')

    async with meeting(joined(talk)) as (client, _):
        seen: list[int] = []
        client.on("a", lambda: seen.append(1))
        with pytest.raises(UsageError, match="has a handler already"):
            client.on("a", lambda: None)
        await client.connect()
        await until(lambda: seen)
        client.off("a")
        client.off("a")
        client.on("a", lambda: seen.append(2))
        client.emit("next")
        await until(lambda: len(seen) == 2)
        assert seen == [1, 2]
