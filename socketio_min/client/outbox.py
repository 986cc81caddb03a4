"""The events that a client sends in one namespace (Socket.IO v5, "Sending and receiving data",
"Acknowledgement").

emit ──► sent, or kept in the send buffer until the next connection
emit with acknowledgement ──► the same, and then the answer, or the error why there is none
emit with `retries` ──► the same, one event after the other; see `RetryQueue`
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from engineio_min.protocol.packets import Packet as EnginePacket
from socketio_min.client.pending_acks import PendingAcks
from socketio_min.errors import UsageError
from socketio_min.protocol.parser import PacketEncoder
from socketio_min.protocol.retries import Answer, RetryQueue
from socketio_min.protocol.turns import Turns

logger = logging.getLogger("socketio_min")

Args = tuple[Any, ...]


class _Emission:
    """An encoded event that waits in the send buffer."""

    __slots__ = ("ack_id", "args", "packets")

    def __init__(self, packets: Sequence[EnginePacket], args: Args, ack_id: int | None) -> None:
        self.packets = packets
        self.args = args
        self.ack_id = ack_id


class OutboxLink(Protocol):
    """What an outbox may ask of the connection under it."""

    turns: Turns

    @property
    def opened(self) -> bool:
        """Return whether the connection is open, as far as the client knows."""

    @property
    def writable(self) -> bool:
        """Return whether a packet sent now would leave at once."""

    def send(self, packets: Sequence[EnginePacket]) -> None:
        """Send a packet and its attachments; raise UsageError if the server takes no such size."""


class Outbox:
    """Sends the events of one namespace, and waits for their acknowledgements.

    An event is a tuple of its name and arguments. `sent(event)` is called for each event when it
    leaves. No event leaves before `join` or after `leave`. `ack_timeout` is in seconds.
    """

    __slots__ = (
        "_ack_timeout",
        "_acks",
        "_encoder",
        "_joined",
        "_link",
        "_retry_queue",
        "_sent",
        "_unsent",
    )

    def __init__(
        self,
        link: OutboxLink,
        encoder: PacketEncoder,
        retries: int,
        ack_timeout: float | None,
        sent: Callable[[Args], None],
    ) -> None:
        self._link = link
        self._encoder = encoder
        self._ack_timeout = ack_timeout
        self._sent = sent
        self._joined = False
        self._unsent: list[_Emission] = []
        self._acks = PendingAcks(link.turns, self._withdraw)
        self._retry_queue = RetryQueue(retries, self._ask_in_turn) if retries else None

    def __len__(self) -> int:
        """Return how many acknowledgements are due."""
        return len(self._acks)

    # -- what the application sends

    def emit(self, args: Args) -> None:
        """Send an event, or keep it until there is a connection; see `ClientNamespace.emit`."""
        if self._retry_queue is not None:
            self._queue(args, None, _no_answer)
        else:
            self._send(self._encoder.event(args), args, None)

    def emit_volatile(self, args: Args) -> None:
        """Send an event if it can leave at once, else drop it."""
        packets = self._encoder.event(args)
        if self._joined and self._link.writable:
            self._send(packets, args, None)

    def ask(self, args: Args, timeout: float | None) -> asyncio.Future[Any]:
        """Send an event and return its acknowledgement; see `ClientNamespace.emit_with_ack`."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer = partial(_resolve, future)
        if self._retry_queue is not None:
            self._queue(args, timeout, answer)
        else:
            ack_id = self._ask(args, self._ack_timeout if timeout is None else timeout, answer)
            future.add_done_callback(partial(self._withdraw_cancelled, ack_id))
        return future

    def _queue(self, args: Args, timeout: float | None, answer: Answer) -> None:
        queue = self._retry_queue
        ack_timeout = self._ack_timeout if timeout is None else timeout
        assert queue is not None
        assert ack_timeout is not None
        # An event that cannot be encoded is refused here, in the call that emits it.
        self._encoder.event(args)
        queue.add(args, ack_timeout, answer)

    def _ask(self, args: Args, timeout: float | None, answer: Answer) -> int:
        """Send an event that is to be acknowledged; `answer` is called once, whatever happens."""
        ack_id = self._acks.next_id
        packets = self._encoder.event(args, ack_id)
        self._acks.expect(ack_id, args[0], timeout, answer)
        try:
            self._send(packets, args, ack_id)
        except UsageError:
            self._acks.take(ack_id)
            raise
        return ack_id

    def _ask_in_turn(self, args: Args, timeout: float, answer: Answer) -> None:
        """Send an event of the queue. The call that emitted it has returned, so an error is given
        to `answer`.
        """
        try:
            self._ask(args, timeout, answer)
        except UsageError as error:
            answer(error)

    def _send(self, packets: Sequence[EnginePacket], args: Args, ack_id: int | None) -> None:
        if self._joined and self._link.opened:
            self._link.send(packets)
            self._sent(args)
        else:
            self._unsent.append(_Emission(packets, args, ack_id))

    def _withdraw(self, ack_id: int) -> bool:
        """Take an event out of the send buffer. Return whether it was there."""
        unsent = self._unsent
        self._unsent = [emission for emission in unsent if emission.ack_id != ack_id]
        return len(self._unsent) < len(unsent)

    def _withdraw_cancelled(self, ack_id: int, future: asyncio.Future[Any]) -> None:
        if future.cancelled():
            self._acks.take(ack_id)
            self._withdraw(ack_id)

    # -- what the namespace tells

    def join(self) -> None:
        """Send events that are emitted from now on: the namespace is connected."""
        self._joined = True

    def send_kept(self) -> None:
        """Send the events that were emitted before `join`, and those that wait for a retry."""
        unsent, self._unsent = self._unsent, []
        for emission in unsent:
            self._send_kept(emission)
        if self._retry_queue is not None:
            self._retry_queue.resume()

    def leave(self) -> None:
        """Keep events that are emitted from now on: the namespace is not connected."""
        self._joined = False
        if self._retry_queue is not None:
            self._retry_queue.suspend()

    def lose(self, reason: str) -> None:
        """Give up the acknowledgements of events that were sent: the connection has ended."""
        self._acks.lose(reason, {emission.ack_id for emission in self._unsent})

    def acknowledged(self, ack_id: int | None, data: list[Any]) -> None:
        """Give an acknowledgement to the caller that waits for it; drop an unknown one."""
        answer = self._acks.take(ack_id)
        if answer is not None:
            answer(data)

    def _send_kept(self, emission: _Emission) -> None:
        """Send an event that waited. The largest size that the server takes is known only now."""
        try:
            self._send(emission.packets, emission.args, emission.ack_id)
        except UsageError as error:
            answer = self._acks.take(emission.ack_id)
            if answer is None:
                logger.error("%r was not sent: %s", emission.args[0], error)
            else:
                answer(error)


class VolatileOperator:
    """Sends events that may be dropped: `client.volatile.emit("position", 1, 2)`."""

    __slots__ = ("_outbox",)

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def emit(self, event: str, *args: Any) -> None:
        """Send an event if it can leave at once, else drop it.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        self._outbox.emit_volatile((event, *args))


def _resolve(future: asyncio.Future[Any], result: list[Any] | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    elif len(result) > 1:
        future.set_result(tuple(result))
    else:
        future.set_result(result[0] if result else None)


def _no_answer(result: list[Any] | Exception) -> None:
    """Log an event that was given up: nobody waits for its acknowledgement."""
    if isinstance(result, Exception):
        logger.warning("an event was given up after its last retry: %s", result)
