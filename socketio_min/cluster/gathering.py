"""Gather what the sockets of all servers acknowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from socketio_min.cluster.adapter import Adapter, BroadcastOptions
from socketio_min.errors import AcknowledgementTimeout


class _Gathering:
    """The reports of the servers and the answers of their sockets.

    A server reports first how many of its sockets will answer. Reports and answers of different
    servers come in any order, so it is done when all servers have reported and the answers are as
    many as the sockets.
    """

    __slots__ = ("clients", "done", "gone", "reports", "responses", "servers")

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.responses: list[Any] = []
        self.servers: int | None = None
        self.reports = 0
        self.clients = 0
        self.gone = 0

    def expect(self, servers: int) -> None:
        self.servers = servers
        self._check()

    def count(self, clients: int) -> None:
        self.reports += 1
        self.clients += clients
        self._check()

    def acknowledged(self, values: list[Any] | None) -> None:
        if values is None:
            self.gone += 1
        else:
            self.responses.append(values[0] if values else None)
        self._check()

    def _check(self) -> None:
        answered = len(self.responses) + self.gone
        if self.servers is not None and self.reports >= self.servers and answered >= self.clients:
            self.done.set()


async def gather_acks(
    adapter: Adapter, args: Sequence[Any], options: BroadcastOptions, timeout: float
) -> list[Any]:
    """Send an event and return the first argument of every socket's acknowledgement.

    Raises:
        AcknowledgementTimeout: not all answered within `timeout` seconds, or sockets of this server
        have gone without an answer and all others gave theirs; `responses` has the answers.
        UsageError: as `Adapter.broadcast`, or too many acknowledgements are pending for a socket.
    """
    gathering = _Gathering()
    cancel = adapter.broadcast_with_ack(args, options, gathering.count, gathering.acknowledged)
    try:
        async with asyncio.timeout(timeout):
            gathering.expect(1 if options.local else await adapter.server_count())
            await gathering.done.wait()
    except TimeoutError:
        silent = (gathering.servers or 1) - gathering.reports
        servers = f"; {silent} servers did not report theirs" if silent > 0 else ""
        raise AcknowledgementTimeout(
            f"got {len(gathering.responses)} of {gathering.clients} acknowledgements of "
            f"{args[0]!r} within {timeout:g} seconds{servers}",
            gathering.responses,
        ) from None
    finally:
        cancel()
    if gathering.gone:
        raise AcknowledgementTimeout(
            f"got {len(gathering.responses)} of {gathering.clients} acknowledgements of "
            f"{args[0]!r}: the other sockets disconnected",
            gathering.responses,
        )
    return gathering.responses
