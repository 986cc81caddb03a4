"""Why a session ends, and why a peer is not read for a while."""

from __future__ import annotations

# Why a session ended: the names of the official server, and one of our own.
TRANSPORT_ERROR = "transport error"
TRANSPORT_CLOSE = "transport close"
FORCED_CLOSE = "forced close"
PING_TIMEOUT = "ping timeout"
PARSE_ERROR = "parse error"
SLOW_CONSUMER = "slow consumer"

# Why a driver reads nothing of a peer, as bits, for several may hold at once.
APPLICATION = 1  # The application has asked for it.
HANDLERS = 2  # The handlers do not keep up.
RATE = 4  # The peer sends faster than it may.
UNSENT = 8  # The peer takes too little of what waits for it.
LARGE_MESSAGE = 16  # A large message of the peer waits for its turn.
