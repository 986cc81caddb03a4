"""What people were told that it is done, so that it can be looked for afterwards."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.server.cluster.linearizable import NEVER, Operation


@dataclass(frozen=True)
class Save:
    """A save of a whole file. `revision` is None if nobody knows whether it was done."""

    path: str
    content: str
    revision: int | None
    call: float
    returned: float

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass
class Ledger:
    """What was done since the beginning, and the locks of the present deed.

    typed: the words of each document, and whether they are acknowledged.
    said: the message of each text that was acknowledged; None if nobody knows.
    locked: what was done to the exclusive lock of each path.
    delays: how long each request took that was successful, in seconds.
    refused, official: why requests failed, those of the SDKs and those of the official client.
    problems: what should not be.
    """

    typed: dict[str, dict[str, bool]] = field(default_factory=dict)
    said: dict[str, str | None] = field(default_factory=dict)
    saves: list[Save] = field(default_factory=list)
    locked: dict[str, list[Operation]] = field(default_factory=dict)
    grants: list[tuple[float, float, int]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    official: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0
    retries: int = 0
    heard: int = 0

    def operated(
        self, name: str, path: str, who: str, result: object, call: float, *rest: object
    ) -> None:
        """Note an operation on a lock that has returned just now; None: nobody knows its result."""
        now = time.monotonic()
        returned = NEVER if result is None else now
        history = self.locked.setdefault(path, [])
        history.append(Operation(name, (who, *rest), result, call, returned))
        if name == "lock" and isinstance(result, int) and result:
            self.grants.append((call, now, result))

    def may_have_lost(self, path: str, who: str, token: int, since: float) -> None:
        """Note that a lock may have passed from its holder's connection, or ended, since then."""
        history = self.locked.setdefault(path, [])
        history.append(Operation("orphan", (who, token), None, since, NEVER))
        history.append(Operation("expire", (who, token), None, since, NEVER))
