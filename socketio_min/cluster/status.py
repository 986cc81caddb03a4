"""The state of the connection to the other servers, for the application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from socketio_min.failures import FAILURES, log_failure

ChangeHook = TypeVar("ChangeHook", bound=Callable[[bool], object])
DropHook = TypeVar("DropHook", bound=Callable[[], object])


class ClusterStatus:
    """Whether the other servers can be reached, and how many messages were lost.

    `connected` is True for a server without others. `dropped` counts the messages to other servers
    that had no place to wait, or that Redis refused; `rejected` counts the messages of other
    servers that were malformed or too many. `lag` is how many seconds Redis took to answer the last
    ping, which is sent every 5 seconds.
    """

    __slots__ = ("_drop_hooks", "_hooks", "_whole", "connected", "dropped", "lag", "rejected")

    def __init__(self, *, connected: bool, whole: ClusterStatus | None = None) -> None:
        """Make a status. The status `whole` counts all that this one counts, too."""
        self._whole = whole
        self.connected = connected
        self.dropped = 0
        self.rejected = 0
        self.lag = 0.0
        self._hooks: list[Callable[[bool], object]] = []
        self._drop_hooks: list[Callable[[], object]] = []

    def on_change(self, hook: ChangeHook) -> ChangeHook:
        """Call `hook(connected)`, a `def`, each time that `connected` changes; also a decorator."""
        self._hooks.append(hook)
        return hook

    def forget(self, hook: Callable[[bool], object]) -> None:
        """Undo `on_change`."""
        self._hooks.remove(hook)

    def on_drop(self, hook: DropHook) -> DropHook:
        """Call `hook()`, a `def`, each time that messages are dropped; also a decorator."""
        self._drop_hooks.append(hook)
        return hook

    def forget_drop(self, hook: Callable[[], object]) -> None:
        """Undo `on_drop`."""
        self._drop_hooks.remove(hook)

    def drop(self, messages: int = 1) -> None:
        """Count messages that do not reach the other servers, and tell the hooks."""
        self.dropped += messages
        _call(self._drop_hooks)
        if self._whole is not None:
            self._whole.drop(messages)

    def measure(self, seconds: float) -> None:
        """Note how many seconds Redis took to answer."""
        self.lag = seconds
        if self._whole is not None:
            self._whole.measure(seconds)

    def metrics(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return the metrics by their names in Prometheus: a description, and a function that
        returns the value.

        The names of counters end in `_total`; the others are gauges.
        """
        return {
            "socket_io_cluster_connected": (
                "Whether the other servers can be reached",
                lambda: float(self.connected),
            ),
            "socket_io_cluster_dropped_total": (
                "Messages that did not reach the other servers",
                lambda: self.dropped,
            ),
            "socket_io_cluster_rejected_total": (
                "Messages of other servers that were refused",
                lambda: self.rejected,
            ),
            "socket_io_cluster_lag_seconds": (
                "Seconds that Redis took to answer",
                lambda: self.lag,
            ),
        }

    def change(self, connected: bool) -> None:
        """Set `connected`, and tell the hooks if it has changed."""
        if connected is self.connected:
            return
        self.connected = connected
        _call(self._hooks, connected)


def _call(hooks: Sequence[Callable[..., object]], *args: object) -> None:
    for hook in [*hooks]:
        try:
            hook(*args)
        except FAILURES as error:
            log_failure(error, "a hook of the cluster's status failed")
