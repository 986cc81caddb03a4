"""Opening a database that may not answer yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from server.store.database import Database
from server.store.engine import StoreAway

AWAY: Final = "the database does not answer"
"""What clients and probes are told meanwhile."""
_RETRY_SECONDS: Final = 1.0
"""How long it is from one try to the next."""

logger = logging.getLogger("server")


async def reach(database: Database, away: Callable[[], Awaitable[None]] | None) -> None:
    """Open a database. If it cannot be reached, call `away` once, and try again until it can.

    Raises:
        StoreAway: it cannot be reached, and there is no `away`.
        StoreError: it cannot be used.
    """
    was_away = False
    while True:
        try:
            await database.start()
        except StoreAway as error:
            if away is None:
                raise
            if not was_away:
                was_away = True
                logger.error("%s; trying again", error)
                await away()
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            break
    if was_away:
        logger.warning("the database answers")
