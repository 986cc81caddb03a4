"""The 32 cases of the official Socket.IO v5 suite, in its order, one function each."""

from __future__ import annotations

import contextlib

from tests.conformance.suites import (
    INVALID_EIO,
    INVALID_TRANSPORT,
    SOCKET,
    close_polling,
    close_websocket,
    handshake_polling,
    handshake_polling_invalid_eio,
    handshake_polling_invalid_method,
    handshake_polling_invalid_transport,
    handshake_websocket,
    handshake_websocket_refused,
    heartbeat,
    heartbeat_polling,
    heartbeat_polling_timeout,
    heartbeat_timeout,
    open_websocket,
    upgrade,
    upgrade_then_http,
    upgrade_then_second_websocket,
)
from tests.socketio_min.wire import (
    Client,
    Ended,
    WebSocketClient,
)

HOLE = '{"_placeholder":true,"num":0}'
SECOND = '{"_placeholder":true,"num":1}'


# --- the Engine.IO part (16)


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


async def test_socket_polling_closes_without_pong(leaving: int) -> None:
    await heartbeat_polling_timeout(leaving, SOCKET)


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


# --- connect (7)


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


# --- disconnect (2)


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


# --- messages (7)


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


def test_the_suite_has_32_cases() -> None:
    assert sum(name.startswith("test_socket_") for name in globals()) == 32
