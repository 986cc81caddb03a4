"""The sessions of clients that are away, in Redis: any server can take a session out, once.

A session is a key that expires; its value is base64 of MessagePack, `{sid, pid, rooms, data}`. The
sessions of this project have more fields, which Node.js ignores:

    nsp, uid   the namespace, and the server that wrote the session
    begun      the place in the stream at which the session began
    presented  the offset that the client presented then
    given      the numbers of that server's events which its clients got without an offset
    gone       when the client went, in milliseconds since 1970

So a client that has got no event yet can come back too, and no client gets an event that was sent
before the client came, or that the client has got already. A session without `gone` was written
ahead: its server was killed, or does not know yet that the client has left.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from engineio_min.protocol.packets import Packet
from socketio_min.cluster.adapter import LocalNamespace, Recoverable
from socketio_min.cluster.message_fields import read_list, read_map, read_rooms, read_text
from socketio_min.cluster.messages import Broadcast
from socketio_min.cluster.recovery import Recovery, Restored, Session
from socketio_min.cluster.redis.bus import RedisBus
from socketio_min.cluster.redis.msgpack import pack, unpack
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import encode_command
from socketio_min.cluster.redis.stream_reader import START, StreamReader
from socketio_min.cluster.redis.stream_sessions_ahead import SessionsAhead
from socketio_min.cluster.redis.stream_wire import Entry, decode_entry, position, read_entries
from socketio_min.cluster.values import name_bytes, portable
from socketio_min.errors import EncodeError, PacketError
from socketio_min.protocol.outgoing import event_packets
from socketio_min.tasks import is_awaitable

logger = logging.getLogger("socketio_min")

# Seconds that a restore may take, and entries of one reading.
RESTORE_TIMEOUT = 5.0
PAGE = 1_000
# A key outlives its session by so many seconds, for the server that tells of the session's end.
GRACE = 5.0
# A session written ahead is written again after half of `max_disconnection`, and its key lives that
# much longer.
AHEAD = 1.5
MAX_PID = 64
# Entries that a session tells its client has had without an offset.
MAX_GIVEN = 1_000

# A session may have been taken out, and written by another server, since this one has written it.
_DELETE_IF_SAME = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
)


class Taken(NamedTuple):
    """A session that was taken out, and the place in the stream up to which no event is missing.

    `holder` is the server that may still have the client's old connection.
    """

    restored: Restored
    last: tuple[int, int]
    holder: str | None


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
        *,
        ahead: bool,
    ) -> None:
        """Keep sessions for the server `uid`, by `link`; the stream has about `max_length` entries.

        prefix: the beginning of the sessions' keys.
        ahead: whether they are kept while their clients are here, too.
        """
        self._namespace = namespace
        self._link = link
        self._reader = reader
        self._max_length = max_length
        self._prefix = prefix
        self._uid = uid
        # By the ids of this server's sockets, the places in the stream at which they began.
        self._begun: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        recovery = namespace.recovery
        self._ahead: SessionsAhead | None = None
        if ahead and recovery is not None:
            self._ahead = SessionsAhead(self._write_ahead, recovery.max_disconnection / 2)
        # The last numbers of events that clients of this server got without an offset.
        self._given: deque[int] = deque(maxlen=MAX_GIVEN)
        # The last written values of sessions whose clients are connected here, by private id.
        self._written: dict[str, bytes] = {}
        # Why Redis has refused commands, in the first words of its errors.
        self._told_refusals: set[str] = set()

    def enter(self, socket_id: str) -> None:
        """Note that a socket gets events from now on, or that it has joined rooms."""
        if self._namespace.recovery is not None:
            self._begun.setdefault(socket_id, self._reader.last)
        self.note(socket_id)

    def note(self, socket_id: str) -> None:
        """Note that the rooms of a socket have changed."""
        if self._ahead is not None:
            self._ahead.note(socket_id)

    def forget(self, socket_id: str) -> None:
        """Note that a socket is gone: unless its session is kept, delete what was written ahead."""
        self._begun.pop(socket_id, None)
        if self._ahead is not None:
            socket = self._ahead.end(socket_id)
            if socket is not None:
                self._delete_ahead(socket.pid)

    # -- here

    def begin(self, socket: Recoverable) -> None:
        """Note that the client of a socket was told its private id."""
        if self._ahead is not None:
            self._ahead.begin(socket)

    def give(self, numbers: Iterable[int]) -> None:
        """Note the numbers of events that clients here have got, whether or not they reach the
        stream.
        """
        self._given.extend(numbers)

    def connected(self) -> None:
        """Write the sessions again that Redis may have lost while it was away."""
        if self._ahead is not None:
            self._ahead.all_due()

    def _write_ahead(self, session: Session) -> None:
        # Writings that wait for Redis are done as soon as it is back.
        if self._link.status.connected:
            self._written[session.pid] = value = self._encode(session)
            self._set(session.pid, value, AHEAD)

    def _delete_ahead(self, pid: str) -> None:
        written = self._written.pop(pid, None)
        if written is not None:
            key = self._prefix + pid
            self._link.send(encode_command("EVAL", _DELETE_IF_SAME, 1, key, written), key)

    def _encode(self, session: Session, gone: float | None = None) -> bytes:
        """Return the value of a session's key.

        `gone` is when the client went, in seconds since 1970; None if it is connected.
        """
        begun = session.begun or self._begun.get(session.id, self._reader.last)
        fields: dict[str, Any] = {
            "sid": session.id,
            "pid": session.pid,
            "rooms": session.rooms,
            "data": self._portable(session, tell=gone is not None),
            "nsp": session.namespace,
            "begun": begun,
            "presented": session.presented,
            "uid": self._uid,
        }
        if self._given:
            fields["given"] = [*self._given]
        if gone is not None:
            fields["gone"] = round(gone * 1000)
        return base64.b64encode(pack(fields))

    def _set(self, pid: str, value: bytes, times: float = 1.0) -> None:
        """Keep the value of a session for `times` x `max_disconnection`, and a little longer."""
        recovery = self._namespace.recovery
        assert recovery is not None
        milliseconds = round((recovery.max_disconnection * times + GRACE) * 1000)
        key = self._prefix + pid
        self._link.send(encode_command("SET", key, value, "PX", milliseconds), key)

    # -- away

    def persist(self, session: Session) -> None:
        """Keep a session whose client has gone. There is no error if Redis does not take it."""
        recovery = self._namespace.recovery
        assert recovery is not None
        if self._ahead is not None:
            self._ahead.end(session.id)
        self._written.pop(session.pid, None)
        value = self._encode(session, gone=time.time())
        self._set(session.pid, value)
        if recovery.expired is not None:
            task = asyncio.get_running_loop().create_task(self._expire(session, value, recovery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _portable(self, session: Session, *, tell: bool) -> Any:
        try:
            return portable([session.data])[0]
        except EncodeError as error:
            if tell:
                logger.warning(
                    "the data of a socket cannot be kept while its client is away: %s", error
                )
            return {}

    async def _expire(self, session: Session, value: bytes, recovery: Recovery) -> None:
        """Call the handler of expired sessions, unless a server has taken the session out."""
        await asyncio.sleep(recovery.max_disconnection)
        key = self._prefix + session.pid
        try:
            deleted = await self._link.call("EVAL", _DELETE_IF_SAME, 1, key, value, key=key)
        except RedisRefused as error:
            # It is not known whether the session was taken out.
            self._refused(error)
            return
        if not deleted or recovery.expired is None:
            return
        try:
            result = recovery.expired(session)
            if is_awaitable(result):
                await result
        except Exception:
            logger.exception("the handler of expired sessions failed")

    async def close(self) -> None:
        """Stop waiting for sessions to expire: they stay for the other servers."""
        if self._ahead is not None:
            self._ahead.close()
        self._written.clear()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- back

    async def restore(self, pid: str, offset: str | None) -> Taken | None:
        """Take out a session, and return it with the missed events.

        Return None if there is no such session, if not all missed events are known, or if Redis is
        away.
        """
        try:
            async with asyncio.timeout(RESTORE_TIMEOUT):
                return await self._restore(pid, offset)
        except RedisRefused as error:
            self._refused(error)
        except (PacketError, TimeoutError, binascii.Error) as error:
            logger.debug("a session could not be restored: %s", error)
        return None

    def _refused(self, error: RedisRefused) -> None:
        """Log that Redis refused a command, once for each kind of error."""
        kind = str(error).partition(" ")[0]
        if kind not in self._told_refusals:
            self._told_refusals.add(kind)
            logger.error("Redis refuses what sessions need: %s", error)

    async def _restore(self, pid: str, offset: str | None) -> Taken | None:
        if len(pid) > MAX_PID:
            return None
        await self._reader.began.wait()
        key = self._prefix + pid
        value = await self._link.call("GETDEL", key, key=key)
        if value is None:
            return None
        fields = read_map(unpack(base64.b64decode(value, validate=True)), "a session")
        if fields.get("nsp", self._namespace.name) != self._namespace.name:
            # The session belongs to another namespace, and stays there.
            self._set(pid, value)
            return None
        presented, begun = fields.get("presented"), fields.get("begun")
        session = Session(
            self._namespace.name,
            read_text(fields.get("sid"), "the id of a socket"),
            pid,
            read_rooms(read_list(fields.get("rooms"), "rooms")),
            read_map(fields.get("data") or {}, "the data of a socket"),
            presented if isinstance(presented, str) else None,
            begun if isinstance(begun, str) else None,
        )
        after = offset
        if offset is None or offset == session.presented:
            after = session.begun
        if after is None or not await self._is_known(after):
            return None
        missed, last = await self._read_from(after, session, fields)
        holder = fields.get("uid")
        left = "gone" in fields or type(holder) is not str or holder == self._uid
        return Taken(Restored(session, missed), last, None if left else holder)

    async def _is_known(self, entry_id: str) -> bool:
        """Return whether the stream still has all entries from this one on."""
        position(entry_id)
        stream = self._reader.stream
        if entry_id == START:
            return int(await self._link.call("XLEN", stream, key=stream)) < self._max_length
        return bool(await self._link.call("XRANGE", stream, entry_id, entry_id, key=stream))

    async def _read_from(
        self, after: str, session: Session, fields: dict[Any, Any]
    ) -> tuple[list[Packet], tuple[int, int]]:
        """Return the events that a session missed after an entry, and the place of the last entry
        that was read.

        The stream is read until its reader is passed: the socket gets what the reader brings from
        then on. There is no wait between the last reading and the return.
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
            if position(after) >= self._reader.position:
                return missed, position(after)

    def _packets(self, entry: Entry, session: Session, fields: dict[Any, Any]) -> list[Packet]:
        """Return the packets of an entry's event if a session has missed it, else none."""
        if entry.fields.get(b"nsp") != name_bytes(self._namespace.name):
            return []
        own = entry.fields.get(b"uid") == str(fields.get("uid")).encode()
        given = fields.get("given")
        if own and isinstance(given, list) and entry.number in given:
            return []
        if own and entry.late is not None:
            # The server that sent the event gave it to its own clients while Redis was away.
            gone = fields.get("gone")
            if not isinstance(gone, int):
                raise PacketError("got an event of which nobody knows whether the client has it")
            if entry.late < gone:
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
