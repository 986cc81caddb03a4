"""unsent.py: what the system tells of what its peer has not taken."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

import pytest
import uvloop

import engineio_min.transports.unsent as unsent_module
from engineio_min.transports.unsent import unsent_and_confirmed

LOOPS = pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])


async def pair(
    ours: socket.socket, theirs: socket.socket
) -> tuple[asyncio.Transport, socket.socket]:
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    return transport, theirs


def tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        # Small, so that most of it stays on this side.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    return ours, theirs


@LOOPS
def test_what_is_confirmed_and_what_waits(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def main() -> None:
        transport, peer = await pair(*tcp())
        assert unsent_and_confirmed(transport)[0] == 0
        size = 20_000_000
        transport.write(b"x" * size)
        await asyncio.sleep(0.01)
        before, confirmed = unsent_and_confirmed(transport)
        # The segments on their way are counted and not their bytes.
        assert before > size - confirmed - 1_000_000
        assert before > transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        received = 0
        while received < 2_000_000:
            received += len(await loop.sock_recv(peer, 65_536))
        after, confirmed_after = unsent_and_confirmed(transport)
        assert confirmed_after > confirmed
        assert after < before
        peer.close()
        transport.abort()
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@LOOPS
def test_where_the_system_tells_nothing(
    factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Unix socket, another system, and a kernel whose answer is shorter."""

    async def main() -> None:
        transport, peer = await pair(*socket.socketpair())
        transport.write(b"x" * 5_000_000)
        unsent = transport.get_write_buffer_size()
        assert unsent > 0
        assert unsent_and_confirmed(transport) == (unsent, 0)
        transport.abort()
        peer.close()
        transport, peer = await pair(*tcp())
        transport.write(b"x")
        monkeypatch.setattr(unsent_module, "_TCP_INFO", struct.Struct("=4000x"))
        assert unsent_and_confirmed(transport) == (0, 0)
        monkeypatch.delattr(socket, "TCP_INFO")
        assert unsent_and_confirmed(transport) == (0, 0)
        transport.abort()
        peer.close()
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def test_a_transport_without_a_socket() -> None:
    class Bare(asyncio.Transport):
        def get_write_buffer_size(self) -> int:
            return 5

    assert unsent_and_confirmed(cast(asyncio.Transport, Bare())) == (5, 0)
