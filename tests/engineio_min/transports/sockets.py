"""What the tests of WebSockets share."""

from __future__ import annotations

import asyncio

from tests.engineio_min.harness import (
    Harness,
)
from tests.engineio_min.wire import (
    Wire,
)
from tests.waiting import until


async def assert_closed_with(harness: Harness, wire: Wire, code: int, reason: str) -> None:
    """The close frame's code, the end of the connection, and the session's reason."""
    payload = await wire.closing()
    assert (int.from_bytes(payload[:2], "big") if payload else 1005) == code
    await wire.close()
    await until(lambda: harness.closed)
    assert harness.closed == [reason]


# --- peers that do not read


async def stall(harness: Harness, wire: Wire) -> asyncio.Transport:
    """Send until the peer's buffers are full."""
    (transport,) = harness.server.http.connections
    harness.connection.send(b"x" * 8_000_000)
    await until(lambda: not harness.connection.session.waiting)
    return transport
