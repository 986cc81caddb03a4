"""client.py: options, the URL, and the connection's events."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Client,
    ClientLimits,
    ConnectionFailed,
    EncodeError,
    Limits,
    Server,
    UsageError,
)
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    server_frame,
)
from tests.socketio_min.client.meeting import joined, log_of, meeting
from tests.waiting import until


def test_the_namespace_and_path_of_the_url() -> None:
    assert Client("http://a").name == "/"
    assert Client("http://a/").name == "/"
    client = Client("http://a/chat%20room/?x=y")
    assert client.name == "/chat room"
    assert client.of("other") is client.of("/other")
    assert set(client.namespaces) == {"/chat room", "/other"}
    assert client.transport is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "x"}, "path: "),
        ({"retries": 3}, "retries need an ack_timeout"),
        ({"retries": -1}, "retries: got -1"),
        ({"ack_timeout": 0}, "ack_timeout: got 0"),
        ({"reconnection_delay": 0}, "reconnection_delay: got 0"),
        ({"reconnection_delay_max": -1}, "reconnection_delay_max: got -1"),
        ({"reconnection_attempts": 0}, "reconnection_attempts: got 0"),
        ({"randomization_factor": 1.1}, "randomization_factor: got 1.1"),
        ({"randomization_factor": "0"}, "randomization_factor: got '0'"),
        ({"retries": "3"}, "retries: got '3'"),
        ({"reconnection": None}, "reconnection: got None, expected True or False"),
        ({"limits": Limits()}, "limits: got a value of type Limits, expected ClientLimits"),
        ({"auth": "token"}, "auth: got a value of type str, expected a dict"),
        ({"reconnectionDelay": 1}, "'reconnectionDelay', .* expected reconnection_delay$"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Client("http://localhost", **options)


def test_the_auth_of_a_namespace_is_checked_as_well() -> None:
    auth: Any = "token"
    with pytest.raises(UsageError, match="auth: got a value of type str, expected a dict"):
        Client("http://localhost").of("/admin", auth=auth)


@pytest.mark.parametrize("url", ["localhost:3000", None, 3000])
def test_a_url_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(UsageError, match=f"got the URL {url!r}, "):
        Client(url)


def test_limits_are_above_0() -> None:
    with pytest.raises(UsageError, match="max_handlers: got 0"):
        ClientLimits(max_handlers=0)


def test_what_handlers_cannot_be() -> None:
    client = Client("http://localhost")

    async def listener(*_: Any) -> None: ...

    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_any(listener)
    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_any_outgoing(listener)
    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_error(listener)
    with pytest.raises(UsageError, match="no server can send 'disconnecting'"):
        client.on("disconnecting")
    with pytest.raises(UsageError, match="expected one of open, close"):
        client.on_connection("nothing")
    with pytest.raises(UsageError, match="keeps for itself"):
        client.emit("connect")
    with pytest.raises(EncodeError):
        client.emit("a", {1})


async def test_functions_that_do_not_tell_their_arguments() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["c","offset"]')

    async with meeting(joined(talk, '40{"sid":"s1","pid":"p1"}')) as (client, _):
        seen: list[str] = []
        client.on_any(lambda event, *_: seen.append(event))
        # Written in C, without a signature: it gets everything.
        client.on("c", max)
        await client.connect()
        await until(lambda: seen)


async def test_a_connection_that_is_closed_as_soon_as_it_is_open() -> None:
    async def at_once(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.write(server_frame(HANDSHAKE) + server_frame("1"))
        await peer.answer_close()

    async with meeting(at_once, joined()) as (client, _):
        errors = log_of(client, "connect_error")
        await client.connect()
        assert [str(error) for _, error in errors] == [
            "the connection was closed as soon as it was open"
        ]


async def test_reconnection_can_be_off() -> None:
    async def closes(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')

    async with meeting(closes, reconnection=False) as (client, server):
        seen = log_of(client, "disconnect", "connect_error")
        failed: list[int] = []
        client.on_connection("reconnect_failed", lambda: failed.append(1))
        await client.connect()
        await until(lambda: not client.active)
        assert seen == [("disconnect", "transport close")]
        assert failed == []
        assert len(server.peers) == 1


async def test_an_acknowledgement_of_what_was_never_sent_says_so() -> None:
    client = Client("http://localhost")
    with pytest.raises(
        AcknowledgementTimeout, match="nor a connection to send it on: connect first"
    ):
        await client.call("ask", timeout=0.001)


@pytest.mark.parametrize("heard", [False, True])
async def test_who_waits_for_a_server_that_is_not_there_learns_it(
    heard: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and from the log only if nobody listens for it."""

    async def refuses(peer: Peer) -> None:
        await peer.request()

    async with meeting(refuses, refuses, joined()) as (client, _):
        errors = log_of(client, "connect_error") if heard else []
        await client.connect()
        assert len(errors) == (2 if heard else 0)
        assert caplog.text.count("; trying again (see reconnection_attempts)") == (not heard)


async def test_the_attempts_come_to_an_end() -> None:
    async def refuses(peer: Peer) -> None:
        await peer.request()

    async with meeting(refuses, reconnection_attempts=3) as (client, server):
        attempts: list[int] = []
        failed: list[int] = []
        client.on_connection("reconnect_attempt", attempts.append)
        client.on_connection("reconnect_failed", lambda: failed.append(1))
        with pytest.raises(ConnectionFailed, match="the connection was lost"):
            await client.connect()
        assert (attempts, failed) == ([1, 2, 3], [1])
        assert len(server.peers) == 4


async def test_the_tap_sees_both_directions() -> None:
    seen: list[Any] = []
    async with meeting(joined()) as (client, _):
        client.tap(lambda *args: seen.append(args))
        await client.connect()
    assert seen == [("in", HANDSHAKE), ("out", "40"), ("in", '40{"sid":"s1"}'), ("out", "41")]


async def test_another_connection_at_once() -> None:
    io = Server()
    heard: list[str] = []
    io.on("say", lambda _socket, text: heard.append(text))
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}", reconnection_delay=3_600.0)
    # Without a connection there is nothing to give up.
    client.reconnect()
    async with client:
        first = client.id
        client.emit("say", "before")
        client.reconnect()
        client.emit("say", "meanwhile")
        await until(lambda: client.id not in (None, first))
        await until(lambda: len(heard) == 2)
    await io.close()
    assert heard == ["before", "meanwhile"]


@pytest.mark.parametrize("is_late", [False, True])
async def test_the_next_attempt_at_once(is_late: bool) -> None:
    io = Server()
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}", reconnection_delay=3_600.0)
    lost = asyncio.Event()

    @client.on("disconnect")
    def come_back(_reason: str) -> None:
        if not is_late:
            client.reconnect()
        lost.set()

    async with client:
        first = client.id
        [connection] = io.connections
        connection.close()
        await lost.wait()
        if is_late:
            await asyncio.sleep(0)
            client.reconnect()
        await until(lambda: client.id not in (None, first))
    await io.close()
