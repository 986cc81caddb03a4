"""What the simulation has found, each as the shortest case at the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from socketio_min import MemoryAdapter, Server, Socket
from tests.engineio_min.wire import connect, encode_request, until
from tests.hostile.stage import POLLING, staged


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


async def test_a_packet_that_fails_in_its_turn_ends_the_session() -> None:
    """A predicate that fails behind an asynchronous handler: what follows must not wait."""
    async with staged() as stage:
        stage.failures = 1

        @stage.io.of
        def match(_name: str, auth: Any) -> bool:
            return bool(auth["token"])

        @stage.io.on("work")
        async def work(_socket: Socket) -> None:
            pass

        wire = await stage.joined()
        await wire.send_packet('42["work"]', "40/dynamic,{}", '421["echo"]')
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["forced close"]


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
