"""A handler that does nothing."""

from __future__ import annotations

from typing import Any


async def do_nothing(*_anything: Any) -> None:
    pass
