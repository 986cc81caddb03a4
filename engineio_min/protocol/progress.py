"""Whether a peer takes anything of what waits for it.

A peer is slow when it makes no progress, not when it has much to read. What has left this process
is not yet with the peer: the kernel takes megabytes at once, and TLS keeps a buffer that nobody
sees. So there are two signs of progress, and either is enough: less waits than before, or the peer
has confirmed bytes while some were waiting.
"""

from __future__ import annotations

# How many times to look within the time that a peer has: it ends late by one such part at most.
LOOKS = 4


class Progress:
    """What waited for a peer at the last look, to compare with what waits at the next.

    The arguments are those of `silence`, at the first look.
    """

    __slots__ = ("_confirmed", "_since", "_unsent")

    def __init__(self, unsent: int, confirmed: int, now: float) -> None:
        self._unsent = unsent
        self._confirmed = confirmed
        self._since = now

    def silence(self, unsent: int, confirmed: int, now: float) -> float:
        """Return for how many seconds the peer was not seen to take a byte; 0 if it has taken one
        since the last look.

        `unsent` bytes wait now, and the peer has confirmed `confirmed` bytes since it connected (0
        where the system does not tell). Confirmations count only while something waits: those of
        other answers on the same connection are no progress.
        """
        if unsent < self._unsent or (unsent > 0 and confirmed > self._confirmed):
            self._since = now
        self._unsent = unsent
        self._confirmed = confirmed
        return now - self._since
