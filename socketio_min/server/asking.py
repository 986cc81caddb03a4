"""Ask one client: send it an event, and wait for its acknowledgement (Socket.IO v5,
"Acknowledgement").
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from socketio_min.cluster.adapter import LocalNamespace, Recipient
from socketio_min.cluster.memory import send_to_all
from socketio_min.errors import AcknowledgementTimeout, Disconnected
from socketio_min.protocol.outgoing import event_packets


async def ask(
    namespace: LocalNamespace, socket: Recipient, event: Sequence[Any], timeout: float
) -> Any:
    """Send an event, its name and arguments, to a socket, and return what its client acknowledges.

    The result is None, the one argument of the acknowledgement, or a tuple of several.

    Raises:
        AcknowledgementTimeout: no acknowledgement came within `timeout` seconds.
        Disconnected: the client has gone.
        UsageError: too many acknowledgements are pending, or as `Socket.emit`.
    """
    name = event[0]
    future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    ack_id = namespace.next_ack_id()

    def answer(values: list[Any] | None) -> None:
        if future.done():
            return
        if values is None:
            future.set_exception(
                Disconnected(f"the socket disconnected before it acknowledged {name!r}")
            )
        else:
            future.set_result(values)

    socket.expect(ack_id, answer)
    try:
        packets = event_packets(namespace, event, ack_id)
        send_to_all(namespace, (socket,), packets, event)
        async with asyncio.timeout(timeout):
            values = await future
    except TimeoutError:
        raise AcknowledgementTimeout(
            f"got no acknowledgement of {name!r} within {timeout:g} seconds"
        ) from None
    finally:
        socket.expect_no_more(ack_id)
    if len(values) > 1:
        return tuple(values)
    return values[0] if values else None
