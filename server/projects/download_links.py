"""Downloads over plain HTTP, for browsers: `download:create` gives the address of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from server.api import node_events
from server.api.envelope import timestamp
from server.api.paths import normal
from server.api.services import Call
from server.api.types import Path, ProjectPayload, Record
from server.projects.download_tickets import SECONDS, Ticket

ADDRESS: Final = "/download"


class DownloadCreatePayload(ProjectPayload, frozen=True, kw_only=True):
    """A file, or a folder as a zip archive; without `filePath` the whole project."""

    file_path: Path | None = None


class DownloadResult(Record, frozen=True):
    """Where it can be fetched, once, until `expiresAt`, and the name for the file."""

    url: str
    name: str
    expires_at: str


async def create(call: Call[DownloadCreatePayload]) -> DownloadResult:
    """Make an address at which a file, a folder or a project can be downloaded once, within a
    minute, by whoever has the address.
    """
    payload, store = call.payload, call.store
    project_id = payload.project_id
    if payload.file_path is None:
        project = await store.projects.find(project_id)
        name = _archive("" if project is None else project.name)
        ticket = Ticket(call.user.id, project_id, "", name, False)
    else:
        path = normal(payload.file_path)
        name = path.rpartition("/")[2]
        if path in await store.files.at(project_id, [path]):
            ticket = Ticket(call.user.id, project_id, path, name, True)
        elif await store.files.is_folder(project_id, path):
            ticket = Ticket(call.user.id, project_id, path, _archive(name), False)
        else:
            raise await store.files.nothing_at(project_id, path)
    secret = call.services.tickets.issue(ticket)
    # The request for the download may come to any node.
    call.services.io.server_side_emit(
        node_events.TICKET,
        secret,
        ticket.user_id,
        project_id,
        ticket.path or None,
        ticket.name,
        ticket.is_file,
    )
    end = datetime.now(UTC) + timedelta(seconds=SECONDS)
    return DownloadResult(f"{ADDRESS}?ticket={secret}", ticket.name, timestamp(end))


def _archive(name: str) -> str:
    """Return a name for the archive of a folder or project, whose own names may have any
    characters.
    """
    plain = "".join(one if one.isalnum() or one in " ._-" else "_" for one in name)
    return f"{plain.strip(' .') or 'project'}.zip"
