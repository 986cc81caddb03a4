"""The cases of the official protocol suites, against the reference target as a process of its own.

57 cases, one function each: 25 of Engine.IO v4 and 32 of Socket.IO v5, in the suites' order. They
are written from the protocol's description over a raw client. Where the suites wait for a time to
pass, a case here waits for what happens then.

The suites have the target ping every 300 ms and leave 200 ms for the answer. Here that is so where
a slow client changes nothing; a target with more patience serves the others, so that a session of a
busy machine ends only by what its case is about.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.__main__ import main
from tests.engineio_min.wire import Response
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
HOLE = '{"_placeholder":true,"num":0}'
SECOND = '{"_placeholder":true,"num":1}'


def start_target(*arguments: str) -> tuple[subprocess.Popen[str], str, int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "target", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"ready http://([\d.]+):(\d+)\n", line)
    if found is None:
        process.kill()
        output = line + process.communicate()[0]
        raise AssertionError(f"the target did not start: {output}")
    return process, found[1], int(found[2])


def stop_target(process: subprocess.Popen[str]) -> None:
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


@pytest.fixture(scope="module")
def hasty() -> Iterator[int]:
    """The suites' settings."""
    with running() as port:
        yield port


@pytest.fixture(scope="module")
def pinging() -> Iterator[int]:
    """The suites' pings, and as long for the answer as a busy machine takes."""
    with running("--ping-timeout", "60000") as port:
        yield port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Nobody is pinged, and there is a minute to join."""
    with running(
        "--ping-interval", "60000", "--ping-timeout", "60000", "--connect-timeout", "60000"
    ) as port:
        yield port


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


# --- Engine.IO: handshake (7)


async def test_engine_polling_opens_a_session(hasty: int) -> None:
    await handshake_polling(hasty, ENGINE)


async def test_engine_polling_refuses_an_invalid_eio(port: int) -> None:
    await handshake_polling_invalid_eio(port, ENGINE)


async def test_engine_polling_refuses_an_invalid_transport(port: int) -> None:
    await handshake_polling_invalid_transport(port, ENGINE)


async def test_engine_polling_refuses_an_invalid_method(port: int) -> None:
    await handshake_polling_invalid_method(port, ENGINE)


async def test_engine_websocket_opens_a_session(hasty: int) -> None:
    await handshake_websocket(hasty, ENGINE)


async def test_engine_websocket_refuses_an_invalid_eio(port: int) -> None:
    for query in INVALID_EIO:
        await handshake_websocket_refused(port, f"{ENGINE}?transport=websocket{query}")


async def test_engine_websocket_refuses_an_invalid_transport(port: int) -> None:
    for query in INVALID_TRANSPORT:
        await handshake_websocket_refused(port, f"{ENGINE}?EIO=4{query}")


# --- Engine.IO: messages (9)


async def test_engine_polling_echoes_text(port: int) -> None:
    client = await open_polling(port, ENGINE)
    reply = await client.post(b"4hello")
    assert (reply.status, reply.text) == (200, "ok")
    reply = await client.get()
    assert (reply.status, reply.text) == (200, "4hello")
    await client.finish()


async def test_engine_polling_echoes_several_packets_in_one_answer(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.post(b"4test1\x1e4test2\x1e4test3")
    assert (await client.get()).text == "4test1\x1e4test2\x1e4test3"
    await client.finish()


async def test_engine_polling_echoes_text_and_binary(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.post(b"4hello\x1ebAQIDBA==")
    assert (await client.get()).text == "4hello\x1ebAQIDBA=="
    await client.finish()


async def test_engine_polling_closes_on_an_invalid_packet(port: int) -> None:
    client = await open_polling(port, ENGINE)
    assert (await client.post(b"abc")).status == 400
    await gone(port, client)


async def test_engine_polling_closes_on_two_polls_at_once(port: int) -> None:
    client = await open_polling(port, ENGINE)
    first, second = [await parked(client) for _ in range(2)]
    replies = sorted([await answer(first), await answer(second)], key=lambda reply: reply.status)
    assert [(reply.status, reply.text) for reply in replies] == [(200, "1"), (400, "")]
    await gone(port, client)


async def parked(client: PollingClient) -> Any:
    await client.park()
    return client.parked


async def test_engine_polling_closes_when_the_poll_is_cancelled(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.park()
    assert client.parked is not None
    client.parked.abort()
    client.parked = None
    # The server may hear of the next poll before it hears of the cancelled one.
    reply = await client.get()
    while reply.status == 200:
        assert reply.text in ("1", "2")
        reply = await client.get()
    assert reply.status == 400


async def test_engine_websocket_echoes_text(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send("4hello")
    await client.expect("4hello")
    await client.leave()


async def test_engine_websocket_echoes_binary(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send(b"\x01\x02\x03\x04")
    await client.expect(b"\x01\x02\x03\x04")
    await client.leave()


async def test_engine_websocket_closes_on_an_invalid_packet(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send("abc")
    assert await client.rest() == []


# --- Engine.IO: heartbeat (4)


async def test_engine_polling_sends_pings(pinging: int) -> None:
    await heartbeat_polling(pinging, ENGINE)


async def test_engine_polling_closes_without_pong(pinging: int) -> None:
    await heartbeat_polling_timeout(pinging, ENGINE)


async def test_engine_websocket_sends_pings(pinging: int) -> None:
    await heartbeat(await open_websocket(pinging, ENGINE))


async def test_engine_websocket_closes_without_pong(hasty: int) -> None:
    await heartbeat_timeout(await open_websocket(hasty, ENGINE))


# --- Engine.IO: close and upgrade (5)


async def test_engine_polling_is_closed_by_the_client(port: int) -> None:
    await close_polling(port, ENGINE)


async def test_engine_websocket_is_closed_by_the_client(port: int) -> None:
    await close_websocket(port, ENGINE)


async def test_engine_upgrades_from_polling_to_websocket(port: int) -> None:
    _, websocket = await upgrade(port, ENGINE)
    await websocket.send("4hello")
    await websocket.expect("4hello")
    await websocket.leave()


async def test_engine_ignores_http_after_the_upgrade(port: int) -> None:
    await upgrade_then_http(port, ENGINE)


async def test_engine_ignores_a_second_websocket_after_the_upgrade(port: int) -> None:
    websocket = await upgrade_then_second_websocket(port, ENGINE)
    await websocket.send("4hello")
    await websocket.expect("4hello")
    await websocket.leave()


# --- Socket.IO: the Engine.IO part (16)


async def test_socket_polling_opens_a_session(hasty: int) -> None:
    await handshake_polling(hasty, SOCKET)


async def test_socket_polling_refuses_an_invalid_eio(port: int) -> None:
    await handshake_polling_invalid_eio(port, SOCKET)


async def test_socket_polling_refuses_an_invalid_transport(port: int) -> None:
    await handshake_polling_invalid_transport(port, SOCKET)


async def test_socket_polling_refuses_an_invalid_method(port: int) -> None:
    await handshake_polling_invalid_method(port, SOCKET)


async def test_socket_websocket_opens_a_session(hasty: int) -> None:
    await handshake_websocket(hasty, SOCKET)


async def test_socket_websocket_refuses_an_invalid_eio(port: int) -> None:
    for query in INVALID_EIO:
        await handshake_websocket_refused(port, f"{SOCKET}?transport=websocket{query}")


async def test_socket_websocket_refuses_an_invalid_transport(port: int) -> None:
    for query in INVALID_TRANSPORT:
        await handshake_websocket_refused(port, f"{SOCKET}?EIO=4{query}")


async def test_socket_polling_sends_pings(pinging: int) -> None:
    await heartbeat_polling(pinging, SOCKET)


async def test_socket_polling_closes_without_pong(pinging: int) -> None:
    await heartbeat_polling_timeout(pinging, SOCKET)


async def test_socket_websocket_sends_pings(pinging: int) -> None:
    await heartbeat(await open_websocket(pinging, SOCKET))


async def test_socket_websocket_closes_without_pong(hasty: int) -> None:
    await heartbeat_timeout(await open_websocket(hasty, SOCKET))


async def test_socket_polling_is_closed_by_the_client(port: int) -> None:
    await close_polling(port, SOCKET)


async def test_socket_websocket_is_closed_by_the_client(port: int) -> None:
    await close_websocket(port, SOCKET)


async def test_socket_upgrades_from_polling_to_websocket(port: int) -> None:
    _, websocket = await upgrade(port, SOCKET)
    await connect(websocket)
    await websocket.leave()


async def test_socket_ignores_http_after_the_upgrade(port: int) -> None:
    await upgrade_then_http(port, SOCKET)


async def test_socket_ignores_a_second_websocket_after_the_upgrade(port: int) -> None:
    websocket = await upgrade_then_second_websocket(port, SOCKET)
    await connect(websocket)
    await websocket.leave()


# --- Socket.IO: connect (7)


async def connect(client: Client, namespace: str = "/", auth: str = "") -> None:
    """Join, and read the event that tells the auth payload; `{}` stands for none."""
    await client.join(namespace, auth)
    prefix = "" if namespace == "/" else namespace + ","
    await client.expect(f'42{prefix}["auth",{auth or "{}"}]')


async def joined(port: int) -> WebSocketClient:
    client = await open_websocket(port, SOCKET)
    await connect(client)
    return client


async def test_socket_connects_to_the_main_namespace(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await connect(client)
    await client.leave()


async def test_socket_connects_to_the_main_namespace_with_a_payload(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await connect(client, auth='{"token":"123"}')
    await client.leave()


async def test_socket_connects_to_a_custom_namespace(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await connect(client, "/custom")
    await client.leave()


async def test_socket_connects_to_a_custom_namespace_with_a_payload(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await connect(client, "/custom", '{"token":"abc"}')
    await client.leave()


async def test_socket_refuses_an_unknown_namespace(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await client.send("40/random")
    await client.expect('44/random,{"message":"Invalid namespace"}')
    await client.leave()


async def test_socket_closes_on_an_invalid_handshake(port: int) -> None:
    client = await open_websocket(port, SOCKET)
    await client.send("4abc")
    assert await client.rest() == []


async def test_socket_closes_without_a_handshake(pinging: int) -> None:
    client = await open_websocket(pinging, SOCKET)
    # The pongs show that it is the missing CONNECT that ends it.
    with contextlib.suppress(Ended):
        while True:
            await client.expect("2")
            await client.send("3")


# --- Socket.IO: disconnect (2)


async def test_socket_leaves_the_main_namespace(port: int) -> None:
    client = await joined(port)
    await client.send("41")
    # The connection goes on.
    await connect(client)
    await client.leave()


async def test_socket_leaves_a_custom_namespace(port: int) -> None:
    client = await joined(port)
    await connect(client, "/custom")
    await client.send("41/custom", '42["message","message to main namespace"]')
    await client.expect('42["message-back","message to main namespace"]')
    await client.leave()


# --- Socket.IO: messages (7)


async def test_socket_echoes_plain_values(port: int) -> None:
    client = await joined(port)
    await client.send('42["message",1,"2",{"3":[true]}]')
    await client.expect('42["message-back",1,"2",{"3":[true]}]')
    await client.leave()


async def test_socket_echoes_binary_values(port: int) -> None:
    client = await joined(port)
    await client.send(f'452-["message",{HOLE},{SECOND}]', b"\x01\x02\x03", b"\x04\x05\x06")
    await client.expect(f'452-["message-back",{HOLE},{SECOND}]', b"\x01\x02\x03", b"\x04\x05\x06")
    await client.leave()


async def test_socket_acknowledges_plain_values(port: int) -> None:
    client = await joined(port)
    await client.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    await client.expect('43456[1,"2",{"3":[false]}]')
    await client.leave()


async def test_socket_acknowledges_binary_values(port: int) -> None:
    client = await joined(port)
    await client.send(
        f'452-789["message-with-ack",{HOLE},{SECOND}]', b"\x01\x02\x03", b"\x04\x05\x06"
    )
    await client.expect(f"462-789[{HOLE},{SECOND}]", b"\x01\x02\x03", b"\x04\x05\x06")
    await client.leave()


async def test_socket_closes_on_an_unknown_packet_type(port: int) -> None:
    client = await joined(port)
    await client.send("4abc")
    assert await client.rest() == []


async def test_socket_closes_on_an_invalid_payload(port: int) -> None:
    client = await joined(port)
    await client.send("42{}")
    assert await client.rest() == []


async def test_socket_closes_on_an_invalid_acknowledgement_id(port: int) -> None:
    client = await joined(port)
    await client.send('42abc["message-with-ack",1,"2",{"3":[false]}]')
    assert await client.rest() == []


def test_the_suites_have_57_cases() -> None:
    cases = [name for name in globals() if re.match("test_(engine|socket)_", name)]
    engine = [name for name in cases if name.startswith("test_engine_")]
    assert (len(engine), len(cases) - len(engine)) == (25, 32)


# --- the command line


async def test_options_reach_both_servers() -> None:
    process, host, port = start_target(
        "--host", "127.0.0.1", "--ping-interval", "12345", "--ping-timeout", "6789",
        "--max-payload", "5000", "--connect-timeout", "1",
    )  # fmt: skip
    try:
        assert host == "127.0.0.1"
        for path in (ENGINE, SOCKET):
            client = await open_websocket(port, path)
            assert client.handshake["pingInterval"] == 12345
            assert client.handshake["pingTimeout"] == 6789
            assert client.handshake["maxPayload"] == 5000
            if path == SOCKET:
                assert await client.rest() == []
            else:
                await client.leave()
    finally:
        stop_target(process)


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["target", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("host", "port", "ping-interval", "ping-timeout", "max-payload"):
        assert f"--{option} " in text


def test_a_port_in_use_is_explained() -> None:
    process, _, port = start_target()
    try:
        second = subprocess.run(
            [sys.executable, "-m", "conformance", "target", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode != 0
        assert "ready" not in second.stdout
        assert "address already in use" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        stop_target(process)
