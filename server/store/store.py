"""What the application keeps, as methods to await: the face of the database.

Nothing outside this package knows which database has the data. Each method is one piece of work: it
is done as a whole or not at all, and its result is there after the commit. Which work waits for
which is told in `database`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from server.api.errors import Code, EventError
from server.api.records import (
    ChatMessage,
    Decision,
    Deletion,
    File,
    Invitation,
    Notification,
    PeopleMessage,
    Project,
    Role,
    Save,
    User,
    Version,
)
from server.documents.authority import Author
from server.store import (
    accounts,
    bins,
    contents,
    counters,
    demonstration,
    files,
    folders,
    invitations,
    membership,
    messages,
    notices,
    pages,
    parts,
    saves,
    snapshots,
    talk,
    versioning,
)
from server.store.accounts import StoredSession
from server.store.connection import Connection
from server.store.contents import Change
from server.store.database import Database
from server.store.documents import Documents, Edited, Opened, Replaced, Since
from server.store.documents import Edit as DocumentEdit
from server.store.files import Edit, FilePart, Moment, RawPart
from server.store.invitations import Accepted
from server.store.long_contents import Incoming, LongContents
from server.store.membership import Access
from server.store.pages import Page
from server.store.parts import Kept
from server.store.snapshots import Differing, Restored
from server.store.talk import Said
from server.store.trees import Steps

_COMPARED: Final = 500
"""Files of each side that one piece of work compares."""


class _Overtaken(Exception):
    """A file is not to be taken over any more."""


class Store:
    """The application's data, for work of one user; of nobody in particular if none is named.

    All methods raise an `EventError`: `STORAGE_ERROR` if the database fails, `RATE_LIMIT_EXCEEDED`
    if too much waits for it. What else they raise is told with them. Whether somebody waits for the
    result makes no difference to the work.
    """

    __slots__ = ("_contents", "_database", "_desk", "_documents")

    def __init__(
        self,
        database: Database,
        owner: str = "",
        project_id: str | None = None,
        documents: Documents | None = None,
    ) -> None:
        self._database = database
        self._desk = database.of(owner, project_id)
        self._contents = LongContents(database.of(owner))
        self._documents = Documents() if documents is None else documents

    def of(self, owner: str, project_id: str | None = None) -> Store:
        """Return the same store for the work of a user, for a project if it is for one."""
        return Store(self._database, owner, project_id, self._documents)

    # -- the server's life

    async def seed(self, now: str) -> None:
        """Put the users and the project of the demonstration into a new database."""
        await self._desk.run(lambda c: demonstration.seed(c, now))

    async def count_start(self) -> int:
        """Count a start of the server; return how many there have been."""
        return await self._desk.run(lambda c: counters.increment(c, "locks"))

    async def directory(self) -> tuple[list[User], list[Access]]:
        """Return all accounts, and who may do what in each project."""
        return await self._desk.run(lambda c: (accounts.users(c), membership.accesses(c)))

    async def check(self) -> None:
        """Return as soon as the database answers."""
        await self._desk.run(lambda c: c.execute("SELECT 1").fetchone())

    # -- accounts and their sessions; times in seconds since 1970

    async def account(self, user_id: str) -> tuple[User | None, str | None]:
        """Return a user who has an account, and the hash of the password."""
        return await self._desk.run(
            lambda c: (accounts.user(c, user_id), accounts.password_hash(c, user_id))
        )

    async def session(self, key: str, now: float) -> StoredSession | None:
        """Return a session that is not over."""
        return await self._desk.run(lambda c: accounts.session(c, key, now))

    async def open_session(self, session: StoredSession, most: int) -> list[str]:
        """Add a session; return the keys of those of its user that give way to it."""
        return await self._desk.run(lambda c: accounts.open_session(c, session, most))

    async def rotate_session(self, old_key: str, new: StoredSession) -> bool:
        """Put a session in the place of another one; return False if that one is gone."""
        return await self._desk.run(lambda c: accounts.rotate_session(c, old_key, new))

    async def end_session(self, key: str) -> None:
        """Delete a session."""
        await self._desk.run(lambda c: accounts.end_session(c, key))

    async def forget_expired_sessions(self, now: float) -> None:
        """Delete the sessions that are over."""
        await self._desk.run(lambda c: accounts.forget_expired_sessions(c, now))

    # -- notifications

    async def notifications(
        self, user_id: str, after: str, limit: int
    ) -> tuple[Page[Notification], int]:
        """Return a page of a user's notifications, and how many are unread of all."""
        return await self._desk.run(
            lambda c: (pages.notifications(c, user_id, after, limit), notices.unread(c, user_id))
        )

    async def mark_read(self, user_id: str, ids: Sequence[str] | None) -> tuple[int, int]:
        """Mark a user's notifications as read, all without `ids`; return how many were not, and how
        many are not.
        """
        return await self._desk.run(
            lambda c: (notices.mark_read(c, user_id, ids), notices.unread(c, user_id))
        )

    async def notify(self, notifications: Iterable[Notification]) -> None:
        """Add notifications for their users."""

        def work(connection: Connection) -> None:
            for one in notifications:
                notices.add(connection, one)

        await self._desk.run(work)

    # -- projects and their members

    async def add_project(self, project: Project) -> None:
        """Add a project.

        Raises:
            EventError: its owner has too many (`RATE_LIMIT_EXCEEDED`).
        """
        await self._desk.run(lambda c: membership.add_project(c, project))

    async def found_or_added(self, project: Project) -> Project | None:
        """Return the project that has the id of this one; this one is added if there is none."""

        def work(connection: Connection) -> Project | None:
            if membership.project(connection, project.id) is None:
                membership.add_project(connection, project)
            return membership.project(connection, project.id)

        return await self._desk.run(work)

    async def projects(self, user_id: str, after: str, limit: int) -> Page[Project]:
        """Return a page of the projects that a user may see."""
        return await self._desk.run(lambda c: pages.projects(c, user_id, after, limit))

    async def update_project(
        self, project_id: str, field: str, value: str, now: str
    ) -> Project | None:
        """Change a field of a project; return the project if it is there."""
        return await self._desk.run(
            lambda c: membership.update_project(c, project_id, field, value, now)
        )

    async def delete_project(self, project_id: str) -> None:
        """Delete a project with all that is in it."""
        await self._desk.run(lambda c: membership.delete_project(c, project_id))

    async def overview(
        self, project_id: str, most_files: int, most_messages: int
    ) -> tuple[Project | None, Page[File], Page[ChatMessage]]:
        """Return a project with the first page of its files and the last one of its chat."""
        return await self._desk.run(
            lambda c: (
                membership.project(c, project_id),
                pages.files(c, project_id, "", most_files),
                pages.chat(c, project_id, "", most_messages),
            ),
            messages.MAX_READ,
        )

    async def share(
        self,
        project_id: str,
        user_id: str,
        role: Role,
        *,
        is_known: bool,
        notice: Notification | None,
    ) -> Project | None:
        """Make a user a member, or change the role, with a notice of it; return the project.

        A user who is not `is_known` to the caller has to have an account.

        Raises:
            EventError: there is no such user (`NOT_FOUND`), or the project has too many members
            (`RATE_LIMIT_EXCEEDED`).
        """

        def change(connection: Connection) -> None:
            if not is_known and accounts.user(connection, user_id) is None:
                raise EventError(Code.NOT_FOUND, f"user {user_id!r}: no such user")
            membership.check_place(connection, project_id, user_id)
            membership.set_role(connection, project_id, user_id, role)

        return await self._change_members(project_id, change, notice)

    async def unshare(
        self, project_id: str, user_id: str, *, notice: Notification | None
    ) -> Project | None:
        """Take a member out, with a notice of it; return the project if it is there."""
        return await self._change_members(
            project_id, lambda c: membership.remove_member(c, project_id, user_id), notice
        )

    async def _change_members(
        self,
        project_id: str,
        change: Callable[[Connection], None],
        notice: Notification | None,
    ) -> Project | None:
        def work(connection: Connection) -> Project | None:
            change(connection)
            if notice is not None:
                notices.add(connection, notice)
            return membership.project(connection, project_id)

        return await self._desk.run(work)

    # -- invitations

    async def add_invitation(self, project_id: str, new: Invitation, secret: str) -> None:
        """Add an invitation; see `invitations.add`."""
        await self._desk.run(lambda c: invitations.add(c, project_id, new, secret, new.created_at))

    async def invitations(self, project_id: str, now: str) -> list[Invitation]:
        """Return a project's invitations that hold."""
        return await self._desk.run(lambda c: invitations.invitations(c, project_id, now))

    async def revoke_invitation(self, project_id: str, invitation_id: str) -> None:
        """Let nobody in by an invitation any more; see `invitations.revoke`."""
        await self._desk.run(lambda c: invitations.revoke(c, project_id, invitation_id))

    async def accept_invitation(
        self,
        invitation_id: str,
        secret: str,
        user_id: str,
        now: str,
        notice: Callable[[Accepted], Notification],
    ) -> tuple[Accepted, Project | None, Notification] | None:
        """Make a user a member, with the notice of it, and return the project; see
        `invitations.accept`.
        """

        def work(
            connection: Connection,
        ) -> tuple[Accepted, Project | None, Notification] | None:
            accepted = invitations.accept(connection, invitation_id, secret, user_id, now)
            if accepted is None:
                return None
            its_notice = notice(accepted)
            if accepted.is_new:
                notices.add(connection, its_notice)
            project = membership.project(connection, accepted.project_id)
            return accepted, project, its_notice

        return await self._desk.run(work)

    # -- files

    async def files(self, project_id: str, after: str, limit: int) -> Page[File]:
        """Return a page of a project's files."""
        return await self._desk.run(lambda c: pages.files(c, project_id, after, limit))

    async def paths(self, project_id: str, among: Collection[str]) -> list[str]:
        """Return the paths of a project's files that are among these or in these folders; see
        `contents.paths`.
        """
        return await self._desk.run(lambda c: contents.paths(c, project_id, among))

    async def texts(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return contents by their hashes, those that are still there and are texts."""
        return await self._contents.texts(hashes)

    async def raw(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return contents by their hashes as bytes, those that are still there."""
        return await self._contents.raw(hashes)

    async def read_content(self, content_hash: str, offset: int, length: int) -> bytes | None:
        """Return a part of a content by its hash; None if it is gone."""

        def work(connection: Connection) -> bytes | None:
            try:
                return parts.read(connection, content_hash, offset, length)
            except LookupError:
                return None

        return await self._desk.run(work, length)

    def incoming(self) -> Incoming:
        """Return a content that a client is going to send."""
        return self._contents.incoming()

    async def read_file(
        self, project_id: str, path: str, moment: Moment, offset: int, limit: int
    ) -> FilePart:
        """Return a part of a file; see `files.read`."""
        return await self._desk.run(
            lambda c: files.read(c, project_id, path, moment, offset, limit), 4 * limit
        )

    async def read_raw(
        self, project_id: str, path: str, moment: Moment, offset: int, limit: int
    ) -> RawPart:
        """Return a part of a file's bytes; see `files.read_raw`."""
        return await self._desk.run(
            lambda c: files.read_raw(c, project_id, path, moment, offset, limit), limit
        )

    async def change_file(
        self,
        project_id: str,
        path: str,
        edit: Edit,
        *,
        user: User,
        now: str,
        check: Callable[[], None],
    ) -> Replaced:
        """Change a file; see `files.change`. `check` is called before, and may refuse it.

        Edits of its document that are not saved are merged; see `Documents.replacing`.
        """

        given = edit.content
        text = given if isinstance(given, str) else None

        def work(connection: Connection, content: str | bytes | Kept | None) -> Replaced:
            check()
            change = partial(
                files.change,
                connection,
                project_id,
                path,
                edit._replace(content=content),
                user.id,
                now,
            )
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, text
            )

        if given is None or isinstance(given, Kept):
            return await self._desk.run(partial(work, content=given))
        async with self._contents.kept(given) as content:
            return await self._desk.run(partial(work, content=content), sys.getsizeof(given))

    async def put_file(
        self,
        project_id: str,
        path: str,
        content: bytes | Kept,
        *,
        overwrite: bool,
        base_revision: int | None,
        user: User,
        now: str,
        check: Callable[[], None],
    ) -> Replaced:
        """Create or replace a file; see `files.put` and `Documents.replacing`. `check` may refuse
        it.
        """

        def work(connection: Connection) -> Replaced:
            check()
            change = partial(
                files.put,
                connection,
                project_id,
                path,
                content,
                overwrite=overwrite,
                base_revision=base_revision,
                user_id=user.id,
                now=now,
            )
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, None
            )

        return await self._desk.run(work, sys.getsizeof(content))

    async def restore_save(
        self,
        project_id: str,
        path: str,
        save_id: str,
        *,
        user: User,
        now: str,
        check: Callable[[], None],
    ) -> Replaced:
        """Make a file what it was; see `files.restore` and `Documents.replacing`. `check` may
        refuse it.
        """

        def work(connection: Connection) -> Replaced:
            check()
            change = partial(files.restore, connection, project_id, path, save_id, user.id, now)
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, None
            )

        return await self._desk.run(work)

    async def saves(self, project_id: str, path: str, after: str, limit: int) -> Page[Save]:
        """Return a page of a file's history, the last save first."""
        return await self._desk.run(lambda c: pages.saves(c, project_id, path, after, limit))

    async def thin_history(self, day_ago: str, month_ago: str) -> bool:
        """Drop some saves of whatever files; see `saves.thin`."""
        return await self._desk.run(lambda c: saves.thin(c, day_ago, month_ago))

    async def files_at(self, project_id: str, among: Iterable[str]) -> dict[str, File]:
        """Return the files at these paths, by path."""

        def work(connection: Connection) -> dict[str, File]:
            found = (contents.file(connection, project_id, path) for path in among)
            return {file.path: file for file in found if file is not None}

        return await self._desk.run(work)

    async def take_over(
        self,
        project_id: str,
        found: Mapping[str, str | bytes | None],
        *,
        user: User,
        now: str,
        unless: Callable[[str], bool],
    ) -> AsyncIterator[Replaced]:
        """Give files these contents, and delete those without; find what that has changed. Nothing
        is done with those for which `unless` is true on their turn.

        Edits of their documents that are not saved are merged; see `Documents.replacing`.

        Raises:
            EventError: one cannot be taken over; those that were found before are.
        """

        def differs(connection: Connection, path: str, digest: str | None) -> bool:
            return not unless(path) and files.differs(connection, project_id, path, digest)

        def replaced(
            connection: Connection,
            path: str,
            text: str | bytes | None,
            content: str | bytes | Kept | None,
        ) -> Replaced:
            change = partial(files.take_over, connection, project_id, path, content, user.id, now)
            known = text if isinstance(text, str) else None
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, known
            )

        def short_ones(connection: Connection) -> list[Replaced]:
            return [
                replaced(connection, path, text, text)
                for path, text in found.items()
                if text is None or not parts.is_long(text)
                if differs(connection, path, None if text is None else parts.digest(text))
            ]

        def long_one(
            connection: Connection,
            path: str,
            text: str | bytes,
            content: str | bytes | Kept,
        ) -> Replaced:
            if unless(path):
                raise _Overtaken
            return replaced(connection, path, text, content)

        for one in await self._desk.run(short_ones):
            yield one
        for path, text in found.items():
            if text is None or not parts.is_long(text):
                continue
            digest = await asyncio.to_thread(parts.digest, text)
            if not await self._desk.run(partial(differs, path=path, digest=digest)):
                continue
            with contextlib.suppress(_Overtaken):
                async with self._contents.kept(text) as content:
                    work = partial(long_one, path=path, text=text, content=content)
                    one = await self._desk.run(work)
                yield one

    async def is_folder(self, project_id: str, path: str) -> bool:
        """Return whether a project has files in a folder."""
        return await self._desk.run(lambda c: folders.is_folder(c, project_id, path))

    async def move_file(
        self,
        project_id: str,
        source: str,
        target: str,
        *,
        replaced: Deletion | None,
        check: Callable[[], None],
    ) -> File:
        """Give a file, with its document, another path; see `files.move`. `check` may refuse it."""

        def work(connection: Connection) -> File:
            check()
            file = files.move(connection, project_id, source, target, replaced)
            self._documents.move(connection, project_id, source, target)
            return file

        return await self._desk.run(work)

    def move_folder(
        self, project_id: str, source: str, target: str, *, check: Callable[[], None]
    ) -> AbstractAsyncContextManager[int]:
        """Give a folder, with its documents, another path, in steps; see `folders.move` and
        `Desk.in_steps`. `check` may refuse it in the last step.
        """

        def work(connection: Connection) -> Steps[int]:
            def done() -> None:
                check()
                self._documents.move(connection, project_id, source, target)

            return folders.move(connection, project_id, source, target, done)

        return self._desk.in_steps(work)

    async def copy_file(
        self, project_id: str, source: str, target: str, *, user_id: str, now: str
    ) -> Change:
        """Copy a file; see `files.copy`."""
        return await self._desk.run(
            lambda c: files.copy(c, project_id, source, target, user_id, now)
        )

    def copy_folder(
        self,
        project_id: str,
        source: str,
        target: str,
        *,
        user_id: str,
        now: str,
        check: Callable[[], None],
    ) -> AbstractAsyncContextManager[list[Change]]:
        """Copy a folder, in steps; see `folders.copy` and `Desk.in_steps`."""
        return self._desk.in_steps(
            lambda c: folders.copy(
                c, project_id, source, target, user_id=user_id, now=now, done=check
            )
        )

    # -- the bin

    async def throw_file(
        self, project_id: str, new: Deletion, *, check: Callable[[], None]
    ) -> Change:
        """Put a file into the bin, and forget its document. `check` may refuse it.

        Raises:
            EventError: there is no such file (`NOT_FOUND`).
        """

        def work(connection: Connection) -> Change:
            check()
            if contents.file(connection, project_id, new.path) is None:
                raise folders.missing(new.path)
            self._documents.forget(connection, project_id, new.path)
            return bins.throw_file(connection, project_id, new)

        return await self._desk.run(work)

    def throw_folder(
        self, project_id: str, new: Deletion, *, check: Callable[[], None]
    ) -> AbstractAsyncContextManager[list[str]]:
        """Put a folder into the bin, in steps; see `bins.throw_folder` and `Desk.in_steps`."""

        def work(connection: Connection) -> Steps[list[str]]:
            def done() -> None:
                check()
                self._documents.forget(connection, project_id, new.path)

            return bins.throw_folder(connection, project_id, new, done)

        return self._desk.in_steps(work)

    def restore_deletion(
        self,
        project_id: str,
        deletion_id: str,
        target: str | None,
        *,
        user_id: str,
        now: str,
        check: Callable[[], None],
    ) -> AbstractAsyncContextManager[list[Change]]:
        """Take a deletion out of the bin, in steps; see `bins.restore` and `Desk.in_steps`."""
        return self._desk.in_steps(
            lambda c: bins.restore(
                c, project_id, deletion_id, target, user_id=user_id, now=now, done=check
            )
        )

    async def expire_deletions(self, since: str) -> bool:
        """Forget some deletions from before a time; see `bins.expire`."""
        return await self._desk.run(lambda c: bins.expire(c, since))

    async def deletion(self, project_id: str, deletion_id: str) -> Deletion:
        """Return what is in the bin under an id; see `bins.deletion`."""
        return await self._desk.run(lambda c: bins.deletion(c, project_id, deletion_id))

    async def authors_of_deletion(self, project_id: str, deletion_id: str, most: int) -> list[str]:
        """Return who has changed what is in the bin under an id last; see `bins.authors`."""
        return await self._desk.run(lambda c: bins.authors(c, project_id, deletion_id, most))

    async def deletions(
        self, project_id: str, since: str, after: str, limit: int
    ) -> Page[Deletion]:
        """Return a page of what is in a project's bin since a time."""
        return await self._desk.run(lambda c: pages.deletions(c, project_id, since, after, limit))

    # -- files that several people edit at once

    async def open_document(
        self, project_id: str, path: str, since: Since | None, author: Author | None, now: str
    ) -> Opened:
        """Return a document, or what is new of it; see `Documents.open`."""
        return await self._desk.run(
            lambda c: self._documents.open(c, (project_id, path), since, author, now)
        )

    async def edit_document(
        self, project_id: str, path: str, edit: DocumentEdit, *, check: Callable[[], None]
    ) -> Edited:
        """Take a change; see `Documents.edit`. `check` is called before, and may refuse it."""

        def work(connection: Connection) -> Edited:
            check()
            return self._documents.edit(connection, (project_id, path), edit)

        size = sum(sys.getsizeof(text) for _, text in edit.change.sections)
        return await self._desk.run(work, size)

    async def save_document(
        self, project_id: str, path: str, now: str
    ) -> tuple[Change, str] | None:
        """Save a document in its file; see `Documents.save`."""
        return await self._desk.run(lambda c: self._documents.save(c, (project_id, path), now))

    async def synchronise_document(
        self, project_id: str, path: str, *, user: User, now: str
    ) -> Replaced:
        """Merge what a file has become into its document; see `Documents.synchronise`."""
        return await self._desk.run(
            lambda c: self._documents.synchronise(c, (project_id, path), user, now)
        )

    async def unsaved_documents(self) -> list[tuple[str, str]]:
        """Return the project and the path of each document of which something is not saved."""
        return await self._desk.run(self._documents.unsaved)

    # -- versions

    def create_version(self, new: Version) -> AbstractAsyncContextManager[Version]:
        """Make a version of a project's files, in steps; see `Desk.in_steps`.

        Raises:
            EventError: the project has too many (`RATE_LIMIT_EXCEEDED`).
        """
        return self._desk.in_steps(lambda c: snapshots.create(c, new))

    def restore_version(
        self,
        version_id: str,
        backup: Version,
        *,
        user_id: str,
        now: Callable[[], str],
        check: Callable[[Collection[Change]], None],
    ) -> AbstractAsyncContextManager[Restored]:
        """Go back to a version, in steps; see `snapshots.restore` and `Desk.in_steps`."""
        return self._desk.in_steps(
            lambda c: snapshots.restore(
                c, version_id, backup, user_id=user_id, now=now(), check=check
            )
        )

    async def unversioned_projects(self, now: str, since: str) -> list[str]:
        """Return some projects that are due for an automatic version; see `versioning.due`."""
        return await self._desk.run(lambda c: versioning.due(c, now, since))

    async def make_room_for_version(self, project_id: str, most: int) -> list[str]:
        """Delete old automatic versions, and return their ids; see `versioning.make_room`."""
        return await self._desk.run(lambda c: versioning.make_room(c, project_id, most))

    async def versions(self, project_id: str, after: str, limit: int) -> Page[Version]:
        """Return a page of a project's versions."""
        return await self._desk.run(lambda c: pages.versions(c, project_id, after, limit))

    async def project_and_versions(self, project_id: str) -> tuple[Project | None, list[Version]]:
        """Return a project and all of its versions."""
        return await self._desk.run(
            lambda c: (membership.project(c, project_id), snapshots.versions(c, project_id))
        )

    async def differing(
        self, project_id: str, version_id: str, other_id: str | None = None
    ) -> AsyncIterator[Differing]:
        """Find the files that differ between a version and another one, or the present; by path.

        They are compared piece by piece. What is changed meanwhile may be found or not.

        Raises:
            EventError: there is no such version (`NOT_FOUND`).
        """
        compared = await self._desk.run(
            lambda c: snapshots.compared(c, project_id, version_id, other_id)
        )
        start: str | None = ""
        while start is not None:
            work = partial(snapshots.differing, compared=compared, start=start, most=_COMPARED)
            found, start = await self._desk.run(work)
            for one in found:
                yield one

    async def delete_version(self, project_id: str, version_id: str) -> None:
        """Delete a version.

        Raises:
            EventError: there is no such version (`NOT_FOUND`).
        """

        def work(connection: Connection) -> None:
            snapshots.version(connection, project_id, version_id)
            snapshots.delete(connection, version_id)

        await self._desk.run(work)

    # -- the chat

    async def add_message(
        self, project_id: str, message: ChatMessage, most_before: int
    ) -> list[ChatMessage]:
        """Add a message to a project's chat; return the last ones before it.

        Raises:
            EventError: the project is gone (`NOT_FOUND`).
        """

        def work(connection: Connection) -> list[ChatMessage]:
            before = messages.latest(connection, project_id, most_before)
            messages.add(connection, project_id, message)
            return before

        return await self._desk.run(work, messages.MAX_READ)

    async def decide(
        self, project_id: str, request_id: str, action_id: str, decision: Decision
    ) -> bool:
        """Keep what became of an action of an answer; see `messages.decide`."""
        return await self._desk.run(
            lambda c: messages.decide(c, project_id, request_id, action_id, decision)
        )

    async def chat(self, project_id: str, after: str, limit: int) -> Page[ChatMessage]:
        """Return a page of a project's chat."""
        return await self._desk.run(
            lambda c: pages.chat(c, project_id, after, limit), messages.MAX_READ
        )

    # -- what people say to each other

    async def say(
        self, message: PeopleMessage, key: str | None, notices_of_it: Sequence[Notification]
    ) -> Said:
        """Add what somebody says, with notices of it, unless it is there; see `talk.add`.

        Raises:
            EventError: the project is gone (`NOT_FOUND`).
        """

        def work(connection: Connection) -> Said:
            said = talk.add(connection, message, key)
            if said.is_new:
                for notice in notices_of_it:
                    notices.add(connection, notice)
            return said

        return await self._desk.run(work, sys.getsizeof(message.content))

    async def talk(
        self, project_id: str, user_id: str, after: str, limit: int
    ) -> tuple[Page[PeopleMessage], int]:
        """Return a page of what people said in a project, and how much a user has not read."""
        return await self._desk.run(
            lambda c: (
                pages.people(c, project_id, after, limit),
                talk.unread(c, project_id, user_id),
            ),
            talk.MAX_READ,
        )

    async def read_talk(self, project_id: str, user_id: str, message_id: str) -> int:
        """Keep that a user has read a message and those before it; see `talk.read`."""
        return await self._desk.run(lambda c: talk.read(c, project_id, user_id, message_id))
