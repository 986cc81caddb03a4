"""Asynchronous functions of the application: how to recognise one, and how to await its results."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeGuard


def is_awaitable(result: object) -> TypeGuard[Awaitable[Any]]:
    """Return whether a function's result must be awaited: then the function is asynchronous.

    `isinstance` with the abstract class takes 1.1 microseconds, this takes 0.1.
    """
    return hasattr(result, "__await__")


def soon(function: Callable[..., object], *args: Any) -> None:
    """Make a call in the running loop, after all calls that the loop was given before."""
    asyncio.get_running_loop().call_soon(function, *args)


async def take_all(awaitable: Awaitable[Any], steps: Generator[Awaitable[Any], Any, None]) -> None:
    """Run a generator to its end: await each awaitable that it yields, and send it the result.

    `awaitable` is the first one, which the generator has yielded already.
    """
    with contextlib.suppress(StopIteration):
        while True:
            awaitable = steps.send(await awaitable)
