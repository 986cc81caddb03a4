"""The link to Redis: a connection that is made again when it is lost, and the commands that wait
meanwhile.

    away ─► connect ─► HELLO ─► subscriptions, then waiting commands ─► connected ─► away

Publishing never blocks. While Redis is away or slow, messages wait in a buffer of limited size; a
message that has no place there is dropped and counted, and one line of the log for each outage
tells how many were. A message without an answer when a connection ends may have arrived or not; it
is not sent again, so that no message arrives twice. Sentinels are asked before each connection
where the master is.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import Any

from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.connection import (
    PATIENCE,
    PING_INTERVAL,
    Connection,
    Reply,
)
from socketio_min.cluster.redis.opening import RedisRefused, ask, log_in, open_connection
from socketio_min.cluster.redis.resp import Part, encode_command
from socketio_min.cluster.redis.subscriptions import Receive, Subscriptions
from socketio_min.cluster.status import ClusterStatus
from socketio_min.protocol.backoff import Backoff

logger = logging.getLogger("socketio_min")

# The most bytes of messages that wait while Redis is away or slow.
MAX_WAITING = 16_000_000
# Seconds: the least and the longest wait between two attempts to connect.
RETRY_MIN, RETRY_MAX = 0.05, 2.0
# Seconds that an attempt, a start and an end may take.
CONNECT_TIMEOUT = 5.0


class Link:
    """The link of one process to one Redis."""

    def __init__(
        self,
        address: Address,
        *,
        max_waiting: int = MAX_WAITING,
        ping_interval: float = PING_INTERVAL,
        patience: float = PATIENCE,
        whole: ClusterStatus | None = None,
    ) -> None:
        """Make the link.

        max_waiting: the most bytes of commands that wait. ping_interval: seconds between two pings.
        patience: seconds that an answer to one may take. whole: if this is one of several links,
        the status of all together.
        """
        self.address = address
        # The host of the connection, or of the last one.
        self.host = ""
        self.status = ClusterStatus(connected=False, whole=whole)
        self._max_waiting = max_waiting
        self._ping_interval = ping_interval
        self._patience = patience
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._paused = False
        # Set while the link is connected; set when the first attempt to connect after a loss has
        # succeeded or failed.
        self._up, self._tried = asyncio.Event(), asyncio.Event()
        # Whether the connection is lost or could not be made; False before the first attempt.
        self.away = False
        self._ended: asyncio.Future[str] | None = None
        self._waiting: deque[tuple[bytes, Reply | None]] = deque()
        self._waiting_size = 0
        # The commands that were refused since the connection was made, and Redis' words for why.
        self._told_refusals: set[tuple[str, str]] = set()
        # Messages dropped or unanswered since the connection was lost.
        self._lost = 0
        self._subscriptions = Subscriptions(self._subscription_refused)

    # -- the life of the link

    def open(self) -> None:
        """Begin to connect; every `open` has its `close`, and the last one ends it."""
        self._users += 1
        if self._task is None:
            self._up, self._tried = asyncio.Event(), asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self, *, drain: bool = True) -> None:
        """Disconnect if nobody else has it open; with `drain`, when Redis has all that was sent."""
        self._users -= 1
        if drain and not self._is_open and self._up.is_set():
            try:
                async with asyncio.timeout(self._patience):
                    await self.call("PING")
            except TimeoutError:
                logger.warning("Redis did not take what was left when the server closed")
        # A user may have opened the link again meanwhile.
        if not self._is_open and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def _is_open(self) -> bool:
        return self._users > 0

    async def settle(self) -> None:
        """Return when all subscriptions so far are in effect, or when that takes too long."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self.call("PING")
        except TimeoutError:
            logger.warning(
                "Redis at %s does not answer: only clients of this server are reached until then",
                self.address,
            )

    async def _run(self) -> None:
        backoff = Backoff(RETRY_MIN, RETRY_MAX, 0.5, random.random)
        told = False
        try:
            while True:
                try:
                    async with asyncio.timeout(CONNECT_TIMEOUT):
                        await self._connect()
                except (OSError, RedisRefused) as error:
                    self._failed()
                    if not told:
                        told = True
                        reason = str(error) or type(error).__name__
                        logger.warning("cannot connect to Redis at %s: %s", self.address, reason)
                else:
                    backoff.reset()
                    await self._serve()
                    # The loss has been logged.
                    told = True
                await asyncio.sleep(backoff.next_delay())
        finally:
            self._disconnected()

    async def _connect(self) -> None:
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended = ended

        def make() -> Connection:
            return Connection(
                self._pushed,
                lambda reason: None if ended.done() else ended.set_result(reason),
                self._writable,
                self.refuse,
                self.status.measure,
                ping_interval=self._ping_interval,
                patience=self._patience,
            )

        connection, self.host = await open_connection(self.address, make, CONNECT_TIMEOUT)
        self._connection, self._paused = connection, False
        try:
            await log_in(connection, self.address)
        except BaseException:
            self._connection = None
            connection.abort("the login failed")
            raise

    async def _serve(self) -> None:
        """Use the connection until it ends."""
        connection, ended = self._connection, self._ended
        assert connection is not None
        assert ended is not None
        self._subscriptions.restore(connection)
        self._told_refusals.clear()
        if self._lost:
            logger.warning(
                "Redis at %s is back; %d messages to other servers were lost meanwhile",
                self.address,
                self._lost,
            )
            self._lost = 0
        else:
            logger.info("connected to Redis at %s", self.address)
        self._up.set()
        self._tried.set()
        self.away = False
        self._send_waiting()
        self.status.change(True)
        reason = await ended
        self._disconnected()
        logger.warning(
            "lost the connection to Redis at %s (%s): only clients of this server are reached "
            "until it is back",
            self.address,
            reason,
        )
        # The commands without an answer may have arrived or not.
        self._lost += connection.unanswered

    def _failed(self) -> None:
        self._tried.set()
        self.away = True

    def _disconnected(self) -> None:
        connection, self._connection = self._connection, None
        self._up.clear()
        self._tried.clear()
        self.away = True
        if connection is not None:
            connection.close()
        self.status.change(False)

    # -- commands

    async def reached(self) -> bool:
        """Return whether Redis can be reached, when that is known."""
        await self._tried.wait()
        return self._up.is_set()

    async def call(self, *command: Part, key: Part | None = None) -> Any:
        """Send a command that may be sent twice, and return its reply.

        The call waits as long as Redis cannot be reached: put a timeout around it. `key` does not
        matter here, because one Redis has all keys.

        Raises:
            RedisRefused: Redis answered with an error.
        """
        while True:
            await self._up.wait()
            try:
                return await self.call_once(*command)
            except ConnectionResetError:
                # `_up` is cleared before this is raised, or right after it.
                await asyncio.sleep(0)

    async def call_once(self, *command: Part) -> Any:
        """Send a command and return its reply.

        Raises:
            RedisRefused: Redis answered with an error.
            ConnectionResetError: Redis cannot be reached, or went before it answered.
        """
        connection = self._connection
        if connection is None or not self._up.is_set():
            raise ConnectionResetError("Redis cannot be reached")
        return await ask(connection, *command)

    def publish(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a channel. Never blocks."""
        self.send(encode_command(b"PUBLISH", channel, message))

    def send(self, command: bytes, key: Part | None = None, reply: Reply | None = None) -> bool:
        """Send a command once, as soon as Redis takes it. Return False if it was dropped, because
        too much waits already.

        `reply` gets the answer of Redis, or an error. `key` does not matter here, because one Redis
        has all keys.
        """
        connection = self._connection
        if connection is not None and not self._paused and self._up.is_set():
            connection.send(command, reply)
        elif self._waiting_size + len(command) <= self._max_waiting:
            self._waiting.append((command, reply))
            self._waiting_size += len(command)
        else:
            self._drop()
            return False
        return True

    def _drop(self) -> None:
        self.status.drop()
        self._lost += 1
        if self._lost == 1:
            logger.warning(
                "messages to other servers are dropped: Redis at %s does not take them and %d "
                "bytes wait already",
                self.address,
                self._waiting_size,
            )

    def _writable(self, writable: bool) -> None:
        self._paused = not writable
        if writable:
            self._send_waiting()

    def _send_waiting(self) -> None:
        connection = self._connection
        while connection is not None and self._waiting and not self._paused:
            command, reply = self._waiting.popleft()
            self._waiting_size -= len(command)
            connection.send(command, reply)

    def lose(self) -> None:
        """Count a message that had no answer when the connection was lost."""
        self._lost += 1

    def refuse(self, error: Exception) -> None:
        """Count a message that Redis has refused, because it lacks memory or the user a right."""
        self.status.drop()
        if self._is_new_refusal("", error):
            logger.error(
                "Redis at %s refused a message to other servers (%s); further ones are only "
                "counted until the next connection",
                self.address,
                error,
            )

    def _is_new_refusal(self, command: str, error: Exception) -> bool:
        """Return whether Redis has not refused the like before on this connection."""
        kind = command, str(error).partition(" ")[0]
        is_new = kind not in self._told_refusals
        self._told_refusals.add(kind)
        return is_new

    # -- subscriptions

    def subscribe(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a channel."""
        self._subscribe("SUBSCRIBE", channel, receive)

    def unsubscribe(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe`."""
        self._unsubscribe("SUBSCRIBE", channel, receive)

    def subscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Call `receive` with each message of the channels that begin with `prefix`."""
        self._subscribe("PSUBSCRIBE", escape_glob(prefix) + b"*", receive)

    def unsubscribe_prefix(self, prefix: bytes, receive: Receive) -> None:
        """Undo `subscribe_prefix`."""
        self._unsubscribe("PSUBSCRIBE", escape_glob(prefix) + b"*", receive)

    async def subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a channel. Waits until Redis is there."""
        reply = await self.call("PUBSUB", "NUMSUB", channel)
        return int(reply[1])

    async def channels(self, prefix: bytes) -> list[bytes]:
        """Return the channels with subscribers that begin with `prefix`."""
        return list(await self.call("PUBSUB", "CHANNELS", escape_glob(prefix) + b"*"))

    # -- the same, sharded: Redis 7

    def publish_shard(self, channel: bytes, message: bytes) -> None:
        """Send a message to the subscribers of a sharded channel. Never blocks."""
        self.send(encode_command(b"SPUBLISH", channel, message))

    def subscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Call `receive` with each message of a sharded channel."""
        self._subscribe("SSUBSCRIBE", channel, receive)

    def unsubscribe_shard(self, channel: bytes, receive: Receive) -> None:
        """Undo `subscribe_shard`."""
        self._unsubscribe("SSUBSCRIBE", channel, receive)

    async def shard_subscribers(self, channel: bytes) -> int:
        """Return how many servers subscribe to a sharded channel. Waits until Redis is there."""
        reply = await self.call("PUBSUB", "SHARDNUMSUB", channel)
        return int(reply[1])

    async def shard_channels(self, prefix: bytes) -> list[bytes]:
        """Return the sharded channels with subscribers that begin with `prefix`."""
        return list(await self.call("PUBSUB", "SHARDCHANNELS", escape_glob(prefix) + b"*"))

    def _subscribe(self, command: str, channel: bytes, receive: Receive) -> None:
        self._subscriptions.add(self._connected_one, command, channel, receive)

    def _unsubscribe(self, command: str, channel: bytes, receive: Receive) -> None:
        self._subscriptions.remove(self._connected_one, command, channel, receive)

    @property
    def _connected_one(self) -> Connection | None:
        """Return the connection; None before it has logged in and subscribed to all channels."""
        return self._connection if self._up.is_set() else None

    def _subscription_refused(self, command: str, channel: bytes, error: Exception) -> None:
        if self._is_new_refusal(command, error):
            logger.error("Redis refused %s %r, and perhaps others: %s", command, channel, error)

    def _pushed(self, push: list[Any]) -> None:
        self._subscriptions.take(push)


def escape_glob(name: bytes) -> bytes:
    """Return a pattern that only `name` matches: namespaces may have any characters."""
    escaped = name
    for character in (b"\\", b"*", b"?", b"[", b"]"):
        escaped = escaped.replace(character, b"\\" + character)
    return escaped
