"""What a worker is told at its start: a variable of its environment, and descriptors.

A worker is the same program started anew. So it runs the present code, and has none of a fork's
troubles with threads and locks.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_VARIABLE = "SOCKETIO_MIN_WORKER"


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's place: its name, its listening sockets, and the way to its supervisor.

    folder: where the mailboxes of all workers are.
    """

    name: str
    folder: Path
    listeners: list[socket.socket]
    control: socket.socket

    def environment(self) -> dict[str, str]:
        """Return the variable that tells a program that it is this worker."""
        told = {
            "name": self.name,
            "folder": str(self.folder),
            "listeners": [listener.fileno() for listener in self.listeners],
            "control": self.control.fileno(),
        }
        return {_VARIABLE: json.dumps(told)}

    @property
    def descriptors(self) -> list[int]:
        """Return what the worker has to inherit."""
        return [self.control.fileno(), *(listener.fileno() for listener in self.listeners)]


def is_worker() -> bool:
    """Return whether this process is a worker that has not taken its place yet."""
    return _VARIABLE in os.environ


def take_place() -> Place | None:
    """Return this process's place if it is a worker. A second call finds none."""
    told = os.environ.pop(_VARIABLE, None)
    if told is None:
        return None
    # Imported by workers alone, as all that only these need.
    from pathlib import Path

    values = json.loads(told)
    return Place(
        values["name"],
        Path(values["folder"]),
        [socket.socket(fileno=descriptor) for descriptor in values["listeners"]],
        socket.socket(fileno=values["control"]),
    )
