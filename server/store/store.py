"""What the application keeps: the face of the database, and the only one.

Nothing outside this package knows which database has the data. What is kept of one kind is asked at
an attribute, `store.files.read(...)` for example; its class is in `repositories`. Only what is
about the store as a whole is asked here.
"""

from __future__ import annotations

from server.api.records import User
from server.store import accounts, counters, demonstration, membership
from server.store.database import Database
from server.store.documents import Documents
from server.store.membership import Access
from server.store.repositories.accounts import Accounts
from server.store.repositories.bin import Bin
from server.store.repositories.contents import Contents
from server.store.repositories.conversations import Conversations
from server.store.repositories.documents import SharedDocuments
from server.store.repositories.files import Files
from server.store.repositories.invitations import Invitations
from server.store.repositories.locks import Locks
from server.store.repositories.mirrored import Mirrored
from server.store.repositories.nodes import Nodes
from server.store.repositories.notices import Notices
from server.store.repositories.people_chat import PeopleChat
from server.store.repositories.projects import Projects
from server.store.repositories.tree import ProjectTree
from server.store.repositories.versions import Versions


class Store:
    """The application's data, for work of one user; for work of nobody in particular if none is
    named.

    All methods, also those of the attributes, raise an `EventError`: `STORAGE_ERROR` if the
    database fails, `RATE_LIMIT_EXCEEDED` if too much waits for it. Each method names what else it
    raises. The work is done whether or not anybody waits for its result.
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
        self._contents = Contents(database.of(owner))
        self._documents = Documents() if documents is None else documents

    def of(self, owner: str, project_id: str | None = None) -> Store:
        """Return the same store for the work of a user, and of a project if the work is for one."""
        return Store(self._database, owner, project_id, self._documents)

    # -- what is kept

    @property
    def accounts(self) -> Accounts:
        """Return the accounts and their sessions."""
        return Accounts(self._desk)

    @property
    def notices(self) -> Notices:
        """Return the notifications of people."""
        return Notices(self._desk)

    @property
    def projects(self) -> Projects:
        """Return the projects and their members."""
        return Projects(self._desk)

    @property
    def invitations(self) -> Invitations:
        """Return the invitations to projects."""
        return Invitations(self._desk)

    @property
    def contents(self) -> Contents:
        """Return the contents, by their hashes."""
        return self._contents

    @property
    def files(self) -> Files:
        """Return the files of projects."""
        return Files(self._desk, self._contents, self._documents)

    @property
    def tree(self) -> ProjectTree:
        """Return what moves and copies files and folders."""
        return ProjectTree(self._desk, self._documents)

    @property
    def bin(self) -> Bin:
        """Return the bins of projects."""
        return Bin(self._desk, self._documents)

    @property
    def documents(self) -> SharedDocuments:
        """Return the files that several people edit at once."""
        return SharedDocuments(self._desk, self._documents)

    @property
    def mirrored(self) -> Mirrored:
        """Return what a directory has of the project that one of several servers mirrors."""
        node = self._database.engine.node
        return Mirrored(self._desk, self._contents, self._documents, node)

    @property
    def versions(self) -> Versions:
        """Return the versions of projects."""
        return Versions(self._desk)

    @property
    def conversations(self) -> Conversations:
        """Return the conversations with the assistant."""
        return Conversations(self._desk)

    @property
    def people_chat(self) -> PeopleChat:
        """Return what people say to each other."""
        return PeopleChat(self._desk)

    @property
    def locks(self) -> Locks:
        """Return the locks that several servers share."""
        return Locks(self._desk)

    @property
    def nodes(self) -> Nodes:
        """Return the nodes, which are the servers that share the database."""
        return Nodes(self._desk)

    # -- the server's life

    async def seed(self, now: str) -> None:
        """Put the users and the project of the demonstration into a new database."""
        await self._desk.run(lambda c: demonstration.seed(c, now))

    async def count_start(self) -> int:
        """Count a start of the server. Return how many starts there have been."""
        return await self._desk.run(lambda c: counters.increment(c, "locks"))

    async def directory(self) -> tuple[list[User], list[Access]]:
        """Return all accounts, and who may do what in each project."""
        return await self._desk.read(lambda c: (accounts.users(c), membership.accesses(c)))

    async def check(self) -> None:
        """Return as soon as the database answers."""
        await self._desk.run(lambda c: c.execute("SELECT 1").fetchone())
