"""The order of handlers, and those that fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import Server, Socket
from tests.socketio_min.server.admitting import Gate
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.waiting import until


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("event_middleware", [False, True])
async def test_handlers_start_in_the_order_of_arrival(
    transport: Transport, event_middleware: bool
) -> None:
    """Invariant: whatever mixture of handlers, each begins after those that arrived before it."""
    io = Server()
    begun: list[int] = []
    gate = Gate()

    @io.on("later")
    async def later(_socket: Socket, number: int) -> None:
        begun.append(number)
        await gate.wait()

    @io.on("now")
    def now(_socket: Socket, number: int) -> None:
        begun.append(number)

    if event_middleware:
        io.use_event(lambda _socket, _event, _args: None)
    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        kinds = [
            "later",
            "now",
            "later",
            "later",
            "now",
            "now",
            "later",
            "now",
            "later",
            "later",
            "later",
            "now",
        ]
        await client.send(*[f'42["{kind}",{number}]' for number, kind in enumerate(kinds)])
        await until(lambda: len(begun) == len(kinds))
        assert begun == list(range(len(kinds)))
        gate.open()


async def test_packets_behind_a_handler_that_has_not_begun_keep_their_order() -> None:
    """Invariant: CONNECT, acknowledgements and DISCONNECT do not overtake events either."""
    io = Server()
    seen: list[str] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        seen.append("connect")

    @io.on("later")
    async def later(_socket: Socket) -> None:
        seen.append("later")

    @io.on("disconnect")
    def disconnect(_socket: Socket, _reason: str) -> None:
        seen.append("disconnect")

    @io.of("/other").on("connect")
    def other(_socket: Socket) -> None:
        seen.append("/other")

    async with serving(io) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(socket.call("question"))
        call.add_done_callback(lambda _call: seen.append("answer"))
        await client.expect('420["question"]')
        await client.send(
            '42["later"]', "430[1]", "40/other,", '42["later"]', "41", '42["too late"]'
        )
        assert (await client.receive_text()).startswith("40/other,")
        assert await call == 1
        await until(lambda: "disconnect" in seen)
        assert [item for item in seen if item != "answer"] == [
            "connect",
            "later",
            "/other",
            "later",
            "disconnect",
        ]


async def test_a_synchronous_handler_answers_before_the_read_ends() -> None:
    io = Server()
    io.on("now", lambda _socket, value: value)
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["now",1]', '422["now",2]')
        await client.expect("431[1]", "432[2]")
        assert not io.handler_tasks


@pytest.mark.parametrize("later", [False, True])
async def test_a_handler_that_fails_is_logged_and_costs_nothing_else(
    later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()

    def fail(*_anything: Any) -> None:
        raise ValueError("the handler's own")

    async def fail_later(*_anything: Any) -> None:
        await asyncio.sleep(0)
        fail()

    io.on("fail", fail_later if later else fail)
    io.on("disconnect", fail_later if later else fail)
    io.on("disconnecting", fail)
    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('421["fail"]')
        await client.nothing_more()
        assert socket.connected
        await client.leave()
        await until(lambda: not io.connections)
    assert caplog.text.count("ValueError: the handler's own") == 3
    for event in ("fail", "disconnecting", "disconnect"):
        assert f"the handler of '{event}' in namespace / failed" in caplog.text


async def test_a_call_with_the_wrong_arguments_is_a_failure_of_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whose mistake it is nobody knows, but a client can make it often: it is logged once."""
    io = Server()
    errors: list[tuple[str, list[Any], str]] = []
    io.on("two", lambda _socket, _one, _two: None)

    @io.on("later")
    async def later(_socket: Socket, number: Any) -> None:
        number + 1

    @io.on_error
    def on_error(_socket: Socket, event: str, args: list[Any], error: Exception) -> None:
        errors.append((event, args, type(error).__name__))

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["two",1]')
        await client.nothing_more()
        assert errors == [("two", [1], "TypeError")]
        await client.send('42["two"]', '42["later"]', '42["later",1,2]')
        await client.nothing_more()
        assert [args for _, args, _ in errors] == [[1], [], [], [1, 2]]
        told = [record for record in caplog.records if record.name == "socketio_min"]
        assert [record.getMessage().split(" in ")[0] for record in told] == [
            "the handler of 'two'",
            "the handler of 'later'",
        ]
        assert not any(record.exc_info for record in told)
        assert "missing 1 required positional argument: '_two'" in caplog.text
        # The handler's own TypeError is another matter.
        await client.send('42["later","x"]')
        await client.nothing_more()
    assert "the handler of 'later' in namespace / failed" in caplog.text
    assert "Traceback" in caplog.text
