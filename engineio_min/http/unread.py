"""What a peer has not read of its answers, and whether it reads at all."""

from __future__ import annotations

import asyncio

from engineio_min.protocol.progress import Progress
from engineio_min.transports.unsent import unsent_and_confirmed


class Unread:
    """The answers that wait for a peer since `now`; `taken` is set once it reads or is gone."""

    __slots__ = ("_progress", "_transport", "taken")

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._progress = Progress(*unsent_and_confirmed(transport), now)
        self.taken = asyncio.Event()

    def shrinks(self, now: float) -> bool:
        """Return whether something waits, and the peer has taken bytes since the last look."""
        silence = self._progress.silence(*unsent_and_confirmed(self._transport), now)
        return self._transport.get_write_buffer_size() > 0 and not silence
