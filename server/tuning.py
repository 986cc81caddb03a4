"""Times and functions of the application that are no settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher

from server.documents.saving import LATEST_SECONDS, STILL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Values that only tests change. Times are in seconds.

    typing: how long a user who says nothing more is shown as typing.
    lock_grace: how long a lock and an answer wait for their user after the connection is lost.
    asked: how long somebody who asks for a lock waits for an answer.
    still, latest: how long after the last edit of a document, and after the first, it is saved.
    move: how long clients may take to come back to other servers when this one stops, and
    finish: how long the answers that are being made may take then.
    drain: how long events that are being handled may take when the server stops.
    patience: how long the database may take to be found ready.
    lease: how long this server is a node after it has last said so. renewal: how often it says so.
    clock: seconds since 1970. monotonic: seconds since whenever, for rates. hasher: of passwords.
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
