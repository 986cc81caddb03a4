"""Brings what this server remembers in step with what other servers have changed.

The database notifies, with the commit, of each change of roles in projects, of names, of sessions
that have ended or got another key, of locks that have ended, and of failed logins. After an outage
nobody knows what was missed: all is read again.

Who may do what is known here as soon as the notification comes. The server that has made the
change tells all clients that it concerns, those of other servers through Redis. Clients of this
server that were not told after a moment are told here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from server.api.errors import EventError
from server.api.identity import identity_of
from server.api.people_announcements import ProjectDeleted
from server.api.records import Project, Role
from server.api.services import Services
from server.api.socket_announcements import AuthLoggedOut
from server.locks import lock_news
from server.people.room_access import project_room, projects_of
from server.projects.projects import depart
from server.store.accounts import StoredSession

MOMENT_SECONDS: Final = 0.3
"""Seconds that the server which has made a change has to tell this one's clients."""
_RETRY_SECONDS: Final = 0.2


class Changes:
    """Carries out for the sockets of this server what other nodes have changed.

    node: the id of this server among the nodes.
    """

    def __init__(self, services: Services, node: str) -> None:
        self._services = services
        self._node = node
        self._waiting: deque[tuple[str, str]] = deque()
        self._reads_all = False
        self._task: asyncio.Task[None] | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def heard(self, payload: str) -> None:
        """Take a notification, `NODE KIND ID`: which node has made a change, and of what."""
        node, _, change = payload.partition(" ")
        kind, _, name = change.partition(" ")
        if node != self._node:
            self._waiting.append((kind, name))
            self._begin()

    def missed(self) -> None:
        """Read everything again."""
        self._reads_all = True
        self._begin()

    async def stop(self) -> None:
        """Bring nothing more in step."""
        for timer in self._timers:
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._reads_all or self._waiting:
            try:
                if self._reads_all:
                    self._reads_all = False
                    self._waiting.clear()
                    await self._read_all()
                else:
                    await self._read(*self._waiting.popleft())
            except EventError:
                # The database is away. Whatever is not in step is found when all is read again.
                self._reads_all = True
                await asyncio.sleep(_RETRY_SECONDS)

    async def _read_all(self) -> None:
        services = self._services
        services.directory.load(*await services.store.directory())
        sockets = [
            socket
            for user_id in services.sockets.users()
            for socket in services.sockets.of_user(user_id)
        ]
        for project_id in {one for socket in sockets for one in projects_of(socket.rooms)}:
            self._later(self._take_out, project_id)
        now, keys = services.auth.clock(), services.sockets.sessions()
        for key in await services.store.accounts.ended(keys, now):
            self._later(self._sign_out, key)

    async def _read(self, kind: str, name: str) -> None:
        if kind == "project":
            self._put_project(name, await self._services.store.projects.find(name))
        elif kind == "lock":
            self._services.lock_requests.token_ended(int(name))
        elif kind == "failure":
            self._services.failed_logins.failed(name)
        elif kind == "user":
            user, _ = await self._services.store.accounts.find(name)
            if user is not None:
                self._services.directory.add_user(user)
        else:
            await self._session(*name.split(" "))

    async def catch_up(self, project_id: str, user_id: str) -> None:
        """Read now whether a user has got another role in a project.

        Raises:
            EventError: the database cannot be asked.
        """
        project = await self._services.store.of(user_id).projects.find(project_id)
        members = {} if project is None else {one.user.id: one.role for one in project.members}
        role = members.get(user_id, None if project is None else project.everyone)
        # `_put_project` looks at all users: too much for each event that is refused.
        if role is not self._services.directory.role(project_id, user_id):
            self._put_project(project_id, project)

    def _put_project(self, project_id: str, project: Project | None) -> None:
        """Remember the present roles of a project, None if it is gone."""
        services, directory = self._services, self._services.directory
        editors = self._editors(project_id)
        if project is None:
            directory.remove_project(project_id)
        else:
            directory.put_project(project)
        for user_id in editors - self._editors(project_id):
            # Including locks that users have got here since the change.
            lock_news.withdraw(services, project_id, user_id)
        self._later(self._take_out, project_id)

    def _editors(self, project_id: str) -> set[str]:
        """Return the users who are connected here and may change the files of a project."""
        role = self._services.directory.role
        return {
            user_id
            for user_id in self._services.sockets.users()
            if (own := role(project_id, user_id)) is not None and own.includes(Role.EDITOR)
        }

    async def _session(self, key: str, new_key: str | None = None) -> None:
        """Sign the sockets of a session out, or let them have its new key."""
        auth, accounts = self._services.auth, self._services.store.accounts
        stored = None if new_key is None else await accounts.session(new_key, auth.clock())
        if stored is None:
            self._later(self._sign_out, key)
        else:
            self._later(self._renew, key, stored)

    # -- a moment later

    def _later(self, callback: Callable[..., None], *arguments: object) -> None:
        def call() -> None:
            self._timers.discard(timer)
            callback(*arguments)

        timer = asyncio.get_running_loop().call_later(MOMENT_SECONDS, call)
        self._timers.add(timer)

    def _take_out(self, project_id: str) -> None:
        """Take users who may not see a project any more out of it, and tell them."""
        services, room = self._services, project_room(project_id)
        for user_id in list(services.sockets.users()):
            if services.directory.role(project_id, user_id) is not None:
                continue
            for socket in services.sockets.of_user(user_id):
                if room in socket.rooms:
                    services.answers.withdraw(project_id, user_id)
                    depart(services.own_call(socket), project_id)
                    deleted = ProjectDeleted(project_id=project_id)
                    services.tell(socket.id, deleted, project_id=project_id)

    def _sign_out(self, key: str) -> None:
        for socket in self._services.sockets.of_session(key):
            user = identity_of(socket).user
            if user is not None:
                self._services.tell(socket.id, AuthLoggedOut(user_id=user.id), user_id=user.id)
            self._services.auth.sign_out(socket)

    def _renew(self, key: str, stored: StoredSession) -> None:
        for socket in self._services.sockets.of_session(key):
            self._services.auth.renew(socket, stored)
