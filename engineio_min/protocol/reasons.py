"""Why a session ends, and why a peer is not read for a while."""

from __future__ import annotations

# Why a session ended: the names of the official server, and one of our own.
TRANSPORT_ERROR = "transport error"
TRANSPORT_CLOSE = "transport close"
FORCED_CLOSE = "forced close"
PING_TIMEOUT = "ping timeout"
PARSE_ERROR = "parse error"
SLOW_CONSUMER = "slow consumer"

# Why a driver reads nothing of a peer, as bits, for several may hold at once: the application asked
# for it, handlers do not keep up, the peer sends faster than it may, takes too little of what waits
# for it, or has sent a large message whose turn is to come.
APPLICATION, HANDLERS, RATE, UNSENT, LARGE_MESSAGE = 1, 2, 4, 8, 16
