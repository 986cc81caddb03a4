"""The rate limits of clients (`Limits.rate`, `address_rate`): each new client gets a gate, and a
packet that the gate refuses is answered.

What a gate refuses is in `gate.py`, and the limit in bytes in `byte_meter.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import engineio_min
from engineio_min.limits.pulse import Pulse
from engineio_min.limits.quotas import peer_address
from engineio_min.limits.rate_limit import TokenBucket
from engineio_min.protocol.deadlines import NEVER
from socketio_min.server.gate import AddressBuckets, Gate
from socketio_min.server.joining import Joining, JoiningClient
from socketio_min.server.limits import Limits
from socketio_min.server.socket import Socket

# The reason of an end: the client went on sending above its limit.
RATE_LIMIT = "rate limit"

# The event that tells a client of its first refused event: {"retryAfter": milliseconds}.
RATE_LIMITED = "rate_limited"


class RateLimits:
    """Makes the gate of each new client; `limits` has at least one rate limit.

    `connections` are the open ones of the server. As long as there are any, a pulse measures for
    how long the event loop stands still.
    """

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
        """Return the gate of a new client, None if no limit is for it."""
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
            # The pulse has not begun, or the server has begun to run in another loop.
            self._pulse.start(now)
            self._engine.timer.watch(self._pulse)
        return Gate(self._pulse.lost, *buckets)


def drop_packet(
    gate: Gate, joining: Joining, client: JoiningClient, name: str, socket: Socket | None
) -> None:
    """Answer a packet that `gate` has refused.

    The packet is an event of `socket` or, without a socket, a CONNECT for the namespace `name`.
    """
    if gate.exhausted:
        reason = "went on sending more than the limit allows"
        client.connection.session.fail(RATE_LIMIT, reason)
    elif socket is None:
        joining.refuse_name(client, name, "Too many requests")
    elif gate.first_refusal:
        socket.emit(RATE_LIMITED, {"retryAfter": math.ceil(gate.wait * 1000)})
