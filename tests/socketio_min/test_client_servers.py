"""The client against four real servers: this one, the official one with and without connection
state recovery, and python-socketio's.

They are the cases that conformance/js checks of the official client.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import (
    Client,
    ConnectionRefused,
)
from tests.socketio_min.client_servers import TRANSPORTS, collect, connected
from tests.socketio_min.server_processes import ServerProcess
from tests.waiting import eventually


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_binary_events_as_text(complete: ServerProcess, transports: list[str]) -> None:
    async with connected(complete.url, transports=transports, force_base64=True) as client:
        data = bytes(range(256))
        assert await client.call("acknowledge", data, {"a": [b""]}) == (data, {"a": [b""]})


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_events_of_every_kind_both_ways(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:
        assert client.connected
        assert client.id is not None
        echoes: list[Any] = []
        # As many arguments as were sent: with recovery the server adds one.
        client.on("echo", lambda a, b, c, d, e: echoes.append((a, b, c, d, e)))
        sent = (
            1,
            "é😀\u2028\x00",
            {"list": [None, True, 1.5, {"bytes": b"\x00\xff"}], "empty": {}},
            b"",
            [b"a" * 1000, 2**53 - 1],
        )
        client.emit("echo", *sent)
        assert await client.call("acknowledge", *sent) == sent
        await eventually(lambda: echoes)
        assert echoes == [sent]
        assert await client.call("acknowledge") is None
        assert await client.call("acknowledge", {"a": b"b"}) == {"a": b"b"}
        empty: list[Any] = [0, "", False, [], {}]
        for value in empty:
            assert await client.call("acknowledge", value) == value
        if len(transports) == 2:
            await eventually(lambda: client.transport == "websocket")
    await server.report(event="disconnect", id=(await last_connect(server))["id"])


async def last_connect(server: ServerProcess) -> dict[str, Any]:
    return [report for report in server.reports if report["event"] == "connect"][-1]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_server_asks(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:

        @client.on("question")
        async def question(*args: Any) -> Any:
            await asyncio.sleep(0)
            return (*args, b"more")

        @client.on("plain")
        def plain(value: Any) -> Any:
            return value

        timeout = 5000
        # One argument of several is what python-socketio's server returns as a list or tuple.
        answer = await client.call("call", "question", [1, b"x"], timeout)
        assert list(answer["answer"]) == [1, b"x", b"more"]
        assert await client.call("call", "plain", [{"a": b"b"}], timeout) == {"answer": {"a": b"b"}}
        assert await client.call("call", "nobody listens", [], 20) == {"timedOut": True}


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_1000_events_each_way_in_order(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:
        numbers: list[int] = []
        echoes: list[int] = []
        client.on("number", lambda number, *_: numbers.append(number))
        client.on("echo", lambda number, *_: echoes.append(number))
        client.emit("burst", 500)
        for number in range(1000):
            client.emit("echo", number, bytes((number % 256,)))
            if number % 100 == 0:
                await asyncio.sleep(0.002)
        await eventually(lambda: len(numbers) == 500 and len(echoes) == 1000)
        assert numbers == [*range(500)]
        assert echoes == [*range(1000)]


async def test_large_events(server: ServerProcess) -> None:
    for transports in TRANSPORTS:
        async with connected(server.url, transports=transports) as client:
            text = "x" * 400_000
            assert await client.call("acknowledge", text, text.encode()) == (text, text.encode())


async def test_headers_query_and_auth_arrive(complete: ServerProcess) -> None:
    for transports in TRANSPORTS:
        async with connected(
            complete.url + "?a=b",
            transports=transports,
            extra_headers={"X-Token": "secret"},
            auth={"user": "é"},
        ) as client:
            handshake = await client.call("handshake")
            assert handshake["auth"] == {"user": "é"}
            assert handshake["headers"]["x-token"] == "secret"
            assert handshake["query"]["a"] == "b"


async def test_namespaces_share_a_connection(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        chat = client.of("chat")
        other = client.of("/чат ✓")
        assert client.of("/chat") is chat
        await chat.connect()
        await other.connect()
        assert len({client.id, chat.id, other.id}) == 3
        seen = [collect(namespace, "echo") for namespace in (client, chat, other)]
        for number, namespace in enumerate((client, chat, other)):
            namespace.emit("echo", number, b"x")
            await namespace.call("acknowledge")
        assert [args[0][:2] for args in seen] == [(0, b"x"), (1, b"x"), (2, b"x")]
        assert [len(args) for args in seen] == [1, 1, 1]
        await chat.disconnect()
        assert not chat.connected
        assert await client.call("acknowledge", 1) == 1
        assert await other.call("acknowledge", 2) == 2
        await chat.connect()
        assert await chat.call("acknowledge", 3) == 3


async def test_the_namespace_of_the_url(server: ServerProcess) -> None:
    async with connected(server.url + "/chat") as chat:
        assert chat.name == "/chat"
        assert await chat.call("acknowledge", 1) == 1
    async with connected(server.url + "/%D1%87%D0%B0%D1%82%20%E2%9C%93/") as other:
        assert other.name == "/чат ✓"


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_refusal_has_a_message_and_data(
    server: ServerProcess, transports: list[str]
) -> None:
    client = Client(server.url + "/admin", transports=transports, auth={"token": "wrong"})
    errors = collect(client, "connect_error")
    with pytest.raises(ConnectionRefused, match="not authorized") as caught:
        await client.connect()
    assert caught.value.data == {"code": "E1", "retry": [1, 2]}
    assert errors == [(caught.value,)]
    assert not client.active
    # The connection had no other use.
    assert client.transport is None
    client.auth = {"token": "secret"}
    await client.connect()
    assert await client.call("acknowledge", 1) == 1
    await client.close()


async def test_a_refusal_leaves_the_other_namespaces(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        with pytest.raises(ConnectionRefused):
            await client.of("/admin").connect()
        with pytest.raises(ConnectionRefused):
            await client.of("/refused").connect()
        assert await client.call("acknowledge", 1) == 1


async def test_an_unknown_namespace(server: ServerProcess) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        await Client(server.url + "/nowhere").connect()
    assert caught.value.message in ("Invalid namespace", "Unable to connect")


async def test_leaving_and_joining_in_one_breath(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        chat = client.of("/chat")
        await chat.connect()
        before = chat.id
        chat.disconnect()
        await chat.connect()
        assert chat.id != before
        # Before the first answer is there.
        chat.disconnect()
        chat.open()
        chat.disconnect()
        await chat.connect()
        assert await chat.call("acknowledge", 1) == 1
        assert await client.call("acknowledge", 2) == 2


async def test_leaving_and_coming_back_with_a_new_connection(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        before = client.id
        client.disconnect()
        await client.connect()
        assert client.id != before
        assert await client.call("acknowledge", 1) == 1
