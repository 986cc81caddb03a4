"""The rate limits of each new client: its own, and those that it shares with its address."""

from __future__ import annotations

from collections.abc import Collection

import engineio_min
from engineio_min.limits.pulse import Pulse
from engineio_min.limits.quotas import peer_address
from engineio_min.limits.rate_limit import TokenBucket
from engineio_min.protocol.deadlines import NEVER
from socketio_min.server.gate import AddressBuckets, Gate
from socketio_min.server.limits import Limits


class RateLimits:
    """Makes the gates of the clients in `connections`; `limits` has at least one rate limit."""

    __slots__ = ("_addresses", "_connections", "_engine", "_pulse", "_rate")

    def __init__(
        self, engine: engineio_min.Server, limits: Limits, connections: Collection[object]
    ) -> None:
        self._engine = engine
        self._connections = connections
        self._pulse = Pulse(lambda: connections)
        self._rate = limits.rate
        self._addresses: AddressBuckets | None = None
        if limits.address_rate is not None:
            self._addresses = AddressBuckets(limits.address_rate)

    @property
    def stood_still(self) -> float:
        """Return for how many seconds the event loop has stood still in all, while clients with a
        rate limit were connected.
        """
        return self._pulse.lost(self._engine.loop.time())

    def gate(self, connection: engineio_min.Connection) -> Gate | None:
        """Return the rate limits of a new client, if there are any."""
        now, lost = self._engine.loop.time(), self.stood_still
        buckets = []
        if self._rate is not None:
            buckets.append(TokenBucket(self._rate, now, lost))
        if self._addresses is not None:
            name_of = self._engine.options.address or peer_address
            name = name_of(connection.request)
            if name is not None:
                buckets.append(self._addresses.of(name, now, lost))
        if not buckets:
            # The application's `address` function has named nobody.
            return None
        if self._pulse.deadline == NEVER or not self._connections:
            # The pulse was not needed, or the server has begun to run in another loop.
            self._pulse.start(now)
            self._engine.timer.watch(self._pulse)
        return Gate(self._pulse.lost, *buckets)
