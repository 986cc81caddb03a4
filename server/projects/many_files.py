"""What it costs a user to change many files at once, by their number.

Who saves in a project waits for half a second while everybody is told of ten thousand files that
have come back. A rate that counts events lets one user do that again and again, until the others
save nothing. So such files have a rate of their own. Whoever exceeds it is not refused: the next
such event waits until the rate is paid back, before it lets anybody wait.
"""

from __future__ import annotations

from asyncio import sleep
from typing import Any, Final

from server.api.rate_limit import Rate
from server.api.registry import Call

CHANGED: Final = Rate("changed files", burst=10_000, per_second=2_500)
"""Files of one user's events: others wait for an eighth of the time at most."""


async def paid_back(call: Call[Any]) -> None:
    """Wait until what the user has changed before is paid back."""
    if wait := call.services.rates.spend(call.user.id, CHANGED, 0):
        await sleep(wait)


def count(call: Call[Any], files: int) -> None:
    """Count the files that an event has changed."""
    call.services.rates.spend(call.user.id, CHANGED, files)
