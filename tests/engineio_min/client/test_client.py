"""The client on the wire, against this project's server."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from engineio_min import Server
from engineio_min.client.options import ClientOptionValues
from tests.engineio_min.client.ear import TRANSPORTS, Ear, connected, refusal, url_of
from tests.engineio_min.harness import Harness, serving
from tests.waiting import patient, until

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


# -- this project's server


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_messages_both_ways_in_order(harness: Harness, options: ClientOptionValues) -> None:
    async with connected(url_of(harness), **options) as ear:
        sent: list[str | bytes] = []
        for number in range(300):
            sent += [f"{number} é😀", bytes((number % 256,)) * number]
            ear.client.send(sent[-2])
            ear.client.send(sent[-1])
            if number % 30 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(ear.messages) == 600)
        assert ear.messages == sent
        if len(options["transports"]) == 2:
            await until(lambda: ear.upgrades)
            assert ear.client.transport == "websocket"
            assert not ear.client._http.connections
        else:
            assert ear.client.transport == options["transports"][0]
    assert ear.closed == [("forced close", "closed by the client")]
    await until(lambda: harness.closed)
    assert harness.closed == ["transport close"]


async def test_a_client_that_must_not_upgrade(harness: Harness) -> None:
    async with connected(url_of(harness), upgrade=False) as ear:
        ear.client.send("a")
        await until(lambda: ear.messages)
        assert ear.client.transport == "polling"


async def test_large_messages(harness: Harness) -> None:
    for options in TRANSPORTS:
        async with connected(url_of(harness), **options) as ear:
            sent: list[str | bytes] = ["a" * 900_000, b"b" * 700_000, "c" * 70_000]
            for message in sent:
                ear.client.send(message)
            await until(lambda: len(ear.messages) == 3)
            assert ear.messages == sent


async def test_compressed_messages() -> None:
    async with (
        serving(per_message_deflate=True) as harness,
        connected(url_of(harness), transports=["websocket"], per_message_deflate=100) as ear,
    ):
        sent: list[str | bytes] = ["a" * 99, "a" * 5000, b"b" * 5000]
        for message in sent:
            ear.client.send(message)
        await until(lambda: len(ear.messages) == 3)
        assert ear.messages == sent


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_the_heartbeat(options: ClientOptionValues) -> None:
    async with serving(ping_interval=0.05, ping_timeout=60.0) as harness:
        pings = []
        ear = Ear(url_of(harness), **options)
        ear.client.tap = lambda direction, packet: pings.append((direction, packet))
        await ear.client.connect()
        await until(lambda: pings.count(("in", "2")) >= 3 and pings.count(("out", "3")) >= 3)
        assert ear.client.opened
        await ear.finish()


async def test_everything_queued_is_sent_before_the_end(harness: Harness) -> None:
    harness.echo = False
    for options in TRANSPORTS[:2]:
        harness.received.clear()
        async with connected(url_of(harness), **options) as ear:
            for number in range(100):
                ear.client.send(str(number))
        await until(lambda: len(harness.received) == 100)


async def test_drained(harness: Harness) -> None:
    for options in TRANSPORTS[:2]:
        async with connected(url_of(harness), **options) as ear:
            await patient(ear.client.drained())
            ear.client.send("a")
            await patient(ear.client.drained())
            assert ear.client.session.idle
            waiting = asyncio.create_task(ear.client.drained())
            ear.client.send("b")
            cancelled = asyncio.create_task(ear.client.drained())
            await asyncio.sleep(0)
            cancelled.cancel()
            await patient(waiting)
        await patient(ear.client.drained())


async def test_the_server_closes(harness: Harness) -> None:
    for options, detail in zip(
        TRANSPORTS[:2], ("got a close packet", "got a close frame"), strict=True
    ):
        async with connected(url_of(harness), **options) as ear:
            await until(lambda: harness.server.sessions)
            harness.connection.close()
            assert await ear.ended() == ("transport close", detail)


async def test_query_headers_and_cookies() -> None:
    async with serving(cookie=True) as harness:
        url = f"{url_of(harness)}/?a=1&b=%20\u00e9 x"
        async with connected(
            url, query={"c d": "&"}, extra_headers={"X-Token": "secret"}, upgrade=False
        ) as ear:
            request = harness.connection.request
            assert request.query == {
                "a": "1",
                "b": " é x",
                "c d": "&",
                "EIO": "4",
                "transport": "polling",
            }
            assert request.headers["x-token"] == "secret"
            assert ear.client._http.cookies.header(0.0) == f"io={ear.client.handshake.sid}"


async def test_over_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = Server()
    server.on_connection(lambda connection: setattr(connection, "on_message", connection.send))
    await server.listen(port=0, ssl=context)
    url = f"https://localhost:{server.port}"
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    for options in TRANSPORTS:
        async with connected(url, ssl=trusting, transports=options["transports"]) as ear:
            ear.client.send("a" * 100_000)
            await until(lambda: ear.messages)
    for transport in ("polling", "websocket"):
        error = await refusal(url, transports=[transport])
        assert "certificate verify failed" in str(error)
    await server.stop()
