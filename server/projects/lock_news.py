"""What becomes of locks without an event of a client, and telling those who see it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from server.api.announcements import Announcement
from server.api.file_announcements import FileLocked, FileUnlocked
from server.api.services import Services
from server.people.access import project_room
from server.store.held_locks import Held


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
    for held in released:
        hearing = [project_room(held.project_id), held.socket_id]
        unlocked = FileUnlocked(file_path=held.path, token=held.token)
        _tell(services, hearing, held, unlocked, local=local)


def tell_orphaned(services: Services, orphans: Iterable[Held]) -> None:
    """Tell the projects of locks that are kept for somebody whose connection is lost."""
    for held in orphans:
        locked = FileLocked(lock=held.record)
        _tell(services, [project_room(held.project_id)], held, locked, local=False)


def _tell(
    services: Services, hearing: list[str], held: Held, announcement: Announcement, *, local: bool
) -> None:
    services.tell(
        hearing,
        announcement,
        user_id=held.user.id,
        project_id=held.project_id,
        local=local,
    )
