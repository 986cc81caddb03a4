"""What becomes of many locks at once, and telling those who see it.

A hundred locks in a room of a thousand are a hundred thousand messages, for which the event loop
takes 80 ms in one piece. So a turn of it tells of some, and what is said of a file later, such as
that its lock was taken over, comes after what is left here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from server.api.announcements import Announcement
from server.api.file_announcements import FileLocked, FileUnlocked
from server.api.receivers import receivers
from server.api.services import Services
from server.people.room_access import project_room
from server.store.lock_rules import Held

TOLD_AT_ONCE: Final = 2_000
"""Receivers that a turn of the loop tells, besides those of the last lock: 2 ms."""
TOLD_FIRST: Final = 800
"""The same for the turn in which the locks ended, which has had that to do."""


class News(NamedTuple):
    """What is to be told of a lock, and the rooms whose members hear it."""

    held: Held
    hearing: Sequence[str]
    tell: Callable[[], object]


def release_all(services: Services, socket_id: str) -> None:
    """Release all locks of a socket, and tell the projects."""
    services.locks.release_all(socket_id, None, partial(tell_unlocked, services))


def withdraw(services: Services, project_id: str, user_id: str) -> None:
    """Release all locks of a user who may not change the project any more, and tell the project."""
    services.locks.withdraw(project_id, user_id, partial(tell_unlocked, services))


def tell_unlocked(services: Services, released: Iterable[Held], *, local: bool = False) -> None:
    """Tell the projects of locks that are released, and those who held them, who need not be in the
    project's room; with `local` only the clients of this server.
    """

    def news(held: Held) -> News:
        unlocked = FileUnlocked(file_path=held.path, token=held.token)
        hearing = [project_room(held.project_id), held.socket_id]
        return _news(services, held, hearing, unlocked, local=local)

    tell(services, map(news, released))


def tell_orphaned(services: Services, orphans: Iterable[Held]) -> None:
    """Tell the projects of locks that are kept for somebody whose connection is lost."""

    def news(held: Held) -> News:
        locked = FileLocked(lock=held.record)
        return _news(services, held, [project_room(held.project_id)], locked, local=False)

    tell(services, map(news, orphans))


def tell(services: Services, news: Iterable[News]) -> None:
    """Tell of locks in their order, of as many in each turn of the loop as it has time for."""
    left = deque(news)
    for one in left:
        services.untold.leave(one.held.project_id, one.held.path, one.tell)
    _go_on(services, left, TOLD_FIRST)


def _go_on(services: Services, left: deque[News], most: int) -> None:
    told = 0
    while left and told < most:
        held, hearing, _ = left.popleft()
        services.untold.tell_news(held.project_id, held.path)
        told += receivers(services.io, hearing)
    if left:
        asyncio.get_running_loop().call_soon(_go_on, services, left, TOLD_AT_ONCE)


def _news(
    services: Services,
    held: Held,
    hearing: list[str],
    announcement: Announcement,
    *,
    local: bool,
) -> News:
    told = partial(
        services.tell,
        hearing,
        announcement,
        user_id=held.user.id,
        project_id=held.project_id,
        local=local,
    )
    return News(held, hearing, told)
