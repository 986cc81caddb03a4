"""All events that the server sends, by name: what the reference and the SDKs are made from."""

from __future__ import annotations

from typing import Final

from server.api import ai_announcements, announcements
from server.api.announcements import Announcement

_MODULES: Final = {announcements.__name__, ai_announcements.__name__}
ANNOUNCEMENTS: Final = {
    kind.event: kind for kind in Announcement.__subclasses__() if kind.__module__ in _MODULES
}
