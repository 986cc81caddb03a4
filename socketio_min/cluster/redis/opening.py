"""Open a connection to the Redis that an address stands for at the moment, and log in.

An address may name several hosts: nodes of a cluster, or Sentinels, which are asked each time where
the master is. Each host gets a part of the time, so one that never answers leaves time for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import hiredis

from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.connection import Connection
from socketio_min.cluster.redis.resp import Part, encode_command


class RedisRefused(Exception):
    """Redis answered with an error."""


async def open_connection(
    address: Address, make: Callable[[], Connection], timeout: float
) -> tuple[Connection, str]:
    """Connect within about `timeout` seconds; return the connection that `make` has made, and the
    host that it goes to.

    Raises:
        OSError: no host can be reached.
        RedisRefused: a Sentinel knows no such server.
    """
    loop = asyncio.get_running_loop()
    if address.path is not None:
        _, connection = await loop.create_unix_connection(make, address.path)
        return connection, address.path
    errors: list[Exception] = []
    for host, port in address.hosts:
        try:
            async with asyncio.timeout(timeout / len(address.hosts)):
                if address.service is not None:
                    host, port = await _ask_sentinel(host, port, address.service)
                _, connection = await loop.create_connection(make, host, port, ssl=address.tls)
            return connection, host
        except (OSError, RedisRefused) as error:
            errors.append(error)
    raise errors[-1]


async def log_in(connection: Connection, address: Address) -> None:
    """Make a new connection ready for commands.

    Raises:
        ConnectionResetError: the connection ended before.
        RedisRefused: Redis does not take the name, the password or the database, or is loading.
    """
    hello: list[Part] = ["HELLO", 3]
    if address.password is not None:
        hello += ["AUTH", address.username or "default", address.password]
    await ask(connection, *hello)
    if address.database:
        await ask(connection, "SELECT", address.database)
    # A Redis that is loading its data answers HELLO, and refuses other commands (LOADING).
    await ask(connection, "PING")


def ask(connection: Connection, *command: Part) -> Awaitable[Any]:
    """Send a command; await the result for the reply.

    Raises:
        RedisRefused: Redis answered with an error.
        ConnectionResetError: the connection ended before.
    """
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def reply(value: Any) -> None:
        if future.done():
            return
        if isinstance(value, hiredis.ReplyError):
            future.set_exception(RedisRefused(str(value)))
        elif isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)

    connection.send(encode_command(*command), reply)
    return future


async def _ask_sentinel(host: str, port: int, service: str) -> tuple[str, int]:
    """Return where a Sentinel says that the master of a service is.

    Raises:
        OSError: the Sentinel cannot be reached.
        RedisRefused: it knows no such service.
    """

    def ignore(_: object) -> None:
        pass

    loop = asyncio.get_running_loop()
    _, sentinel = await loop.create_connection(
        lambda: Connection(ignore, ignore, ignore, ignore, ignore), host, port
    )
    try:
        found = await ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
    finally:
        sentinel.close()
    if not found:
        raise RedisRefused(f"the Sentinel at {host}:{port} knows no server named {service!r}")
    return found[0].decode(), int(found[1])
