"""Emitters send to the clients of a cluster from a process without a server, such as a script."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Any

import hiredis

from socketio_min.cluster.redis.address import Address, parse_url
from socketio_min.cluster.redis.emission import Emission
from socketio_min.cluster.redis.link import Link
from socketio_min.cluster.redis.resp import Part, encode_command
from socketio_min.cluster.status import ClusterStatus
from socketio_min.errors import ConnectionFailed, UsageError

# Seconds that Redis may take for an answer.
TIMEOUT = 5.0


class Emitter(Emission):
    """A sender to the clients of a cluster, from a process with an event loop.

        async with Emitter("redis://127.0.0.1") as emitter:
            emitter.to("news").emit("headline", "…")

    Sending never blocks. The end of the block waits, for at most 5 seconds, until Redis has all
    messages.
    """

    def __init__(
        self, url: str, *, key: str = "socket.io", tls: ssl.SSLContext | None = None
    ) -> None:
        """Make the emitter; `key` is that of the servers' adapters.

        Raises:
            UsageError: it is no URL of Redis.
        """
        self._link = Link(parse_url(url, tls))
        super().__init__(self._link.publish, key)

    @property
    def cluster(self) -> ClusterStatus:
        """Return whether Redis can be reached, and how many messages were lost."""
        return self._link.status

    async def __aenter__(self) -> Emitter:
        self._link.open()
        await self._link.settle()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._link.close()


class BlockingEmitter(Emission):
    """A sender to the clients of a cluster, from a process without an event loop.

        with BlockingEmitter("redis://127.0.0.1") as emitter:
            emitter.to("news").emit("headline", "…")

    Each call waits for Redis' answer, for at most 5 seconds. Without an answer it raises
    `ConnectionFailed`, and the message may have been sent or not; the next call connects anew.
    Threads may share an emitter.
    """

    def __init__(
        self, url: str, *, key: str = "socket.io", tls: ssl.SSLContext | None = None
    ) -> None:
        """Make the emitter; `key` is that of the servers' adapters. The URL of any node of a Redis
        Cluster will do.

        Raises:
            UsageError: it is no URL of Redis, or one of Sentinels.
        """
        address = parse_url(url, tls)
        if address.service is not None:
            raise UsageError(
                f"got {address} as the URL of Redis: a blocking emitter does not ask Sentinels, "
                "use Emitter"
            )
        self._connection = _BlockingConnection(address)
        super().__init__(self._connection.publish, key)

    def __enter__(self) -> BlockingEmitter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()


class _BlockingConnection:
    """A connection that is made when it is needed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)

    def publish(self, channel: bytes, message: bytes) -> None:
        """Publish a message.

        Raises:
            ConnectionFailed: Redis cannot be reached, or refuses it.
        """
        with self._lock:
            try:
                self._ask("PUBLISH", channel, message)
            except (OSError, hiredis.HiredisError) as error:
                self._close()
                raise ConnectionFailed(
                    f"the message could not be sent to Redis at {self._address} ({error})"
                ) from None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)

    def _ask(self, *command: Part) -> Any:
        if self._socket is None:
            self._socket = self._connect()
            for parts in self._login():
                self._ask(*parts)
        self._socket.sendall(encode_command(*command))
        while (reply := self._reader.gets()) is Ellipsis:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionResetError("Redis closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def _connect(self) -> socket.socket:
        address = self._address
        if address.path is not None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT)
            connection.connect(address.path)
            return connection
        for host, port in address.hosts[:-1]:
            with contextlib.suppress(OSError):
                return self._reach(host, port)
        return self._reach(*address.hosts[-1])

    def _reach(self, host: str, port: int) -> socket.socket:
        connection = socket.create_connection((host, port), TIMEOUT)
        if self._address.tls is not None:
            return self._address.tls.wrap_socket(connection, server_hostname=host)
        return connection

    def _login(self) -> list[list[Part]]:
        address = self._address
        commands: list[list[Part]] = []
        if address.password is not None:
            commands.append(["AUTH", address.username or "default", address.password])
        if address.database:
            commands.append(["SELECT", address.database])
        return commands
