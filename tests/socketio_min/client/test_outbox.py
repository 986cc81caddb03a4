"""What is too large, given up, or sent from another thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from socketio_min import (
    EncodeError,
    UsageError,
)
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    Script,
)
from tests.socketio_min.client.meeting import Talk, joined, log_of, meeting
from tests.socketio_min.serving import advance
from tests.waiting import until

SMALL = HANDSHAKE.replace("}", ',"maxPayload":100}')


def small(talk: Talk) -> Script:
    """A server that takes messages of 100 bytes."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(SMALL)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        await talk(peer)
        await peer.answer_close()

    return script


async def test_what_is_too_large_for_the_server_is_not_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["kept"]'
        assert await peer.packet() == '42["' + "x" * 94 + '"]'
        assert await peer.packet() == '451-["bin",{"_placeholder":true,"num":0}]'
        assert await peer.packet() == bytes(100)
        peer.frame('427["asks"]')
        peer.frame('428["ends"]')
        assert await peer.packet() == "438[]"

    refusal = "got a message of 101 bytes, and the server takes at most 100: send less"
    async with meeting(small(talk)) as (client, _):
        asked = client.emit_with_ack("y" * 94)
        client.emit("y" * 95)
        client.emit("kept")
        client.on("asks", lambda: "y" * 100)
        ended = log_of(client, "ends")
        await client.connect()
        with pytest.raises(UsageError, match=refusal):
            await asked
        assert f"'{'y' * 95}' was not sent: {refusal}" in caplog.text
        client.emit("x" * 94)
        client.emit("bin", bytes(100))
        for event, args in (("ü" + "x" * 93, ()), ("bin", (bytes(101),))):
            with pytest.raises(UsageError, match=refusal):
                client.emit(event, *args)
            with pytest.raises(UsageError, match=refusal):
                client.volatile.emit(event, *args)
        with pytest.raises(UsageError, match="got a message of 102 bytes"):
            await client.call("y" * 95)
        await until(lambda: ended)
        assert "the handler of 'asks' failed" in caplog.text
        assert client.pending_acks == 0


async def test_an_event_with_retries_that_is_too_large_holds_up_no_other() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '421["kept"]'
        peer.frame("431[]")

    async with meeting(small(talk), retries=3, ack_timeout=60) as (client, _):
        large = client.emit_with_ack("y" * 100)
        kept = client.emit_with_ack("kept")
        await client.connect()
        with pytest.raises(UsageError, match="the server takes at most 100"):
            await large
        assert await kept is None


async def test_the_close_code_of_the_server_is_told() -> None:
    async def closes(peer: Peer) -> None:
        peer.frame((1009).to_bytes(2, "big") + b"too\x1b", 0x88)
        await peer.ended()

    async with meeting(joined(closes), joined()) as (client, _):
        closed: list[Any] = []
        client.on_connection("close", lambda *args: closed.append(args))
        await client.connect()
        await until(lambda: closed)
        assert closed == [
            ("transport close", "got a close frame: 1009 (the message is too big), 'too\\x1b'")
        ]


async def test_an_event_that_is_given_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(peer: Peer) -> None:
        for number in range(3):
            assert await peer.packet() == f'42{number}["unheard"]'
            advance(11)
        assert await peer.packet() == '423["heard"]'
        peer.frame("433[]")
        assert await peer.packet() == '424["forgotten"]'
        peer.frame("434[]")

    async with meeting(joined(talk), retries=2, ack_timeout=10) as (client, _):
        await client.connect()
        client.emit("unheard")
        client.emit("heard")
        with pytest.raises(EncodeError):
            client.emit("never", {1})
        forgotten = client.emit_with_ack("forgotten")
        forgotten.cancel()
        await until(lambda: not client.pending_acks and client._outbox._acks._last_id == 4)
        assert "an event was given up after its last retry" in caplog.text


async def test_an_event_from_another_thread_leaves_at_once_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        for number in range(2):
            assert await peer.packet() == f'42["from a thread",{number}]'
            peer.frame('42["seen"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "seen")
        await client.connect()
        # Then the loop refuses every call that would not wake it.
        asyncio.get_running_loop().set_debug(True)
        for number in range(2):
            thread = threading.Thread(target=client.emit, args=("from a thread", number))
            thread.start()
            thread.join()
            await until(lambda number=number: len(seen) == number + 1)  # type: ignore[misc]
        assert caplog.text.count("in another thread than the event loop's") == 1
