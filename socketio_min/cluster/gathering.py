"""Gather the acknowledgements of the sockets of all servers, and name the servers that do not
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from socketio_min.cluster.adapter import Adapter, BroadcastOptions
from socketio_min.errors import AcknowledgementTimeout

# The servers are asked for their names in the last part of a request's time: this part of it, but
# at most so many seconds.
NAMING_PART, NAMING_MOST = 0.25, 0.5


class RollCall:
    """Asks for the names of the servers, shortly before the `timeout` (seconds) of a request."""

    __slots__ = ("_names", "_task", "_timer")

    def __init__(self, names: Callable[[], Awaitable[frozenset[str]]], timeout: float) -> None:
        self._names = names
        self._task: asyncio.Future[frozenset[str]] | None = None
        before = min(timeout * NAMING_PART, NAMING_MOST)
        self._timer = asyncio.get_running_loop().call_later(timeout - before, self._call)

    def _call(self) -> None:
        self._task = asyncio.ensure_future(self._names())

    async def end(self) -> frozenset[str]:
        """Return the names; none if it was too early to ask, or they did not come in time."""
        self._timer.cancel()
        if self._task is None:
            return frozenset()
        self._task.cancel()
        [names] = await asyncio.gather(self._task, return_exceptions=True)
        return names if isinstance(names, frozenset) else frozenset()


def name_silent(
    names: frozenset[str], answered: Collection[str], count: int
) -> tuple[tuple[str, ...], str]:
    """Return the names of the `count` silent servers, and the words of an error about them.

    `names` are those of all other servers, and `answered` those of the servers that answered, as
    far as known. If the silent servers are not known for sure, there are no names, and the error
    says among which servers they are.
    """
    silent = sorted(names - {*answered})
    if not silent:
        return (), ""
    if len(silent) == count:
        return tuple(silent), f" ({', '.join(silent)})"
    return (), f" (among {', '.join(silent)})"


class _Gathering:
    """The reports of the servers and the acknowledgements of their sockets.

    Each server reports how many of its sockets will answer. Reports and answers of different
    servers come in any order, so the gathering is done when all servers have reported and there are
    as many answers as sockets.
    """

    __slots__ = ("clients", "done", "gone", "names", "reports", "responses", "servers")

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.responses: list[Any] = []
        self.servers: int | None = None
        self.reports = 0
        self.names: set[str] = set()
        self.clients = 0
        self.gone = 0

    def expect(self, servers: int) -> None:
        self.servers = servers
        self._check()

    def count(self, clients: int, name: str) -> None:
        self.reports += 1
        self.names.add(name)
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
        AcknowledgementTimeout: not all sockets answered within `timeout` seconds, or all have but
        those that have gone; `responses` has the answers.
        UsageError: as `Adapter.broadcast`, or too many acknowledgements are pending for a socket.
    """
    gathering = _Gathering()
    cancel = adapter.broadcast_with_ack(args, options, gathering.count, gathering.acknowledged)
    roll_call = RollCall(adapter.server_names, timeout)
    try:
        async with asyncio.timeout(timeout):
            gathering.expect(1 if options.local else await adapter.server_count())
            await gathering.done.wait()
    except TimeoutError:
        missing = (gathering.servers or 1) - gathering.reports
        silent, named = name_silent(await roll_call.end(), gathering.names, missing)
        servers = f"; {missing} servers did not report theirs{named}" if missing > 0 else ""
        raise AcknowledgementTimeout(
            f"got {len(gathering.responses)} of {gathering.clients} acknowledgements of "
            f"{args[0]!r} within {timeout:g} seconds{servers}",
            gathering.responses,
            silent,
        ) from None
    finally:
        cancel()
        await roll_call.end()
    if gathering.gone:
        raise AcknowledgementTimeout(
            f"got {len(gathering.responses)} of {gathering.clients} acknowledgements of "
            f"{args[0]!r}: the other sockets disconnected",
            gathering.responses,
        )
    return gathering.responses
