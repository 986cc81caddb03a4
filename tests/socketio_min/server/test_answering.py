"""answering.py over the wire: what a client hears of an event that fails."""

from __future__ import annotations

import logging

import pytest

from socketio_min import Server, Socket
from tests.socketio_min.serving import serving


@pytest.mark.parametrize(
    ("answer", "heard"),
    [("sorry", '431["sorry"]'), (None, '432["fine"]'), (object(), '432["fine"]')],
)
async def test_what_the_error_handler_returns_is_the_answer(
    answer: object, heard: str, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()

    @io.on("bad")
    def bad(_socket: Socket) -> None:
        raise LookupError("gone")

    io.on("good", lambda _socket: "fine")
    io.on_error(lambda _socket, _event, _args, _error: answer)
    async with serving(io) as net:
        client, _ = await net.join()
        with caplog.at_level(logging.ERROR, "socketio_min"):
            await client.send('421["bad"]')
            await client.send('422["good"]')
            await client.expect(heard)
    told = "the error handler's answer to 'bad' cannot be sent"
    assert (told in caplog.text) == (heard == '432["fine"]' and answer is not None)
