"""What the tests of a server's connections have in common: who refuses, and who waits."""

from __future__ import annotations

import asyncio
from typing import Any

from socketio_min import ConnectionRefused

HOLE = '{"_placeholder":true,"num":0}'
REFUSED = '44{"message":"not authorized","data":{"code":"E1"}}'


def refuse(*_anything: Any) -> None:
    raise ConnectionRefused("not authorized", {"code": "E1"})


class Gate:
    """Where handlers wait until the test lets them go on."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = asyncio.Event()

    async def wait(self) -> None:
        self.waiting += 1
        await self._open.wait()

    def open(self) -> None:
        self._open.set()
