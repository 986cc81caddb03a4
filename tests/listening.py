"""Waiting for a server in another process."""

from __future__ import annotations

import asyncio

from tests.waiting import PATIENCE


async def listening(port: int) -> None:
    """Wait until a server accepts connections on a port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
