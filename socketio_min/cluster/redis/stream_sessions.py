"""The sessions of clients that are away, in Redis: any server can take one out, once.

A session is a key with base64 of MessagePack, `{sid, pid, rooms, data}`, that expires. Ours have
more, which Node.js ignores: the namespace, where in the stream the session began, the offset that
the client brought then, and when its client went. So a client that has had no event yet comes back
too, and none gets what was sent before it came.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from typing import Any

from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import LocalNamespace
from socketio_min.cluster.messages import Broadcast
from socketio_min.cluster.reading import read_list, read_map, read_rooms, read_text
from socketio_min.cluster.recovery import Recovery, Restored, Session
from socketio_min.cluster.redis.bus import RedisBus
from socketio_min.cluster.redis.msgpack import pack, unpack
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import encode_command
from socketio_min.cluster.redis.stream_reader import START, StreamReader
from socketio_min.cluster.redis.stream_wire import Entry, decode_entry, position, read_entries
from socketio_min.cluster.values import name_bytes, portable
from socketio_min.errors import EncodeError, PacketError
from socketio_min.protocol.outgoing import event_packets
from socketio_min.tasks import is_awaitable

logger = logging.getLogger("socketio_min")

# Seconds that a restore may take, and entries of one reading.
RESTORE_TIMEOUT = 5.0
PAGE = 1_000
# Seconds that a key outlives its session, for the server that tells of its end.
GRACE = 5.0
MAX_PID = 64


class StreamSessions:
    """The sessions of one namespace on one server."""

    def __init__(
        self,
        namespace: LocalNamespace,
        link: RedisBus,
        reader: StreamReader,
        max_length: int,
        prefix: str,
        uid: str,
    ) -> None:
        """Keep the sessions of clients of `uid` on `link`; the stream has about `max_length`."""
        self._namespace = namespace
        self._link = link
        self._reader = reader
        self._max_length = max_length
        self._prefix = prefix
        self._uid = uid
        # Where in the stream the sockets here began.
        self._begun: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, socket_id: str) -> None:
        """Note that a socket gets what comes from now on."""
        if self._namespace.recovery is not None:
            self._begun.setdefault(socket_id, self._reader.last)

    def forget(self, socket_id: str) -> None:
        """Note that a socket is gone."""
        self._begun.pop(socket_id, None)

    # -- away

    def persist(self, session: Session) -> None:
        """Keep a session; nothing is told if Redis does not."""
        recovery = self._namespace.recovery
        assert recovery is not None
        fields = {
            "sid": session.id,
            "pid": session.pid,
            "rooms": session.rooms,
            "data": self._portable(session),
            "nsp": session.namespace,
            "begun": self._begun.get(session.id, self._reader.last),
            "presented": session.presented,
            "uid": self._uid,
            "gone": round(time.time() * 1000),
        }
        milliseconds = round((recovery.max_disconnection + GRACE) * 1000)
        value = base64.b64encode(pack(fields))
        key = self._prefix + session.pid
        self._link.send(encode_command("SET", key, value, "PX", milliseconds), key)
        if recovery.expired is not None:
            task = asyncio.get_running_loop().create_task(self._expire(session, recovery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _portable(self, session: Session) -> Any:
        try:
            return portable([session.data])[0]
        except EncodeError as error:
            logger.warning(
                "the data of a socket cannot be kept while its client is away: %s", error
            )
            return {}

    async def _expire(self, session: Session, recovery: Recovery) -> None:
        """Tell of a session that nobody has taken out."""
        await asyncio.sleep(recovery.max_disconnection)
        key = self._prefix + session.pid
        taken = await self._link.call("GETDEL", key, key=key)
        if taken is None or recovery.expired is None:
            return
        try:
            result = recovery.expired(session)
            if is_awaitable(result):
                await result
        except Exception:
            logger.exception("the handler of expired sessions failed")

    async def close(self) -> None:
        """End the waiting for sessions that may expire: they stay for the other servers."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- back

    async def restore(
        self, pid: str, offset: str | None
    ) -> tuple[Restored, tuple[int, int]] | None:
        """Take out a session; return it with what was missed, and the place up to which.

        None if there is none, if not all that was missed is known, and if Redis is away.
        """
        try:
            async with asyncio.timeout(RESTORE_TIMEOUT):
                return await self._restore(pid, offset)
        except (PacketError, RedisRefused, TimeoutError, binascii.Error) as error:
            logger.debug("a session could not be restored: %s", error)
            return None

    async def _restore(
        self, pid: str, offset: str | None
    ) -> tuple[Restored, tuple[int, int]] | None:
        if len(pid) > MAX_PID:
            return None
        key = self._prefix + pid
        value = await self._link.call("GETDEL", key, key=key)
        if value is None:
            return None
        fields = read_map(unpack(base64.b64decode(value, validate=True)), "a session")
        if fields.get("nsp", self._namespace.name) != self._namespace.name:
            # It is the session of another namespace, and stays there.
            recovery = self._namespace.recovery
            assert recovery is not None
            milliseconds = round(recovery.max_disconnection * 1000)
            self._link.send(encode_command("SET", key, value, "PX", milliseconds), key)
            return None
        presented = fields.get("presented")
        session = Session(
            self._namespace.name,
            read_text(fields.get("sid"), "the id of a socket"),
            pid,
            read_rooms(read_list(fields.get("rooms"), "rooms")),
            read_map(fields.get("data") or {}, "the data of a socket"),
            presented if isinstance(presented, str) else None,
        )
        after = offset
        if offset is None or offset == session.presented:
            begun = fields.get("begun")
            after = begun if isinstance(begun, str) else None
        if after is None or not await self._is_known(after):
            return None
        missed, last = await self._read_from(after, session, fields)
        return Restored(session, missed), last

    async def _is_known(self, entry_id: str) -> bool:
        """Return whether the stream still has everything from an entry on."""
        position(entry_id)
        stream = self._reader.stream
        if entry_id == START:
            return int(await self._link.call("XLEN", stream, key=stream)) < self._max_length
        return bool(await self._link.call("XRANGE", stream, entry_id, entry_id, key=stream))

    async def _read_from(
        self, after: str, session: Session, fields: dict[Any, Any]
    ) -> tuple[list[Packet], tuple[int, int]]:
        """Return what a session missed after an entry, and the place that was read up to.

        It goes on until it has passed the reader: what that brings from then on is what the socket
        has not had. There is no wait between the last look and the return.
        """
        missed: list[Packet] = []
        stream = self._reader.stream
        while True:
            reply = await self._link.call(
                *("XRANGE", stream, "(" + after, "+", "COUNT", PAGE), key=stream
            )
            entries = read_entries(reply)
            for entry in entries:
                missed += self._packets(entry, session, fields)
            if entries:
                after = entries[-1].id
            elif position(after) >= self._reader.position:
                return missed, position(after)

    def _packets(self, entry: Entry, session: Session, fields: dict[Any, Any]) -> list[Packet]:
        """Return the packets of an entry that a session has missed, none if it has not."""
        if entry.fields.get(b"nsp") != name_bytes(self._namespace.name):
            return []
        own = entry.fields.get(b"uid") == str(fields.get("uid")).encode()
        gone = fields.get("gone")
        if own and entry.late is not None and isinstance(gone, int) and entry.late < gone:
            # Its server gave it to the client when Redis was away.
            return []
        try:
            _, message = decode_entry(entry)
        except PacketError:
            return []
        if not isinstance(message, Broadcast) or message.options.volatile:
            return []
        rooms, except_ = message.options.rooms, message.options.except_
        wanted = not rooms or not set(rooms).isdisjoint(session.rooms)
        if not wanted or not set(except_).isdisjoint(session.rooms):
            return []
        return event_packets(self._namespace, (*message.args, entry.id))
