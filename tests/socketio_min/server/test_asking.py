"""`asking.py` over the wire: what a client answers, late, twice, wrongly or never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import AcknowledgementTimeout, Disconnected, Limits, Server, UsageError
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import PATIENCE

HOLE = '{"_placeholder":true,"num":0}'
SECOND = '{"_placeholder":true,"num":1}'


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (("430[]",), None),
        (("430",), None),
        (("430[null]",), None),
        (("430[0]",), 0),
        (("430[[1,2]]",), [1, 2]),
        (('430[1,"2"]',), (1, "2")),
        ((f"461-0[{HOLE}]", b"x"), b"x"),
        ((f'462-0[{SECOND},{{"a":{HOLE}}}]', b"x", b"y"), (b"y", {"a": b"x"})),
    ],
)
async def test_call_returns_what_the_client_answers(
    answer: tuple[str | bytes, ...], value: Any, transport: Transport
) -> None:
    async with serving(Server()) as net:
        client, socket = await net.join(transport=transport)
        call = asyncio.ensure_future(socket.call("question", 1, timeout=PATIENCE))
        await client.expect('420["question",1]')
        assert socket.pending_acks == 1
        await client.send(*answer)
        assert await call == value
        assert socket.pending_acks == 0


async def test_call_with_binary_arguments_in_a_namespace() -> None:
    io = Server()
    io.of("/custom")
    async with serving(io) as net:
        client, socket = await net.join("/custom")
        call = asyncio.ensure_future(socket.call("question", b"x", timeout=PATIENCE))
        await client.expect(f'451-/custom,0["question",{HOLE}]', b"x")
        await client.send("43/custom,0[1]")
        assert await call == 1


async def test_an_acknowledgement_counts_once_and_only_from_its_socket() -> None:
    """S28: the ids are the namespace's, so another client may guess them."""
    io = Server()
    async with serving(io) as net:
        one, first = await net.join()
        two, second = await net.join()
        calls = [
            asyncio.ensure_future(socket.call("q", timeout=PATIENCE)) for socket in (first, second)
        ]
        await one.expect('420["q"]')
        await two.expect('421["q"]')
        await one.send('431["wrong"]', '432["wrong"]')
        await two.send('430["wrong"]')
        await two.nothing_more()
        await one.send('430["right"]', '430["again"]')
        assert await calls[0] == "right"
        await two.send('431["too"]')
        assert await calls[1] == "too"


async def test_an_acknowledgement_that_does_not_come_in_time() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        with pytest.raises(AcknowledgementTimeout, match=r"'q' within 0\.001 seconds") as caught:
            await socket.call("q", timeout=0.001)
        assert caught.value.responses == []
        assert isinstance(caught.value, TimeoutError)
        assert socket.pending_acks == 0
        await client.expect('420["q"]')
        await client.send('430["late"]')
        await client.nothing_more()


@pytest.mark.parametrize("how", ["41", "leave", "server"])
async def test_a_client_that_goes_ends_the_calls(how: str) -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        calls = [asyncio.ensure_future(socket.call("q", timeout=PATIENCE)) for _ in range(2)]
        await client.expect('420["q"]', '421["q"]')
        if how == "41":
            await client.send("41")
        elif how == "leave":
            await client.leave()
        else:
            socket.disconnect()
        for call in calls:
            with pytest.raises(Disconnected, match="before it acknowledged 'q'"):
                await call
        assert socket.pending_acks == 0
        with pytest.raises(Disconnected, match="before 'q' was sent"):
            await socket.call("q")


async def test_a_call_that_is_cancelled_is_forgotten() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(socket.call("q", timeout=PATIENCE))
        await client.expect('420["q"]')
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert socket.pending_acks == 0
        await client.send("430[1]")
        await client.nothing_more()
        (watched,) = io.connections
        assert watched.turns.acks_due == 0


async def test_a_call_that_is_cancelled_while_the_client_goes() -> None:
    async with serving(Server()) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(socket.call("q", timeout=PATIENCE))
        await client.expect('420["q"]')
        call.cancel()
        socket.disconnect()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_s30_pending_acknowledgements_are_bounded() -> None:
    io = Server(limits=Limits(max_pending_acks=2))
    async with serving(io) as net:
        client, socket = await net.join()
        calls = [asyncio.ensure_future(socket.call("q", timeout=PATIENCE)) for _ in range(2)]
        await client.expect('420["q"]', '421["q"]')
        with pytest.raises(UsageError, match="2 acknowledgements are pending"):
            await socket.call("q")
        assert socket.pending_acks == 2
        await client.send("431[]")
        await calls[1]
        calls.append(asyncio.ensure_future(socket.call("q", timeout=PATIENCE)))
        await client.expect('423["q"]')
        await client.send("430[]", "433[]")
        await asyncio.gather(*calls)
