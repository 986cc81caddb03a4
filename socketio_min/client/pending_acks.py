"""The acknowledgements that a client's namespace waits for (Socket.IO v5, "Acknowledgement")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from socketio_min.errors import AcknowledgementTimeout, Disconnected
from socketio_min.protocol.retries import Answer
from socketio_min.protocol.turns import Turns


class PendingAcks:
    """The callbacks of the acknowledgements that are due, by id.

    Each callback is called exactly once, or not at all after `take`.

    `expired(ack_id)` is called when the time of an acknowledgement has passed, and returns whether
    its event was not even sent. `turns` counts the acknowledgements that are due, because the
    server must be read for them.
    """

    __slots__ = ("_expired", "_last_id", "_pending", "_turns")

    def __init__(self, turns: Turns, expired: Callable[[int], bool]) -> None:
        self._turns = turns
        self._expired = expired
        self._pending: dict[int, tuple[Answer, asyncio.TimerHandle | None]] = {}
        self._last_id = -1

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def next_id(self) -> int:
        """Return the id that the next `expect` must be given."""
        return self._last_id + 1

    def expect(self, ack_id: int, event: str, timeout: float | None, answer: Answer) -> None:
        """Call `answer` with an acknowledgement, or after `timeout` seconds with an error."""
        self._last_id = ack_id
        timer = None
        if timeout is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(timeout, self._expire, ack_id, event, timeout)
        self._pending[ack_id] = (answer, timer)
        self._turns.expect_ack()

    def take(self, ack_id: int | None) -> Answer | None:
        """Expect an acknowledgement no longer, and return its callback for the caller to call.

        Return None for an acknowledgement that is unknown, or has come before.
        """
        if ack_id is None or ack_id not in self._pending:
            return None
        return self._remove(ack_id)

    def lose(self, reason: str, unsent: Collection[int | None]) -> None:
        """Call the callbacks with an error: the connection is lost. Those of `unsent` events are
        not called.
        """
        for ack_id in [ack_id for ack_id in self._pending if ack_id not in unsent]:
            self._remove(ack_id)(
                Disconnected(f"the connection was lost before an acknowledgement: {reason}")
            )

    def _expire(self, ack_id: int, event: str, timeout: float) -> None:
        answer = self._remove(ack_id)
        unsent = self._expired(ack_id)
        hint = ", nor a connection to send it on: connect first" if unsent else ""
        answer(
            AcknowledgementTimeout(
                f"got no acknowledgement of {event!r} within {timeout:g} seconds{hint}"
            )
        )

    def _remove(self, ack_id: int) -> Answer:
        answer, timer = self._pending.pop(ack_id)
        if timer is not None:
            timer.cancel()
        self._turns.settle_acks()
        return answer
