"""What a handler may raise, of a server and of a client: it costs its own event, and is told.

A `CancelledError` is the interesting one: of something that a handler waited for it is a failure as
any other, of the handler's own task it is an order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Client,
    Disconnected,
    HandlerCancelled,
    MemoryAdapter,
    Server,
    Socket,
)
from socketio_min.cluster.status import ClusterStatus
from tests.socketio_min.serving import serving
from tests.waiting import PATIENCE, until

Handler = Callable[..., Any]


def cancelled(*_args: Any) -> None:
    raise asyncio.CancelledError


async def cancelled_later(*_args: Any) -> None:
    """Wait for a task of one's own that somebody has cancelled."""
    inner = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


HANDLERS = [cancelled, cancelled_later]


def answer_failures(io: Server) -> list[tuple[str, Exception]]:
    """Register an `on_error` that answers with the name of the failure; return what it is told."""
    told: list[tuple[str, Exception]] = []

    @io.on_error
    def on_error(_socket: Socket, event: str, _args: list[Any], error: Exception) -> str:
        told.append((event, error))
        return type(error).__name__

    return told


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("where", ["handler", "middleware", "handler after it", "on_other"])
async def test_what_is_cancelled_inside_of_a_handler_fails_its_event(
    where: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    told = answer_failures(io)

    async def passing(_socket: Socket, _event: str, _args: list[Any]) -> None:
        await asyncio.sleep(0)

    @io.use_event
    def guard(socket: Socket, event: str, args: list[Any]) -> object:
        if event == "x" and where == "middleware":
            return handler()
        return passing(socket, event, args) if where == "handler after it" else None

    if where == "on_other":
        io.on_other(handler)
    else:
        io.on("x", handler)
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('427["x",1]')
        await client.expect('437["HandlerCancelled"]')
        await client.nothing_more()
    [(event, error)] = told
    assert (event, type(error)) == ("x", HandlerCancelled)
    assert str(error) == "what the handler waited for was cancelled"
    assert isinstance(error.__cause__, asyncio.CancelledError)
    assert caplog.text.count("the handler of 'x' in namespace / failed") == 1


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_handler_whose_own_task_is_cancelled_answers_nothing(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    told = answer_failures(io)

    @io.on("x")
    async def give_up(_socket: Socket) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise asyncio.CancelledError

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('427["x"]')
        await client.nothing_more()
    assert (told, caplog.text) == ([], "")


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("where", ["middleware", "connect"])
async def test_what_is_cancelled_inside_of_an_admission_refuses_the_client(
    where: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    if where == "middleware":
        io.use(handler)
    else:
        io.on("connect", handler)
    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await client.expect('44{"message":"Internal server error"}')
    assert "the admission to namespace / failed" in caplog.text


@pytest.mark.parametrize("handler", HANDLERS)
async def test_what_is_cancelled_inside_of_a_disconnect_handler_is_told(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    told = answer_failures(io)
    io.on("disconnecting", cancelled)
    io.on("disconnect", handler)
    async with serving(io) as net:
        client, _ = await net.join()
        other, _ = await net.join()
        await client.send("41")
        await until(lambda: len(told) == 2)
        await other.nothing_more()
    # The other one has left as well.
    assert [event for event, _ in told] == ["disconnecting", "disconnect"] * 2
    assert caplog.text.count("the handler of 'disconnect' in namespace / failed") == 2


async def test_a_listener_that_is_cancelled_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forgetful(MemoryAdapter):
        """Fails when it is to tell others who has gone."""

        def delete_all(self, socket_id: str) -> None:
            super().delete_all(socket_id)
            raise asyncio.CancelledError

    io = Server(adapter=Forgetful)
    io.on_any(cancelled)
    io.on_any_outgoing(cancelled)
    io.on("x", lambda socket: socket.emit("y"))

    @io.of
    def matches(_name: str, _auth: object) -> bool:
        raise asyncio.CancelledError

    failing: list[str] = []

    @io.on("z")
    def fail(_socket: Socket) -> None:
        raise ValueError

    @io.on_error
    def on_error(_socket: Socket, event: str, _args: list[Any], _error: Exception) -> None:
        failing.append(event)
        raise asyncio.CancelledError

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["x"]', '42["z"]', "40/dynamic,")
        await client.expect('42["y"]', '44/dynamic,{"message":"Internal server error"}')
        await client.nothing_more()
    assert failing == ["z"]
    for line in (
        "a listener of on_any failed for 'x'",
        "a listener of on_any_outgoing failed for 'y'",
        "the error handler failed for 'z'",
        "the adapter of namespace / failed to forget a socket",
        "the predicate of a dynamic namespace failed for '/dynamic'",
    ):
        assert line in caplog.text


async def test_what_is_cancelled_between_servers_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    io = Server()
    io.on_server("now", cancelled)
    io.on_server("later", cancelled_later)
    status = ClusterStatus(connected=False)
    status.on_change(cancelled)
    async with serving(io):
        io.server_event("now", [], None)
        io.server_event("later", [], None)
        await until(lambda: not io.handler_tasks)
        status.change(True)
        io.on_server("hang", lambda: asyncio.Event().wait())
        io.server_event("hang", [], None)
        await io.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of the servers' event 'now' failed",
        "the handler of the servers' event 'later' failed",
        "a hook of the cluster's status failed",
    ]


@pytest.mark.parametrize("where", ["handler", "middleware", "disconnect"])
async def test_the_end_of_the_server_is_no_failure(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    told = answer_failures(io)
    started = asyncio.Event()

    async def hang(*_args: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    if where == "middleware":
        io.use_event(hang)
    else:
        io.on("x" if where == "handler" else "disconnect", hang)
    await io.listen(port=0)
    async with asyncio.timeout(PATIENCE), Client(f"http://127.0.0.1:{io.port}") as client:
        client.emit("x")
        if where == "disconnect":
            await client.disconnect()
        await started.wait()
        await io.close()
    assert told == []
    assert "failed" not in caplog.text


# --- a peer that goes away or does not answer is no fault of the program


async def gone(socket: Socket) -> None:
    """Ask a client that goes meanwhile."""
    await socket.call("question", timeout=60)


async def silent(socket: Socket) -> None:
    """Ask a client that does not answer."""
    await socket.call("question", timeout=0.0)


@pytest.mark.parametrize(("ask", "error"), [(gone, Disconnected), (silent, AcknowledgementTimeout)])
@pytest.mark.parametrize("event", ["x", "connect"])
async def test_a_client_that_does_not_answer_leaves_no_traceback(
    event: str,
    ask: Callable[[Socket], Coroutine[Any, Any, None]],
    error: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "socketio_min")
    io = Server()
    told = answer_failures(io)
    asked = asyncio.Event()

    async def handler(socket: Socket) -> None:
        asked.set()
        await ask(socket)

    io.on(event, handler)
    async with serving(io) as net:
        client = await net.open()
        if event == "x":
            await client.join()
            await client.send('42["x"]')
        else:
            await client.send("40")
        await asked.wait()
        await client.leave()
        await until(lambda: not io.connections and not io.handler_tasks)
    records = [record for record in caplog.records if record.name == "socketio_min"]
    assert [(record.levelname, record.exc_info) for record in records] == [("INFO", None)]
    what = "the handler of 'x' in" if event == "x" else "the admission to"
    assert records[0].getMessage().startswith(f"{what} namespace / failed: ")
    assert "question" in records[0].getMessage()
    assert [type(failure) for _, failure in told] == ([error] if event == "x" else [])


# --- the client's side


@pytest.mark.parametrize("handler", HANDLERS)
async def test_what_is_cancelled_inside_of_a_clients_handler_fails_its_event(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}")
    told: list[tuple[str, Exception]] = []

    @client.on_error
    def on_error(event: str, _args: list[Any], error: Exception) -> str:
        told.append((event, error))
        return type(error).__name__

    client.on("x", handler)
    client.on("connect", handler)
    client.on_any(cancelled)
    client.on_any_outgoing(cancelled)
    client.on_connection("open", cancelled)
    async with asyncio.timeout(PATIENCE), client:
        [socket] = sockets
        client.emit("heard by nobody")
        assert await socket.call("x", 1) == "HandlerCancelled"
        client.on_error(cancelled)
        with pytest.raises(AcknowledgementTimeout):
            await socket.call("x", 1, timeout=0.05)
    await io.close()
    assert [event for event, _ in told] == ["connect", "x"]
    assert all(isinstance(error, HandlerCancelled) for _, error in told)
    for line in (
        "a listener of on_any failed for 'x'",
        "a listener of on_any_outgoing failed for 'heard by nobody'",
        "a listener of the connection's 'open' failed",
        "the handler of on_error failed for 'x'",
    ):
        assert line in caplog.text


async def test_the_end_of_a_client_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    io = Server()
    io.on("connect", lambda socket: socket.emit("x"))
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}")
    started = asyncio.Event()

    @client.on("x")
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE), client:
        await started.wait()
    await io.close()
    assert "failed" not in caplog.text


async def test_a_server_that_goes_leaves_no_traceback_in_a_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    io = Server()
    io.on("connect", lambda socket: socket.emit("x"))
    io.on_other(lambda socket, *_args: socket.disconnect())
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}")
    caplog.set_level(logging.INFO, "socketio_min")
    ended = asyncio.Event()
    client.on("disconnect", lambda _reason: ended.set())

    @client.on("x")
    async def ask() -> None:
        await client.call("question")

    async with asyncio.timeout(PATIENCE), client:
        await ended.wait()
        await until(lambda: caplog.records)
    await io.close()
    [record] = caplog.records
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert record.getMessage().startswith("the handler of 'x' failed: ")
