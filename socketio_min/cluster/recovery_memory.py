"""Connection state recovery in the memory of one server: its sessions, and a log of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from engineio_min.ids import random_id
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import Packet
from engineio_min.timer import Timer
from socketio_min.cluster.adapter import BroadcastOptions, LocalNamespace, Recipient, Recoverable
from socketio_min.cluster.memory import MemoryAdapter, send_to_all
from socketio_min.cluster.recovery import Recovery, Restored, Session
from socketio_min.cluster.recovery_log import EventLog
from socketio_min.cluster.recovery_rooms import RoomHistory
from socketio_min.cluster.recovery_sessions import SessionStore
from socketio_min.errors import UsageError
from socketio_min.protocol.outgoing import event_packets
from socketio_min.protocol.packets import check_event_name

# Characters of the log's random name: two starts of a server hardly ever have the same.
_NAME_LENGTH = 8


class Engine(Protocol):
    """An Engine.IO server, of which only the clock matters here."""

    timer: Timer
    loop: asyncio.AbstractEventLoop


class _Away(NamedTuple):
    """A session that waits, and the history of its rooms."""

    session: Session
    history: RoomHistory


class MemoryRecovery:
    """Keeps the sessions and events of all namespaces of a server.

    `expired` is called with each session that ends without having been restored. Times are those of
    the engine's loop, in seconds.
    """

    __slots__ = ("_engine", "_expired", "_ids", "_sessions", "deadline", "log")

    def __init__(
        self, options: Recovery, engine: Engine, expired: Callable[[Session], object]
    ) -> None:
        self._engine = engine
        self._expired = expired
        duration = options.max_disconnection
        name = random_id()[:_NAME_LENGTH]
        self.log = EventLog(name, options.max_packets, options.max_bytes, duration)
        self._sessions: SessionStore[_Away] = SessionStore(duration, options.max_sessions)
        # The namespaces and public ids of the sessions.
        self._ids: set[tuple[str, str]] = set()
        self.deadline = NEVER

    def __len__(self) -> int:
        """Return how many sessions wait."""
        return len(self._sessions)

    @property
    def now(self) -> float:
        """Return the time in seconds."""
        return self._engine.loop.time()

    def is_away(self, namespace: str, socket_id: str) -> bool:
        """Return whether the client of the socket of that id is away and may come back."""
        return (namespace, socket_id) in self._ids

    def put(self, session: Session, history: RoomHistory) -> None:
        """Keep the session of a client that is away."""
        self._ids.add((session.namespace, session.id))
        displaced = self._sessions.put(session.pid, _Away(session, history), self.now)
        if displaced is not None:
            self._end([displaced])
        if self.deadline == NEVER:
            self.deadline = self._sessions.deadline
            self._engine.timer.watch(self)

    def take(
        self, namespace: str, pid: str, offset: str | None
    ) -> tuple[Restored, RoomHistory] | None:
        """Take out the session of a client that is back, and return it.

        Return None if there is no such session. Return None, too, and end the session, if not all
        events that the client missed are known.
        """
        away = self._sessions.get(pid, self.now)
        if away is None or away.session.namespace != namespace:
            return None
        self._sessions.remove(pid)
        session, history = away
        missed = self._missed(session, history, offset)
        if missed is None:
            self._end([away])
            return None
        self._forget(session)
        return Restored(session, missed), history

    def _missed(
        self, session: Session, history: RoomHistory, offset: str | None
    ) -> list[Packet] | None:
        log = self.log
        log.prune(self.now)
        after: int | None = history.begun
        if offset is not None and offset != session.presented:
            after = log.number_of(offset)
        if after is None:
            return None
        events = log.missed(session.namespace, session.pid, history, after)
        return None if events is None else [packet for event in events for packet in event.packets]

    def _forget(self, session: Session) -> None:
        self._ids.discard((session.namespace, session.id))
        if not self._sessions:
            self.deadline = NEVER
            self._engine.timer.forget(self)

    def _end(self, ended: Sequence[_Away]) -> None:
        for away in ended:
            self._forget(away.session)
            self._expired(away.session)

    def handle_timeout(self, now: float) -> None:
        """End the sessions whose time has passed."""
        ended = self._sessions.take_expired(now)
        self.deadline = self._sessions.deadline
        self.log.prune(now)
        self._end(ended)

    def close(self) -> None:
        """End all sessions: no client can come back to a server that has closed."""
        self._end(self._sessions.take_all())


class RecoveringMemoryAdapter(MemoryAdapter):
    """The rooms of one process, with connection state recovery."""

    __slots__ = ("_histories", "_recovery")

    def __init__(self, namespace: LocalNamespace, recovery: MemoryRecovery) -> None:
        super().__init__(namespace)
        self._recovery = recovery
        self._histories: dict[str, RoomHistory] = {}

    # -- who is where

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        """Put a socket into rooms.

        Raises:
            UsageError: a room has the name of a socket whose client is away and may come back. Who
            joins that room would also get what is sent to that socket.
        """
        name = self._namespace.name
        rooms = tuple(rooms)
        for room in rooms:
            if room != socket_id and self._recovery.is_away(name, room):
                raise UsageError(
                    "got the id of a socket whose client may come back as the name of a room: "
                    "who joins it would also get what is sent to that socket"
                )
        super().add_all(socket_id, rooms)
        last = self._recovery.log.last
        history = self._histories.get(socket_id)
        if history is None:
            history = self._histories[socket_id] = RoomHistory(last)
        for room in rooms:
            history.join(room, last)
        if socket_id in self._namespace.sockets:
            history.enter(last)

    def delete(self, socket_id: str, room: str) -> None:
        super().delete(socket_id, room)
        history = self._histories.get(socket_id)
        if history is not None:
            history.leave(room, self._recovery.log.last)

    def delete_all(self, socket_id: str) -> None:
        super().delete_all(socket_id)
        self._histories.pop(socket_id, None)

    # -- what is sent

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        recovery = self._recovery
        log = recovery.log
        namespace = self._namespace
        sockets = self._receivers(options)
        if options.volatile:
            packets = event_packets(namespace, self._marked(args), compress=options.compress)
        elif sockets or len(recovery):
            packets = event_packets(namespace, (*args, log.next_offset), compress=options.compress)
            log.append(namespace.name, options.rooms, options.except_, packets, recovery.now)
        else:
            # No socket gets the event, and no client is away.
            check_event_name(args[0])
        if sockets:
            send_to_all(namespace, sockets, packets, args)

    def emit(
        self, socket: Recipient, pid: str, args: Sequence[Any], options: BroadcastOptions
    ) -> None:
        recovery = self._recovery
        namespace = self._namespace
        # A handler may have an old socket of a client that has come back meanwhile.
        socket = namespace.sockets.get(socket.id, socket)
        if options.volatile:
            packets = event_packets(namespace, self._marked(args), compress=options.compress)
            if not socket.writable:
                return
        else:
            offset = recovery.log.next_offset
            packets = event_packets(namespace, (*args, offset), compress=options.compress)
            recovery.log.append_to(pid, packets, recovery.now)
        send_to_all(namespace, (socket,), packets, args)

    def _marked(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments to send of a volatile event, which has no offset of its own.

        A client takes a text at the end of any event for an offset. So such an event gets the
        offset of the newest event: the client has missed no event so far.
        """
        marked = len(args) > 1 and isinstance(args[-1], str)
        return (*args, self._recovery.log.offset) if marked else args

    # -- who comes back

    def session_began(self, socket: Recoverable) -> None:
        """Do nothing: if this server is killed, this memory is lost as well."""

    def persist_session(self, session: Session) -> None:
        self._recovery.put(session, self._histories.pop(session.id))

    def restore_session(self, pid: str, offset: str | None) -> Restored | None:
        found = self._recovery.take(self._namespace.name, pid, offset)
        if found is None:
            return None
        restored, self._histories[restored.session.id] = found
        return restored
