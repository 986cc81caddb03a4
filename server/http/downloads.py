"""`/download`: a file, or a folder or project as a zip archive, to whoever has a ticket for it.

It is read and packed piece by piece, in the turns of its user at the database, and no faster than
the client takes it. So neither the loop nor the memory notices how large it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

from engineio_min import Request, Response, StreamedResponse
from server.api import node_events
from server.api.paths import normal
from server.api.records import File
from server.api.services import Services
from server.projects.download_tickets import Ticket
from server.projects.zipping import Archive
from server.store.contents import PART
from server.store.store import Store

_FILES_AT_ONCE: Final = 500
_SENT_AT_ONCE: Final = 65_536
"""Bytes of small files that are collected before they are sent."""
_PACKED_HERE: Final = 16_384
"""Bytes that the loop packs itself, in 0.2 ms. A thread packs more."""
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_ALWAYS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    # A browser runs nothing of the download in this origin, whatever it is.
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
)


class Cut(Exception):
    """A download that has begun cannot be finished: a content is gone, or the user may not see the
    project any more.
    """


class Downloads:
    """Answers the requests for the downloads of an application."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer with what the ticket is for."""
        if request.method != "GET":
            # A HEAD request would use up the ticket.
            return Response(405, b"", [("Allow", "GET"), *_ALWAYS])
        secret = request.query.get("ticket", "")
        ticket = self._services.tickets.redeem(secret)
        if ticket is not None:
            self._services.io.server_side_emit(node_events.TICKET_USED, secret)
        if ticket is None or not self._may_see(ticket):
            text = "This link was used before, or is older than a minute: ask for another one.\n"
            return Response(404, text.encode(), [_TEXT, *_ALWAYS])
        if self._services.tickets.is_busy(ticket.user_id):
            text = "Too many downloads are under way: try again when one is done.\n"
            return Response(429, text.encode(), [_TEXT, ("Retry-After", "10"), *_ALWAYS])
        await self._services.saver.save_project(
            ticket.project_id, ticket.user_id, within=ticket.path or None
        )
        kind = "application/octet-stream" if ticket.is_file else "application/zip"
        headers = [
            ("Content-Type", kind),
            ("Content-Disposition", disposition(ticket.name)),
            *_ALWAYS,
        ]
        return StreamedResponse(self._pieces(ticket), 200, headers)

    def _may_see(self, ticket: Ticket) -> bool:
        return self._services.directory.role(ticket.project_id, ticket.user_id) is not None

    async def _pieces(self, ticket: Ticket) -> AsyncGenerator[bytes, None]:
        store = self._services.store.of(ticket.user_id)
        with self._services.tickets.running(ticket.user_id):
            if not ticket.is_file:
                async for piece in self._archive(store, ticket):
                    yield piece
                return
            found = await store.files.at(ticket.project_id, [ticket.path])
            for file in found.values():
                async for data in self._contents(store, ticket, file):
                    yield data
                return
            raise Cut(f"{ticket.path} is gone")

    async def _archive(self, store: Store, ticket: Ticket) -> AsyncIterator[bytes]:
        archive, left = Archive(), bytearray()
        async for listed in self._files(store, ticket):
            contents = self._contents(store, ticket, listed)
            name = entry_name(ticket, listed.path)
            modified = datetime.fromisoformat(listed.updated_at)
            is_begun = False
            async for data in contents:
                if not is_begun:
                    left += archive.begin(name, modified, compress=listed.media_type is None)
                    is_begun = True
                if len(data) <= _PACKED_HERE:
                    left += archive.add(data)
                else:
                    left += await asyncio.to_thread(archive.add, data)
                if len(left) >= _SENT_AT_ONCE:
                    yield bytes(left)
                    left.clear()
            if is_begun:
                left += archive.end()
        yield bytes(left) + archive.close()

    async def _files(self, store: Store, ticket: Ticket) -> AsyncIterator[File]:
        """Yield the files of a folder or project, by path, as long as the user may see them."""
        inside = f"{ticket.path}/" if ticket.path else ""
        after: str | None = inside
        while after is not None:
            files, after = await store.files.page(ticket.project_id, after, _FILES_AT_ONCE)
            for file in files:
                if not file.path.startswith(inside):
                    return
                if not self._may_see(ticket):
                    raise Cut(f"{ticket.user_id} may not see {ticket.project_id} any more")
                yield file

    async def _contents(self, store: Store, ticket: Ticket, listed: File) -> AsyncIterator[bytes]:
        """Yield a file part by part, at least one part; none if the file was deleted since it was
        listed.
        """
        file = listed
        data = await store.contents.read(file.hash, 0, PART)
        while data is None:
            # The file was changed since then: it is sent as it is now.
            found = await store.files.at(ticket.project_id, [file.path])
            if file.path not in found:
                return
            file = found[file.path]
            data = await store.contents.read(file.hash, 0, PART)
        offset = len(data)
        yield data
        while offset < file.size:
            data = await store.contents.read(file.hash, offset, PART)
            if not data:
                raise Cut(f"{file.path} was changed while it was sent")
            offset += len(data)
            yield data


def entry_name(ticket: Ticket, path: str) -> str:
    """Return the path of a file in the archive, in one folder. No such path leads out of the
    folder.
    """
    top = ticket.name.removesuffix(".zip")
    return normal(f"{top}/{path[len(ticket.path) :].lstrip('/')}")


def disposition(name: str) -> str:
    """Return the header by which a browser keeps a file under its name, whatever characters the
    name has (RFC 6266, section 4.3).
    """
    plain = "".join(
        one if one.isascii() and (one.isalnum() or one in " ._-") else "_" for one in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
