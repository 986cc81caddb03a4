"""What carries a session's packets at the moment, as its connection sees it."""

from __future__ import annotations

import abc
from typing import Protocol


class Carrier(Protocol):
    """What carries a session's packets at the moment: a poll or a WebSocket."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def unsent(self) -> int:
        """Count the bytes that were handed over and have not left this process."""

    @abc.abstractmethod
    def flush(self) -> int:
        """Hand over what the session has to send, as far as it can leave now.

        Return what that has cost the event loop, as the bytes that leave uncompressed at this cost.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Carry nothing more: the session is over, or carried by another."""

    @abc.abstractmethod
    def pause(self) -> None:
        """Take nothing more from the client until `resume`."""

    @abc.abstractmethod
    def resume(self) -> None:
        """Take packets from the client again."""

    @abc.abstractmethod
    def let_go(self) -> None:
        """Keep nothing of what has come, and tell the client to try again later."""


class WebSocketCarrier(Carrier, Protocol):
    """A WebSocket that carries a session, or a candidate: one that asks to."""

    __slots__ = ()

    @abc.abstractmethod
    def start(self) -> None:
        """Write what a session has to send, if this carries one, and begin to read."""

    @abc.abstractmethod
    def take_over(self) -> None:
        """Carry the session from now on, what waited for its last carrier first."""


class Gone:
    """The carrier of a session that is over."""

    __slots__ = ()

    unsent = 0

    def flush(self) -> int:
        """Hand over nothing."""
        return 0

    def close(self) -> None:
        """Close nothing."""

    def pause(self) -> None:
        """Take nothing, as before."""

    def resume(self) -> None:
        """Take nothing, as before."""

    def let_go(self) -> None:
        """Keep nothing, as before."""


GONE = Gone()
