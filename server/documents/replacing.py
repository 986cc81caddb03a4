"""What becomes of documents whose files were replaced or deleted, and not by typing.

A file that is saved as a whole is merged with its document in one transaction. A return to a
version does not look for documents, and a deletion ends them: then each server brings those in step
that its own clients have open, since no other one knows which these are.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from server.api import node_events
from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.paths import is_within
from server.api.records import User
from server.api.services import Services
from server.documents.announcing import announcement_of, close_if_over, edit_announcements
from server.people.room_access import project_room
from server.store.document_records import Replaced


def tell_nodes(services: Services, project_id: str, user_id: str, path: str | None = None) -> None:
    """Tell the other servers that a user has replaced or deleted files: all, or those at a path."""
    services.io.server_side_emit(node_events.FILES_REPLACED, project_id, user_id, path)


async def replaced_elsewhere(
    services: Services, project_id: str, user: User, path: str | None
) -> None:
    """Bring documents in step with what a user has done at another server."""
    # Without the database it is done when a document is used.
    with contextlib.suppress(EventError):
        async for replaced in synchronised(services, project_id, user, path):
            close_if_over(services, project_id, replaced)
            for room, announcement in edit_announcements(replaced):
                services.tell(room, announcement, user_id=user.id, project_id=project_id)
            if replaced.text is not None:
                news = announcement_of(replaced.change, replaced.text)
                room = project_room(project_id)
                services.tell(room, news, user_id=user.id, project_id=project_id)


async def synchronised(
    services: Services, project_id: str, user: User, path: str | None = None
) -> AsyncIterator[Replaced]:
    """Merge files into those of their documents that are open or not saved at this server: in a
    whole project, or at a path and below. Yield what has become of each.

    Raises:
        EventError: the database cannot be asked.
    """
    # Not counted for the project, whose other work may wait for this.
    documents = services.store.of(user.id).documents
    for key in {*services.documents.of_project(project_id), *services.saver.unsaved(project_id)}:
        if path is None or is_within(key[1], [path]):
            yield await documents.synchronise(*key, user=user, now=timestamp())
