"""The table of all events that a client may send, a module for what each part of it is about.

Their payloads and handlers are in the modules named there; what the server sends is in
`api/announcements` and its neighbours. Validation, authorisation, `asyncapi.yaml` and
`docs/events.md` come from both.
"""

from __future__ import annotations

from typing import Final

from server.events.accounts import ACCOUNTS
from server.events.assistant import ASSISTANT
from server.events.editing import EDITING
from server.events.files import FILES
from server.events.people import PEOPLE
from server.events.projects import PROJECTS
from server.events.sockets import SOCKETS
from server.events.versions import VERSIONS

EVENTS: Final = {
    spec.name: spec
    for spec in (
        *ACCOUNTS,
        *PROJECTS,
        *FILES,
        *EDITING,
        *VERSIONS,
        *ASSISTANT,
        *PEOPLE,
        *SOCKETS,
    )
}
