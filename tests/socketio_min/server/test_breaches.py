"""breaches.py over the wire: what the log tells of a client that breaks a rule."""

from __future__ import annotations

import pytest

from socketio_min import Server
from tests.socketio_min.serving import serving
from tests.socketio_min.wire import PollingClient


@pytest.mark.parametrize("namespace", ["/", "/other"])
async def test_a_second_connect_is_told_ten_times(
    namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    io.of("/other")
    head = "40" if namespace == "/" else "40/other,"
    async with serving(io) as net:
        for _ in range(12):
            client, _ = await net.join(namespace)
            await client.send(head)
            assert await client.rest() == []
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    told = (
        f"closed the connection of 127.0.0.1: got CONNECT for the namespace '{namespace}' twice; a "
        "connection joins each namespace once, and again only after it has left it "
        "(Socket.IO v5, Connection to a namespace)"
    )
    assert lines == [told] * 10


async def test_a_malformed_packet_is_told_a_bounded_number_of_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its POST is answered with 200, and the next GET with the end: nothing else would tell why."""
    async with serving(Server()) as net:
        for number in range(12):
            client = await net.open("polling")
            assert isinstance(client, PollingClient)
            reply = await client.post(b"49")
            assert (reply.status, reply.text) == (200, "ok")
            assert (await client.get()).text == "1"
            client.ended = True
            if number == 0:
                assert caplog.messages == [
                    "closed the connection of 127.0.0.1: got the packet '9': expected a packet "
                    "type from 0 to 6; close the connection"
                ]
        assert len(caplog.messages) == 10
