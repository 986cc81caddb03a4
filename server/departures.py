"""How a socket leaves its projects: its user signs out, or its connection is lost.

The locks and answers of a lost connection wait for their user to come back, for the grace period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from server.api.services import Call, Services
from server.locks import lock_news
from server.people.room_access import projects_of
from server.projects.projects import depart
from server.store.lock_rules import Held
from socketio_min import Socket


class Departures:
    """Takes sockets out of their projects.

    grace: the seconds for which the locks and answers of a lost socket wait.
    graces: the timers of the lost sockets that have left locks or answers, by socket id.
    """

    def __init__(self, services: Services, grace: float) -> None:
        self._services = services
        self._grace = grace
        self.graces: dict[str, asyncio.TimerHandle] = {}

    def signed_out(self, socket: Socket) -> None:
        """Take a socket out of its rooms, release its locks and stop its answers."""
        self._services.answers.abandon(socket.id)
        self._leave_projects(self._services.own_call(socket), keep_locks=False)
        for room in socket.rooms - {socket.id}:
            socket.leave(room)

    def disconnected(self, socket: Socket) -> None:
        """Forget a socket whose connection is lost. Its locks and answers wait."""
        services = self._services
        # When the server stops, everybody leaves, and nobody is told about the others.
        call = services.own_call(socket, silent=services.draining)
        self._leave_projects(call, keep_locks=True)
        services.sockets.forget(socket)
        services.auth.forget(socket)
        user = call.identity.user
        if user is not None and not services.cluster_presence.is_connected(user.id):
            services.presence.forget(user.id)
        answers = services.answers.orphan(socket.id)
        if call.silent:
            services.locks.orphan(socket.id, lambda _: None)
            if services.stopping:
                services.answers.abandon(socket.id)
            return
        services.locks.orphan(socket.id, partial(self._orphaned, socket.id))
        if answers:
            self._begin_grace(socket.id)

    def grace_over(self, socket_id: str) -> None:
        """Release the locks, and stop the answers, of a lost socket: its user is not back."""
        del self.graces[socket_id]
        lock_news.release_all(self._services, socket_id)
        self._services.answers.grace_over(socket_id)

    def close(self) -> None:
        """Cancel all timers."""
        for timer in self.graces.values():
            timer.cancel()

    def _orphaned(self, socket_id: str, orphans: Sequence[Held]) -> None:
        lock_news.tell_orphaned(self._services, orphans)
        if orphans:
            self._begin_grace(socket_id)

    def _begin_grace(self, socket_id: str) -> None:
        if socket_id not in self.graces:
            self.graces[socket_id] = asyncio.get_running_loop().call_later(
                self._grace, self.grace_over, socket_id
            )

    def _leave_projects(self, call: Call[None], *, keep_locks: bool) -> None:
        if call.identity.user is None:
            return
        services, socket_id = self._services, call.socket.id
        # A socket may have asked for locks in a project without being in its room.
        services.lock_requests.leave(socket_id)
        # A socket may type in a project without having joined it.
        for project_id in services.typing.projects(socket_id):
            depart(call, project_id, keep_locks=True)
        for project_id in projects_of(call.socket.rooms):
            depart(call, project_id, keep_locks=True)
        if not keep_locks:
            lock_news.release_all(services, socket_id)
