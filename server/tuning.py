"""Times, clocks and the password hasher of the application: no settings, but tests change them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher

from server.documents.saving import LATEST_SECONDS, STILL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Values that only tests change. Times are in seconds.

    typing: how long a user is shown as typing after the last event that says so.
    lock_grace: how long locks and answers wait for their user after the connection is lost.
    asked: how long a request for somebody else's lock is open.
    still: how long after its last edit a document is saved.
    latest: how long after its first unsaved edit a document is saved at the latest.
    move: how long a server that stops waits for its clients to go to other servers.
    finish: how long it then waits for the answers that are being made.
    drain: how long it then waits for the events that are being handled.
    patience: how long the database may take to answer a readiness probe.
    lease: how long this server is a node after it has renewed its lease. renewal: how often it
    does.
    clock: returns seconds since 1970. monotonic: returns seconds of a clock that is never set.
    """

    typing: float = 4.0
    lock_grace: float = 15.0
    asked: float = 60.0
    still: float = STILL_SECONDS
    latest: float = LATEST_SECONDS
    move: float = 20.0
    finish: float = 10.0
    drain: float = 5.0
    patience: float = 2.0
    lease: float = 10.0
    renewal: float = 2.0
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
