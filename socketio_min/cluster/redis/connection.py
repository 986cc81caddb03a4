"""One connection to Redis: commands and their replies in order, and the messages of channels.

The protocol is RESP3, in which messages come as pushes between the replies (RESP3 specification,
"Push type"). So commands and subscriptions share a connection, and all keeps its order. Commands of
one turn of the event loop leave in one write. A connection that is silent for too long is given up:
if the network swallows all packets there is no reset, and TCP's own keepalive does not notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from socketio_min.cluster.redis.resp import encode_command

# Seconds between two pings, and seconds that the answer to one may take.
PING_INTERVAL = 5.0
PATIENCE = 5.0
# Bytes that wait to be written before the connection counts as slow.
HIGH_WATER = 1_000_000

_INCOMPLETE = object()
_PING = encode_command("PING")

# Gets a reply, or an error: `hiredis.ReplyError` if Redis refused the command, or
# `ConnectionResetError` if the connection ended before the reply.
Reply = Callable[[Any], None]


class Subscribing:
    """Stands for a SUBSCRIBE or UNSUBSCRIBE among the commands that wait for a reply: only its
    failure is a reply; its success comes as a push.
    """

    __slots__ = ("channel", "refused")

    def __init__(self, channel: bytes, refused: Reply) -> None:
        self.channel = channel
        self.refused = refused


class Connection(asyncio.Protocol):
    """A connection. `pushed` gets each push; `ended` is called once, with the reason of the end.

    `writable(bool)` is called when the connection becomes slow, and when it is not any more.
    `refused` gets the error of Redis for a command without a `Reply`. `measured` gets the seconds
    that Redis took to answer a ping.
    """

    def __init__(
        self,
        pushed: Callable[[list[Any]], None],
        ended: Callable[[str], None],
        writable: Callable[[bool], None],
        refused: Callable[[Exception], None],
        measured: Callable[[float], None],
        *,
        ping_interval: float = PING_INTERVAL,
        patience: float = PATIENCE,
    ) -> None:
        self._pushed = pushed
        self._ended = ended
        self._writable = writable
        self._refused = refused
        self._measured = measured
        self._ping_interval = ping_interval
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._replies: deque[Reply | Subscribing | None] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle
        self._heard = False
        self._reason = "Redis closed the connection"
        # How many commands without a `Reply` had no answer when the connection ended.
        self.unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop do not inherit from asyncio's.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._timer = self._loop.call_later(self._ping_interval, self._ping)

    def send(self, command: bytes, reply: Reply | Subscribing | None = None) -> None:
        """Send a command; `reply` gets what Redis answers."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(command)
        self._replies.append(reply)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))

    def close(self) -> None:
        """Send the commands that wait, then close."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Give the connection up at once."""
        if self._transport is not None:
            self._reason = reason
            self._transport.abort()

    # -- what the event loop calls

    def data_received(self, data: bytes) -> None:
        self._heard = True
        reader = self._reader
        try:
            reader.feed(data)
            while (value := reader.gets()) is not _INCOMPLETE:
                if isinstance(value, hiredis.PushNotification):
                    self._take_push(value)
                else:
                    self._take_reply(value)
        except hiredis.ProtocolError as error:
            self.abort(f"what came is not Redis' protocol ({error})")

    def _take_push(self, push: list[Any]) -> None:
        if push[0] in _CONFIRMATIONS and self._replies:
            # A Redis Cluster also sends `sunsubscribe` unasked, when a channel has moved away.
            first = self._replies[0]
            if isinstance(first, Subscribing) and first.channel == push[1]:
                self._replies.popleft()
                return
        self._pushed(push)

    def _take_reply(self, value: Any) -> None:
        if not self._replies:
            raise hiredis.ProtocolError("a reply to nothing")
        reply = self._replies.popleft()
        if reply is None:
            if isinstance(value, hiredis.ReplyError):
                self._refused(value)
        elif isinstance(reply, Subscribing):
            reply.refused(value)
        else:
            reply(value)

    def pause_writing(self) -> None:
        self._writable(False)

    def resume_writing(self) -> None:
        self._writable(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._timer.cancel()
        replies, self._replies = self._replies, deque()
        reason = self._reason if exc is None else str(exc) or type(exc).__name__
        self.unanswered = replies.count(None)
        error = ConnectionResetError(reason)
        for reply in replies:
            if reply is not None and not isinstance(reply, Subscribing):
                reply(error)
        self._ended(reason)

    # -- signs of life

    def _ping(self) -> None:
        self._heard = False
        asked = self._loop.time()
        self.send(_PING, lambda reply: self._answered(reply, asked))
        self._timer = self._loop.call_later(self._patience, self._judge)

    def _answered(self, reply: object, asked: float) -> None:
        if not isinstance(reply, Exception):
            self._measured(self._loop.time() - asked)

    def _judge(self) -> None:
        if not self._heard:
            self.abort(f"Redis was silent for {self._ping_interval + self._patience:g} seconds")
            return
        wait = max(self._ping_interval - self._patience, 0.0)
        self._timer = self._loop.call_later(wait, self._ping)


_CONFIRMATIONS = frozenset(
    (
        b"subscribe",
        b"psubscribe",
        b"ssubscribe",
        b"unsubscribe",
        b"punsubscribe",
        b"sunsubscribe",
    )
)
