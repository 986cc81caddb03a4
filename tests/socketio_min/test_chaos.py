"""The proxy that treats connections badly leaves nothing behind itself."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.socketio_min.chaos import Chaos, chaos_proxy

RESET_AT_CLOSE = struct.pack("ii", 1, 0)


async def test_a_reset_ends_what_the_other_direction_is_passing() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE
        )
        writer.transport.abort()

    target = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = target.sockets[0].getsockname()[1]
    # Byte by byte this takes 60,000 turns of the loop: the reset comes long before they are over.
    async with target, chaos_proxy(port, Chaos(one_byte=1), seed=1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(bytes(60_000))
        assert await reader.read() == b""
        writer.transport.abort()
