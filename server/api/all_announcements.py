"""All events that the server sends, by name: what the reference and the SDKs are made from."""

from __future__ import annotations

from typing import Final

from server.api import (
    ai_announcements,
    file_announcements,
    people_announcements,
    socket_announcements,
)
from server.api.announcements import Announcement

_MODULES: Final = (
    socket_announcements,
    people_announcements,
    file_announcements,
    ai_announcements,
)
ANNOUNCEMENTS: Final[dict[str, type[Announcement]]] = {
    kind.event: kind
    for module in _MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Announcement) and kind is not Announcement
}
