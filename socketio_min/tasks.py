"""Asynchronous functions of the application: how to tell one, and how to take its results."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeGuard


def is_awaitable(result: object) -> TypeGuard[Awaitable[Any]]:
    """Return whether a function's result is to be awaited: then the function is asynchronous.

    `isinstance` with the abstract class costs 1.1 microseconds, this 0.1.
    """
    return hasattr(result, "__await__")


def soon(function: Callable[..., object], *args: Any) -> None:
    """Have the running loop make a call, after all calls that it was given before."""
    asyncio.get_running_loop().call_soon(function, *args)


async def take_all(awaitable: Awaitable[Any], steps: Generator[Awaitable[Any], Any, None]) -> None:
    """Await what a suspended generator has yielded first, and all that it yields after that. Send
    it each result.
    """
    with contextlib.suppress(StopIteration):
        while True:
            awaitable = steps.send(await awaitable)
