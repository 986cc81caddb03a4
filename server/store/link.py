"""A server's place among the nodes, which are the servers that share a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

HOUSEKEEPING: Final = "housekeeping"
WORKSPACE: Final = "workspace"
"""Tasks that one node does for all: what is due from time to time, and mirroring a directory."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a node is a node, in seconds, and what it does as one.

    lasts: the time from a renewal to the end of the lease. every: the time from one renewal to the
    next. grace: the time from the end of a node's lease until other nodes end what belonged to it.
    tasks: what this node does unless another node does it.
    """

    lasts: float = 10.0
    every: float = 2.0
    grace: float = 15.0
    tasks: tuple[str, ...] = (HOUSEKEEPING,)


class LinkEvents(Protocol):
    """What a link tells, on a thread of its own. Times are those of `time.monotonic`."""

    def renewed(self, asked: float) -> bool:
        """Note that the lease was renewed. It counts from `asked`.

        Return False if the lease was over before by this server's clock. Then all that the server
        had as a node is lost, whatever the database says.
        """
        ...

    def joined(self, asked: float) -> None:
        """Note that the server is a node, counted from `asked`. As a node it has nothing yet."""
        ...

    def has_task(self, task: str) -> None:
        """Note that this server does one of its lease's tasks, until its connection is lost."""
        ...

    def has_no_tasks(self) -> None:
        """Note that the connection is lost: another server may do the tasks."""
        ...

    def others_died(self) -> None:
        """Note that the lease and the grace of another node are over."""
        ...

    def heard(self, payload: str) -> None:
        """Note a change of which the database notifies."""
        ...

    def missed(self) -> None:
        """Note that notifications may have been missed until now."""
        ...


class Link(Protocol):
    """A server's place among the nodes."""

    def start(self, label: str) -> None:
        """Become a node as soon as the database answers, and stay one. `label` is for people."""
        ...

    def stop(self) -> None:
        """Be no node any more. Return when the database knows that, if it answers."""
        ...
