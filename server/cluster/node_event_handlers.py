"""What other nodes of a cluster tell this one, apart from where their people are.

It comes from Redis, so it is checked like what clients send. What is malformed is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from server.api import node_events
from server.api.errors import EventError
from server.api.identity import identity_of
from server.api.records import Notification, User
from server.api.services import Services
from server.api.types import Id, Path, Secret
from server.documents import replacing
from server.locks import asking, lock_news
from server.people import notifications
from server.people.room_access import project_room
from server.projects.download_tickets import Ticket
from server.projects.projects import depart
from server.store.lock_rules import Held
from socketio_min import Socket
from socketio_min.cluster.cluster_adapter import ClusterAdapter


class NodeEventHandlers:
    """Handles the events of the other nodes for an application."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._on(node_events.NOTIFICATION, tuple[Notification], self._notification)
        self._on(node_events.SESSION_OVER, tuple[Id], self._session_over)
        self._on(node_events.SESSION_RENEWED, tuple[Id, Id], self._session_renewed)
        self._on(node_events.MEMBER_GONE, tuple[Id, Id], self._member_gone)
        self._on(node_events.PROJECT_GONE, tuple[Id], self._project_gone)
        self._on(node_events.FILES_MOVED, tuple[Id, Path, Path], self._files_moved)
        self._on(node_events.FILES_REPLACED, tuple[Id, Id, Path | None], self._files_replaced)
        self._on(node_events.TICKET, tuple[Secret, Id, Id, Path | None, Path, bool], self._ticket)
        self._on(node_events.TICKET_USED, tuple[Secret], self._ticket_used)
        self._on(node_events.LOCK_LOST, tuple[Held], self._lock_lost)
        self._on(node_events.LOCK_ANSWER, tuple[Id, Id, Id, asking.Answer], self._lock_answer)
        self._on(node_events.ANSWERS, tuple[Id], self._answers)
        self._on(node_events.ANSWER_CANCELLED, tuple[Id, Id], self._answer_cancelled)

    def _on(self, event: str, arguments: Any, handler: Callable[..., Any]) -> None:
        def take(*args: Any) -> Any:
            try:
                values = msgspec.convert(args, arguments)
            except msgspec.ValidationError as error:
                adapter = self._services.io.adapter
                if isinstance(adapter, ClusterAdapter):
                    adapter.reject(error)
                return None
            return handler(*values)

        self._services.io.on_server(event, take)

    def _notification(self, notification: Notification) -> None:
        notifications.deliver_here(self._services, notification)

    # -- sessions

    def _session_over(self, key: str) -> None:
        for socket in self._services.sockets.of_session(key):
            self._services.auth.sign_out(socket)

    async def _session_renewed(self, key: str, new_key: str) -> None:
        # The database says whose session it is, not the other node.
        auth, store = self._services.auth, self._services.store
        try:
            stored = await store.accounts.session(new_key, auth.clock())
        except EventError:
            # When the database is back all sessions are read again, see `server.cluster.changes`.
            return
        for socket in self._services.sockets.of_session(key):
            if stored is not None and identity_of(socket).user == stored.user:
                auth.renew(socket, stored)
            else:
                auth.sign_out(socket)

    # -- projects

    def _member_gone(self, project_id: str, user_id: str) -> None:
        self._services.answers.withdraw(project_id, user_id)
        for socket in self._services.sockets.of_user(user_id):
            depart(self._services.own_call(socket), project_id)

    async def _project_gone(self, project_id: str) -> None:
        self._services.answers.project_deleted(project_id)
        inside = self._services.io.local.to(project_room(project_id))
        for socket in await inside.fetch_sockets():
            if isinstance(socket, Socket):
                depart(self._services.own_call(socket, silent=True), project_id)

    def _files_moved(self, project_id: str, source: str, target: str) -> None:
        self._services.documents.move(project_id, source, target)
        self._services.saver.move(project_id, source, target)

    async def _files_replaced(self, project_id: str, user_id: str, path: str | None) -> None:
        user = self._services.directory.user(user_id)
        await replacing.replaced_elsewhere(self._services, project_id, user, path)

    # -- downloads

    def _ticket(
        self, secret: str, user_id: str, project_id: str, path: str | None, name: str, is_file: bool
    ) -> None:
        ticket = Ticket(user_id, project_id, path or "", name, is_file)
        self._services.tickets.add(secret, ticket)

    def _ticket_used(self, secret: str) -> None:
        self._services.tickets.redeem(secret)

    # -- locks

    def _lock_lost(self, held: Held) -> None:
        lock_news.tell_unlocked(self._services, [held], local=True)

    async def _lock_answer(
        self, project_id: str, request_id: str, user_id: str, answer: asking.Answer
    ) -> Any:
        user = self._services.directory.user(user_id)
        return await asking.answer_for_other(self._services, project_id, request_id, user, answer)

    # -- answers

    def _answers(self, project_id: str) -> list[Any]:
        answers = self._services.answers.answering(project_id)
        return [msgspec.to_builtins(answer) for answer in answers]

    def _answer_cancelled(self, request_id: str, user_id: str) -> None:
        self._services.answers.cancel(request_id, User(user_id, user_id))
