"""The table of all events that a client may send, in a module for each kind of thing that they are
about.

The payloads and handlers are in the modules that the tables name. What the server sends is in
`api/announcements` and its neighbours. Validation, authorisation, `asyncapi.yaml` and
`docs/events.md` are made from both.
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
