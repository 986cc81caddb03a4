"""What the official protocol suites ask of Engine.IO and of Socket.IO alike, and their target.

The cases are written from the protocol's description over a raw client. Where the suites wait for a
time to pass, a case here waits for what happens then.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engineio_min.wire import Response
from tests.forked_servers import Forked
from tests.socketio_min.wire import (
    Client,
    Ended,
    PollingClient,
    WebSocketClient,
    answer,
    request,
)

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = "/engine.io/"
SOCKET = "/socket.io/"
INVALID_EIO = ("", "&EIO=abc")
INVALID_TRANSPORT = ("", "&transport=abc")


def start_target(*arguments: str) -> tuple[Forked, str, int]:
    process = Forked("conformance", "target", "--port", "0", *arguments, errors=subprocess.STDOUT)
    line = process.stdout.readline()
    found = re.fullmatch(r"ready http://([\d.]+):(\d+)\n", line)
    if found is None:
        process.kill()
        output = line + process.communicate()[0]
        raise AssertionError(f"the target did not start: {output}")
    return process, found[1], int(found[2])


def stop_target(process: Forked) -> None:
    """The target ends at once and has written nothing but its first line, what it says when the
    machine was busy, and which sessions it closed for what their clients sent.
    """
    process.terminate()
    output, _ = process.communicate(timeout=60)
    lines = output.splitlines()
    expected = ("the event loop stood still", "closed the ")
    assert [line for line in lines if not line.startswith(expected)] == []
    assert process.returncode == 0


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[int]:
    process, host, port = start_target(*arguments)
    assert host == "127.0.0.1"
    try:
        yield port
    finally:
        stop_target(process)


async def open_polling(port: int, path: str) -> PollingClient:
    return await PollingClient.open(port, path)


async def open_websocket(port: int, path: str) -> WebSocketClient:
    return await WebSocketClient.open(port, path)


# --- what both suites ask for


def check_handshake(handshake: dict[str, Any], upgrades: list[str]) -> None:
    assert set(handshake) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert isinstance(handshake["sid"], str)
    assert handshake["upgrades"] == upgrades
    assert handshake["pingInterval"] == 300
    assert handshake["pingTimeout"] == 200
    assert handshake["maxPayload"] == 1_000_000


async def handshake_polling(port: int, path: str) -> None:
    client = await open_polling(port, path)
    check_handshake(client.handshake, ["websocket"])
    await client.finish()


async def handshake_polling_invalid_eio(port: int, path: str) -> None:
    for query in INVALID_EIO:
        reply = await request(port, "GET", f"{path}?transport=polling{query}")
        assert reply.status == 400
        assert json.loads(reply.text) == {"code": 5, "message": "Unsupported protocol version"}


async def handshake_polling_invalid_transport(port: int, path: str) -> None:
    for query in INVALID_TRANSPORT:
        reply = await request(port, "GET", f"{path}?EIO=4{query}")
        assert reply.status == 400
        assert json.loads(reply.text) == {"code": 0, "message": "Transport unknown"}


async def handshake_polling_invalid_method(port: int, path: str) -> None:
    for method in ("POST", "PUT"):
        reply = await request(port, method, f"{path}?EIO=4&transport=polling")
        assert reply.status == 400
        assert json.loads(reply.text) == {"code": 2, "message": "Bad handshake method"}


async def handshake_websocket(port: int, path: str) -> None:
    client = await open_websocket(port, path)
    check_handshake(client.handshake, [])
    await client.leave()


async def handshake_websocket_refused(port: int, target: str) -> None:
    with pytest.raises(Ended, match="400"):
        await WebSocketClient.upgrade(port, target)


async def heartbeat(client: Client) -> None:
    for _ in range(3):
        await client.expect("2")
        await client.send("3")
    await client.finish()


async def heartbeat_polling(port: int, path: str) -> None:
    client = await open_polling(port, path)
    for _ in range(3):
        # The ping is alone in its answer.
        assert (await client.get()).text == "2"
        await client.send("3")
    await client.finish()


async def heartbeat_timeout(client: Client) -> None:
    assert await client.rest() == ["2"]


async def gone(port: int, client: PollingClient) -> None:
    """The session is closed, and was not merely busy."""
    reply = await client.get()
    assert reply.status == 400
    assert json.loads(reply.text) == {"code": 1, "message": "Session ID unknown"}


async def heartbeat_polling_timeout(port: int, path: str) -> None:
    client = await open_polling(port, path)
    await heartbeat_timeout(client)
    await gone(port, client)


async def close_polling(port: int, path: str) -> None:
    client = await open_polling(port, path)
    await client.park()
    parked = client.parked
    assert parked is not None
    # Connections have no order; when this one is answered, the poll has been read too.
    await client.send("3")
    await client.post(b"1")
    client.parked = None
    assert (await answer(parked)).text == "6"
    await gone(port, client)


async def close_websocket(port: int, path: str) -> None:
    client = await open_websocket(port, path)
    await client.send("1")
    assert await client.rest() == []


async def upgrade(port: int, path: str) -> tuple[PollingClient, WebSocketClient]:
    polling = await open_polling(port, path)
    sid = polling.handshake["sid"]
    websocket = await WebSocketClient.upgrade(port, f"{path}?EIO=4&transport=websocket&sid={sid}")
    await websocket.send("2probe")
    await websocket.expect("3probe")
    assert (await polling.get()).text == "6"
    await websocket.send("5")
    return polling, websocket


async def wait_for_upgrade(polling: PollingClient) -> Response:
    """The answer of a polling request once the server has taken notice of the upgrade."""
    while True:
        reply = await polling.get()
        if reply.status != 200:
            return reply
        assert reply.text == "6"


async def upgrade_then_http(port: int, path: str) -> None:
    polling, websocket = await upgrade(port, path)
    reply = await wait_for_upgrade(polling)
    assert (reply.status, json.loads(reply.text)["code"]) == (400, 3)
    reply = await polling.post(b"4x")
    assert (reply.status, json.loads(reply.text)["code"]) == (400, 3)
    await websocket.leave()


async def upgrade_then_second_websocket(port: int, path: str) -> WebSocketClient:
    polling, websocket = await upgrade(port, path)
    await wait_for_upgrade(polling)
    second = await WebSocketClient.upgrade(
        port, f"{path}?EIO=4&transport=websocket&sid={polling.handshake['sid']}"
    )
    assert await second.rest() == []
    return websocket
