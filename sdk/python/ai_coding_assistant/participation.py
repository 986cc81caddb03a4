"""What a client takes part in, which it takes up again on each connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal, Protocol

from ai_coding_assistant.answers import Answer
from ai_coding_assistant.calling import Caller
from ai_coding_assistant.chains import Chain, End
from ai_coding_assistant.documents import Document, Editor
from ai_coding_assistant.errors import Refused, SDKError, SessionEnded, Unreachable, may_pass
from ai_coding_assistant.events import ProjectJoinResult, User
from ai_coding_assistant.files import add_further_pages
from ai_coding_assistant.lock_requests import LockRequest
from ai_coding_assistant.locks import FileLock
from ai_coding_assistant.patience import persist
from ai_coding_assistant.signatures import Payload

logger = logging.getLogger("ai_coding_assistant")


class Joiner(Editor, Protocol):
    """A client that opens a document in a project."""

    @property
    def user(self) -> User | None:
        """Return the client's user, None if that is not known."""

    async def join_project(self, project_id: str) -> ProjectJoinResult:
        """Enter a project."""


class Participation:
    """The projects that a client is in, the locks that it holds, the documents that it has open,
    and the answers that it waits for.
    """

    def __init__(self, socket: Caller) -> None:
        self.projects: set[str] = set()
        self.locks: set[FileLock] = set()
        self.documents: set[Document] = set()
        self.answers: set[Answer] = set()
        self.lock_requests: set[LockRequest] = set()
        self._socket = socket
        self._looking: set[asyncio.Task[None]] = set()

    # -- events

    def hear(self, event: str, data: dict[str, Any], project_id: str | None) -> None:
        """Take an event, and tell whatever it is about. `project_id` is of its envelope."""
        listeners: list[Answer | LockRequest] = [*self.answers, *self.lock_requests]
        for listener in listeners:
            listener.hear(event, data)
        if event == "file:unlocked":
            for lock in list(self.locks):
                lock.hear_ended(data["token"])
        if event == "project:deleted":
            # Or not shared with the user any more.
            self.forget(data["projectId"], "is gone")
        if event == "file:moved":
            self._follow(project_id, data["filePath"], data["newPath"], data.get("revision"))
        elif self.documents and "filePath" in data:
            for document in list(self.documents):
                if (document.project_id, document.file_path) == (project_id, data["filePath"]):
                    document.hear(event, data)
        if event == "server:resync":
            task = asyncio.get_running_loop().create_task(self._look_again(self._socket.id))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    def _follow(
        self, project_id: str | None, source: str, target: str, revision: int | None
    ) -> None:
        """Let documents and locks go where their files went."""
        # Of several servers one may tell of a move after others have told what came to its path
        # later. A server of before tells no revision.
        documents = [one for one in self.documents if revision is None or one.revision <= revision]
        followers: list[Document | FileLock] = [*documents, *self.locks]
        for one in followers:
            if one.project_id == project_id:
                one.file_path = _moved(one.file_path, source, target)

    # -- a lost connection, and the next one

    def lose(self, reason: str, *, comes_back: bool) -> None:
        """Take note that the connection is lost, for good unless it `comes_back`."""
        for answer in self.answers:
            answer.lose(reason, comes_back=comes_back)
        for request in self.lock_requests:
            request.lose(reason)
        for document in list(self.documents):
            if comes_back:
                document.lose()
            else:
                document.give_up(Unreachable(f"the connection was lost: {reason}"))

    def pause(self) -> None:
        """Let documents send nothing more until it is taken up: the connection is about to go."""
        for document in list(self.documents):
            document.lose()

    async def take_up(self, chain: Chain) -> None:
        """Take up on a new connection what there was on the one before.

        Raises:
            Refused: the server cannot do it now.
            Unreachable: the connection was lost, or there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        await self._enter_all(chain)
        for lock in list(self.locks):
            if lock.held:
                await lock.take_again()
        self._open_documents()

    async def _look_again(self, connection: str | None) -> None:
        """See what there is: the server was cut off from others, and may not have told all."""
        self.pause()
        chain = self._socket.chain()
        try:
            await persist(
                lambda: self.take_up(chain),
                passes=may_pass,
                lasts=lambda: self._socket.id == connection,
            )
        except SessionEnded:
            # Nothing is left of what there was.
            return
        except SDKError as error:
            # Otherwise the next connection begins anew.
            if self._socket.id == connection:
                logger.warning("cannot look again at what there is: %s", error)
                self._open_documents()

    def _open_documents(self) -> None:
        for document in list(self.documents):
            document.come_back()

    async def _enter_all(self, chain: Chain) -> None:
        asked = {answer.project_id for answer in self.answers if answer.project_id is not None}
        for project_id in self.projects | asked:
            await self.enter_again(chain, project_id)

    async def enter_again(self, chain: Chain, project_id: str) -> None:
        """Enter a project, and let the answers for it look at what it has.

        Raises:
            Refused: the server cannot let anybody in now. A project that is gone is forgotten.
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        try:
            joined = await chain.insist("project:join", {"projectId": project_id})
        except Refused as error:
            if error.code != "NOT_FOUND":
                raise
            for answer in self._answers_of(project_id):
                answer.fail(error)
            # It was deleted, or is not shared any more; the other projects are still there.
            logger.warning("cannot enter it again: %s", error)
            self.forget(project_id, "is gone")
        else:
            for answer in self._answers_of(project_id):
                answer.back(joined)

    def _answers_of(self, project_id: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.project_id == project_id]

    # -- what is begun

    async def join(self, project_id: str) -> ProjectJoinResult:
        """Enter a project. Return all that there is to show of it.

        Raises:
            Refused: there is no such project for this user.
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        call = self._socket.chain().call
        answer = await call("project:join", {"projectId": project_id})
        await add_further_pages(call, project_id, answer)
        answer["users"] = [one["user"] for one in answer["presence"]]
        self.projects.add(project_id)
        return answer

    async def open(self, client: Joiner, project_id: str, file_path: str) -> Document:
        """Open a file of a project, which the client joins if it has not yet.

        Raises:
            Refused: there is no such file, or it is too long.
            Unreachable: there is no answer.
            SessionEnded: another user is logged in by now, or none.
        """
        chain = client.chain()
        if project_id not in self.projects:
            await client.join_project(project_id)
        await client.until_in("file:open")
        chain.check()
        assert client.user is not None, "joining says who one is"
        document = Document(client, chain, project_id, file_path, client.user["id"])
        self.documents.add(document)
        try:
            await self._open_joined(client, chain, document)
        except BaseException:
            self.documents.discard(document)
            raise
        return document

    async def _open_joined(self, client: Joiner, chain: Chain, document: Document) -> None:
        try:
            await document.open()
        except Refused as error:
            if error.code != "FORBIDDEN":
                raise
            # It waited for a connection, and was sent before the project was joined again on that.
            chain.check()
            await client.join_project(document.project_id)
            await document.open()

    async def ask_for_lock(self, payload: Payload) -> str:
        """Send `lock:ask`, and return what becomes of it.

        Raises:
            Refused: nobody holds the file, or the holder is away.
            Unreachable: the connection was lost, or there is no acknowledgement.
            SessionEnded: another user is logged in by now, or none.
        """
        listener = LockRequest()
        self.lock_requests.add(listener)
        try:
            chain = self._socket.chain()
            request = (await chain.call("lock:ask", payload))["request"]
            outcome = await listener.answer(request["id"])
            await chain.confirm()
            return outcome
        finally:
            self.lock_requests.discard(listener)

    # -- leaving

    def forget(self, project_id: str, outcome: Literal["was left", "is gone"]) -> None:
        """Lose all that there is of a project."""
        self.projects.discard(project_id)
        for lock in [lock for lock in self.locks if lock.project_id == project_id]:
            lock.lose()
        for document in [one for one in self.documents if one.project_id == project_id]:
            document.give_up(Unreachable(f"the project {project_id!r} {outcome}"))

    def end(self, error: End) -> None:
        """Lose everything; whoever waits for some of it gets the error."""
        for lock in list(self.locks):
            lock.lose()
        for document in list(self.documents):
            document.give_up(error)
        self.projects.clear()
        for answer in self.answers:
            answer.fail(error)


def _moved(path: str, source: str, target: str) -> str:
    """Return what becomes of a path when a file or folder is moved."""
    inside = path == source or path.startswith(f"{source}/")
    return target + path[len(source) :] if inside else path
