"""What the simulation has found, each as the shortest case at the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from engineio_min import Forbidden, HttpServer, Request, RequestRefused, Response
from socketio_min import MemoryAdapter, Server, Socket
from tests.engineio_min.wire import connect, encode_request
from tests.hostile.stage import POLLING, staged
from tests.waiting import until


class Unreachable(MemoryAdapter):
    """An adapter that forgets a socket here and then cannot tell the others."""

    __slots__ = ()

    broken = False

    def delete_all(self, socket_id: str) -> None:
        super().delete_all(socket_id)
        if Unreachable.broken:
            raise OSError("the cluster cannot be reached")


async def test_an_adapter_that_fails_holds_nobody_back() -> None:
    """Every socket of the connection is told of its end and gone, and a refusal is answered."""
    async with staged(adapter=Unreachable) as stage:
        ends: list[tuple[str, str]] = []

        def end(socket: Socket, reason: str) -> None:
            ends.append((socket.namespace.name, reason))

        for name in ("/", "/chat"):
            stage.io.of(name).on("disconnect", end)
        wire = await stage.joined()
        await wire.send_packet("40/chat,")
        assert str(await wire.packet()).startswith("40/chat,{")
        Unreachable.broken = True
        try:
            await wire.send_packet("40/refused,")
            assert await wire.packet() == '44/refused,{"message":"not authorized"}'
            await wire.send_packet("1")
            assert await wire.close_code() == 1005
            await until(lambda: len(ends) == 2)
        finally:
            Unreachable.broken = False
        assert ends == [("/", "transport close"), ("/chat", "transport close")]
        stage.failures = 3


async def test_no_session_opens_while_the_server_closes() -> None:
    """A handshake that comes in the turn in which the server closes would outlive it."""
    io = Server()
    await io.listen(port=0)
    async with connect(io.port) as wire:
        assert (await wire.request("GET", "/")).status == 404
        # It is read after the sessions have been closed and before the connections are.
        wire.writer.write(encode_request("GET", POLLING))
        await asyncio.create_task(io.close())
        assert (await wire.response()).status == 503
    assert not io.engine.sessions


async def test_a_decision_that_has_not_begun_is_answered_when_the_server_closes() -> None:
    async def decide() -> None:
        """Nobody gets here."""
        await asyncio.Event().wait()

    def allow(_request: Request) -> Awaitable[None]:
        asyncio.get_running_loop().call_soon(io.engine.close)
        return decide()

    io = Server(allow_request=allow)
    await io.listen(port=0)
    async with connect(io.port) as wire:
        assert (await wire.request("GET", POLLING)).status == 503
    await io.close()


async def test_a_decision_that_waits_is_answered_when_the_server_closes() -> None:
    begun = asyncio.Event()

    async def allow(_request: Request) -> None:
        begun.set()
        await asyncio.Event().wait()

    io = Server(allow_request=allow)
    await io.listen(port=0)
    async with connect(io.port) as wire:
        await wire.send(encode_request("GET", POLLING))
        await begun.wait()
        await io.close()
        assert (await wire.response()).status == 503


async def test_a_route_whose_wait_is_cancelled_is_answered() -> None:
    """Cancelled by the application, not by the server: the server goes on."""

    async def broken(_request: Request) -> Response:
        forlorn: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        forlorn.cancel()
        return await forlorn

    http = HttpServer()
    http.route("/broken", broken)
    async with staged(http=http) as stage:
        wire = await stage.wire()
        assert (await wire.request("GET", "/broken")).status == 503
        other = await stage.wire()
        assert (await other.request("GET", "/next")).status == 404


async def test_a_route_that_has_not_begun_is_answered_when_the_server_closes() -> None:
    async def slow() -> Response:
        await asyncio.Event().wait()
        return Response(200)

    closing: list[asyncio.Task[None]] = []

    def route(_request: Request) -> Awaitable[Response]:
        closing.append(asyncio.create_task(io.close()))
        return slow()

    http = HttpServer()
    http.route("/slow", route)
    io = Server()
    await io.listen(port=0, http=http)
    async with connect(io.port) as wire:
        assert (await wire.request("GET", "/slow")).status == 503
    await closing[0]


async def test_a_hook_that_fails_leaves_no_request_unanswered() -> None:
    """Neither at once nor after a decision, whose task would die of it."""

    async def refuse(request: Request) -> None:
        if "x-refused" in request.headers:
            raise Forbidden

    def complain(_error: RequestRefused, _request: Request) -> None:
        if failing:
            raise ValueError("the hook")

    failing = False
    async with staged(connection_error=complain, allow_request=refuse) as stage:
        stage.failures = 2
        failing = True
        wire = await stage.wire()
        answer = await wire.request("GET", "/socket.io/?EIO=4&transport=pigeon")
        assert (answer.status, answer.json["code"]) == (400, 0)
        answer = await wire.request("GET", POLLING, {"X-Refused": "yes"})
        assert (answer.status, answer.json["code"]) == (403, 4)
        failing = False
