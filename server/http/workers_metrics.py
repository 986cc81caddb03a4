"""The metrics of all workers of a machine: whichever one is asked, it asks the others."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec

from server.api import node_events
from server.http.metrics import Family, Metrics
from socketio_min import AcknowledgementTimeout, Server

_SECONDS: Final = 1.0
"""Seconds for which the answers of the other workers are waited for."""


class WorkersMetrics:
    """Gathers the metrics of this process, one of so many `workers` of a node."""

    def __init__(self, io: Server, metrics: Metrics, node_name: str, workers: int) -> None:
        self._io = io
        self._metrics = metrics
        self._node_name = node_name
        self._workers = workers
        io.on_server(node_events.METRICS, self._own)

    async def families(self) -> list[list[Family]]:
        """Return the metrics of this process, and of the others of its node that answer."""
        own = [*self._metrics.families()]
        if self._workers == 1:
            return [own]
        try:
            answers = await self._io.server_side_call(
                node_events.METRICS, self._node_name, timeout=_SECONDS
            )
        except AcknowledgementTimeout as error:
            answers = error.responses
        others = []
        for answer in answers:
            # A malformed answer is left out: people see that a process is missing.
            with contextlib.suppress(msgspec.ValidationError):
                others.append(msgspec.convert(answer, list[Family]))
        return [own, *others]

    def _own(self, *asked: Any) -> list[Any]:
        """Return the metrics of this process, nothing for another machine."""
        if asked != (self._node_name,):
            return []
        return [[*family] for family in self._metrics.families()]
