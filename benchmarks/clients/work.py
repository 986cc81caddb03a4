"""The work that every client does, and how it is measured.

A client is what has these five functions; all else is the same for all. CPU time is that of this
process, and nothing but the client runs in it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

IN_FLIGHT = 64


class Client(Protocol):
    """One connected client."""

    def on(self, event: str, handler: Callable[..., None]) -> None: ...

    async def emit(self, event: str, *args: Any) -> None: ...

    async def call(self, event: str, *args: Any) -> Any: ...

    async def close(self) -> None: ...


Connect = Callable[[str], Awaitable[Client]]


async def echo(connect: Connect, url: str, count: int) -> int:
    """Emit events and receive each back, 64 in flight."""
    client = await connect(url)
    done = asyncio.Event()
    received = 0
    window = asyncio.Semaphore(IN_FLIGHT)

    def back(*_: Any) -> None:
        nonlocal received
        received += 1
        window.release()
        if received == count:
            done.set()

    client.on("message-back", back)
    for number in range(count):
        await window.acquire()
        await client.emit("message", number, "a text of forty characters, as in a chat")
    await done.wait()
    await client.close()
    return 2 * count


async def acknowledged(connect: Connect, url: str, count: int) -> int:
    """Send events that are acknowledged, 64 in flight."""
    client = await connect(url)

    async def worker() -> None:
        for number in range(count // IN_FLIGHT):
            assert await client.call("message-with-ack", number) == number

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    await client.close()
    return count // IN_FLIGHT * IN_FLIGHT


async def receive(connect: Connect, url: str, count: int) -> int:
    """Send fifty events at a time to ten clients in a room."""
    return await listen(connect, url, count, members=10, burst=50)


async def trickle(connect: Connect, url: str, count: int) -> int:
    """Send one event at a time to a hundred clients in a room: each costs a read of its own."""
    return await listen(connect, url, count, members=100, burst=1)


async def listen(connect: Connect, url: str, count: int, members: int, burst: int) -> int:
    clients = [await connect(url) for _ in range(members)]
    heard = 0
    all_heard = asyncio.Event()

    def hear(*_: Any) -> None:
        nonlocal heard
        heard += 1
        if heard % (members * burst) == 0:
            all_heard.set()

    for client in clients:
        client.on("fan", hear)
        await client.call("join", "room")
    for _ in range(count // (members * burst)):
        all_heard.clear()
        for number in range(burst):
            await clients[0].emit("fan", "room", number)
        await all_heard.wait()
    for client in clients:
        await client.close()
    return heard


async def idle(connect: Connect, url: str, count: int) -> int:
    """Keep clients connected that say nothing."""
    clients = [await connect(url) for _ in range(count)]
    await asyncio.sleep(0.2)
    print(json.dumps({"memory": resident()}), flush=True)
    for client in clients:
        await client.close()
    return count


LOADS = {
    "echo": echo,
    "acknowledged": acknowledged,
    "receive": receive,
    "trickle": trickle,
    "idle": idle,
}


def resident() -> int:
    """Return the memory of this process, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def measure(connect: Connect, arguments: list[str]) -> None:
    """Run `LOAD URL COUNT` and print what it took as lines of JSON."""
    load, url, count = arguments

    async def run() -> None:
        print(json.dumps({"memory": resident()}), flush=True)
        # Imports, name resolution and the first packets are nobody's work.
        await LOADS["acknowledged"](connect, url, IN_FLIGHT)
        cpu, wall = time.process_time(), time.perf_counter()
        units = await LOADS[load](connect, url, int(count))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({"units": units, "cpu": cpu, "seconds": wall}), flush=True)

    asyncio.run(run())
