"""Faults planted into the server, one each, that the simulation must find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engineio_min.protocol.packets import Packet
from engineio_min.protocol.reasons import APPLICATION
from engineio_min.protocol.session import Session
from engineio_min.server import Server as Engine
from engineio_min.timer import Timer
from engineio_min.transports.connection import Connection, Exchange
from engineio_min.transports.polling import Polling
from engineio_min.transports.websocket import WebSocket
from socketio_min.cluster.adapter import AckCallback
from socketio_min.protocol.rooms import Rooms
from socketio_min.server.joining import Joining
from socketio_min.server.namespace import Namespace
from socketio_min.server.socket import Socket

Mutant = Callable[[pytest.MonkeyPatch], None]


def rooms_keep_who_has_gone(patch: pytest.MonkeyPatch) -> None:
    def remove_all(self: Rooms[Any], member: Any) -> list[tuple[str, bool]]:
        self._rooms.pop(member, ())
        return []

    patch.setattr(Rooms, "remove_all", remove_all)


def acknowledgements_stay_pending(patch: pytest.MonkeyPatch) -> None:
    def expect_no_more(self: Socket, ack_id: int) -> AckCallback | None:
        """Return who waits, and forget nothing."""
        return None if self._pending is None else self._pending.get(ack_id)

    patch.setattr(Socket, "expect_no_more", expect_no_more)


def answered_calls_stay_counted(patch: pytest.MonkeyPatch) -> None:
    def expect_no_more(self: Socket, ack_id: int) -> AckCallback | None:
        return None if self._pending is None else self._pending.pop(ack_id, None)

    patch.setattr(Socket, "expect_no_more", expect_no_more)


def an_upgrade_drops_what_is_queued(patch: pytest.MonkeyPatch) -> None:
    take_over = Connection._take_over

    def hasty(self: Connection) -> None:
        self.session.take()
        take_over(self)

    patch.setattr(Connection, "_take_over", hasty)


def packets_change_their_order(patch: pytest.MonkeyPatch) -> None:
    take = Session.take

    def reversed_take(self: Session) -> list[Packet]:
        packets = take(self)
        return packets[::-1] if len(packets) > 2 else packets

    patch.setattr(Session, "take", reversed_take)


def a_lost_poll_leaves_its_session(patch: pytest.MonkeyPatch) -> None:
    def aborted(self: Polling) -> None:
        self._parked = None
        self._connection.session.deadline = float("inf")
        self._connection.server.timer.forget(self._connection.session)

    patch.setattr(Polling, "_poll_aborted", aborted)


def a_closed_session_keeps_its_seat(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Engine, connection: Connection) -> None:
        self.timer.forget(connection.session)
        self.sessions.pop(connection.sid, None)

    patch.setattr(Engine, "forget", forget)


def a_paused_session_is_judged(patch: pytest.MonkeyPatch) -> None:
    def pause(self: Connection, reason: int = APPLICATION) -> None:
        if not self._pauses:
            self.carrier.pause()
        self._pauses |= reason

    patch.setattr(Connection, "pause", pause)


def a_late_timer_judges_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timer, "late", lambda _self, _now: False)


def a_second_poll_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    get = Polling.get

    def forgetful(self: Polling, exchange: Exchange) -> None:
        if self._parked is None:
            get(self, exchange)

    patch.setattr(Polling, "get", forgetful)


def an_adapter_failure_stops_the_end(patch: pytest.MonkeyPatch) -> None:
    def remove(self: Namespace, socket: Socket) -> None:
        self.sockets.pop(socket.id, None)
        self.adapter.delete_all(socket.id)
        self.server.namespace_left(self)

    patch.setattr(Namespace, "remove", remove)


def a_lost_websocket_keeps_its_deadline(patch: pytest.MonkeyPatch) -> None:
    lost = WebSocket.connection_lost

    def watched(self: WebSocket, error: Exception | None) -> None:
        lost(self, error)
        self._set_deadline(self._connection.server.loop.time() + 10_000)

    patch.setattr(WebSocket, "connection_lost", watched)


def who_has_gone_is_welcomed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Joining, "decided", lambda _self, _client, _socket: True)


# Each with the seed of the first walk that found it: a test begins with that one.
MUTANTS: dict[Mutant, int] = {
    rooms_keep_who_has_gone: 0,
    acknowledgements_stay_pending: 10,
    answered_calls_stay_counted: 0,
    an_upgrade_drops_what_is_queued: 21,
    packets_change_their_order: 0,
    a_lost_poll_leaves_its_session: 1,
    a_closed_session_keeps_its_seat: 0,
    a_paused_session_is_judged: 6,
    a_late_timer_judges_at_once: 10,
    a_second_poll_is_forgotten: 2,
    an_adapter_failure_stops_the_end: 0,
    a_lost_websocket_keeps_its_deadline: 0,
    who_has_gone_is_welcomed: 10,
}
