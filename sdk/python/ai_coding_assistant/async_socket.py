"""The client for asyncio.

It authenticates on every connection, also after a reconnection, and then joins the projects and
takes the locks again that it had. Methods wait for acknowledgements, so what they return is on the
server's disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Self, TypeVar, Unpack, overload
from urllib.parse import urljoin

from ai_coding_assistant.answers import Answer, OnChunk
from ai_coding_assistant.batches import Batch
from ai_coding_assistant.documents import Document
from ai_coding_assistant.due import Due
from ai_coding_assistant.errors import FAILURES, Refused, SDKError, Unreachable, result_of
from ai_coding_assistant.lock_requests import LockRequest
from ai_coding_assistant.locks import FileLock, LockType
from ai_coding_assistant.pace import Pace
from ai_coding_assistant.reading import LISTS, PAGES, READINGS, Parts, changing
from ai_coding_assistant.replacing import put_in
from ai_coding_assistant.transfers import download, upload
from ai_coding_assistant.typing_notice import TypingNotice
from socketio_min import (
    AcknowledgementTimeout,
    Client,
    Disconnected,
    SocketIOClientOptionValues,
    SocketIOError,
)
from socketio_min.handlers import check_call, check_event, most_arguments

logger = logging.getLogger("ai_coding_assistant")

Handler = TypeVar("Handler", bound=Callable[..., object])

ANSWER_TIMEOUT: Final = 20.0
"""Seconds until an acknowledgement is given up."""
RESPONSE_TIMEOUT: Final = 150.0
"""The server gives the assistant two minutes unless AI_TIMEOUT says otherwise."""

INTRODUCE_SECONDS: Final = 1.0
"""How long to wait before introducing oneself again to a server that has failed."""
_FOR_GOOD: Final = ("io server disconnect", "io client disconnect")
"""Reasons of a lost connection after which it does not come back by itself."""
_OF_THE_CONNECTION: Final = (
    "reconnect",
    "reconnect_attempt",
    "reconnect_error",
    "reconnect_failed",
)


class AsyncAICodingAssistantSocket:
    """A client in asyncio. `async with` connects and disconnects.

    `session_id`: a session that was opened before; `user_id`: who to be without one, where the
    server runs in open mode. The options are those of `socketio_min.Client`. `locks` are those that
    are held, `documents` those that are open. Belongs to one event loop.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:3001",
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        **options: Unpack[SocketIOClientOptionValues],
    ) -> None:
        self.base_url = base_url
        self.session_id = session_id
        self.user: dict[str, Any] | None = None
        self.locks: set[FileLock] = set()
        self.documents: set[Document] = set()
        self._user_id = user_id
        self._reconnects = options.get("reconnection", True)
        # Also here, because what waited for a connection is sent before "connect" is heard.
        options.setdefault("auth", self._credentials)
        self._client = Client(base_url, **options)
        self._client.on("connect", self._connected)
        self._client.on("disconnect", self._disconnected)
        self._client.on_any(self._heard)
        # Settled when the present or the next connection is authenticated, or is lost before.
        self._arrival: asyncio.Future[None] | None = None
        # Whether this client, since it was told to connect, has been let in.
        self._came_in = False
        self._projects: set[str] = set()
        self._handlers: dict[str, list[Callable[..., object]]] = {}
        self._answers: set[Answer] = set()
        self._lock_requests: set[LockRequest] = set()
        self._pace = Pace()
        self._due = Due(self._ping, self._pace.slow_down)
        self._pings: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._batch = Batch(self.call)
        self._typing = TypingNotice(self.emit)

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<{type(self).__name__} {self.base_url} ({state})>"

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            self._client.disconnect()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.disconnect()

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected."""
        return self._client.id

    @property
    def connected(self) -> bool:
        """Return whether there is a connection."""
        return self._client.connected

    # -- connecting

    async def connect(self) -> dict[str, Any] | None:
        """Connect and authenticate. Return who one is, None for a guest.

        Waits for a server as long as it takes, unless `reconnection_attempts` or `reconnection` say
        otherwise. Where the server runs in open mode, a session that is over makes one a guest.
        May be cancelled, and called by several at once.

        Raises:
            Refused: the session is over (`UNAUTHORIZED`).
            Unreachable: the server cannot be reached, or `disconnect` was called meanwhile.
        """
        # The one from before the wait: it ends with this connection, whatever comes after it.
        arrival = self._arriving()
        try:
            await self._client.connect()
        except SocketIOError as error:
            raise Unreachable(
                f"cannot reach {self.base_url}: {error}; is the server running?"
            ) from error
        await asyncio.shield(arrival)
        return self.user

    def _arriving(self) -> asyncio.Future[None]:
        if self._arrival is None:
            self._arrival = asyncio.get_running_loop().create_future()
        return self._arrival

    async def disconnect(self) -> None:
        """Leave, for good."""
        self._came_in = False
        self._batch.close()
        self._typing.close()
        self._pace.close()
        self._due.close()
        for lock in list(self.locks):
            lock.lose()
        for document in list(self.documents):
            document.give_up(Unreachable("the client was disconnected"))
        self._projects.clear()
        for answer in self._answers:
            answer.lose("disconnect() was called", comes_back=False)
        await self._client.close()

    def _credentials(self) -> dict[str, Any] | None:
        return None if self.session_id is None else {"sessionId": self.session_id}

    def _connected(self) -> Awaitable[None]:
        return self._arrive(self._arriving())

    async def _arrive(self, arrival: asyncio.Future[None]) -> None:
        try:
            await self._surely_introduce(arrival)
        except SDKError as error:
            if arrival is not self._arrival:
                # The connection is lost; the next one introduces itself.
                return
            logger.error("cannot go on with the connection: %s", error)
            _settle(arrival, error)
            # Nobody is left half connected; whoever asks again begins anew.
            self._client.disconnect()
        else:
            self._came_in = True
            _settle(arrival, None)
            await _finish(self._call_handlers("connect"))

    async def _surely_introduce(self, arrival: asyncio.Future[None]) -> None:
        """Introduce oneself, again and again to a server that fails: one that is stopping says so,
        and ends the connection a moment later; one whose database is away will have it back.
        """
        while True:
            try:
                return await self._introduce()
            except (Refused, Unreachable) as error:
                # Who connects hears that nothing answers; who comes back has been answered before.
                passes = error.code in FAILURES if isinstance(error, Refused) else self._came_in
                # Another connection introduces itself.
                if not passes or not self._reconnects or arrival is not self._arrival:
                    raise
                await asyncio.sleep(INTRODUCE_SECONDS)
                if arrival is not self._arrival:
                    raise

    async def _introduce(self) -> None:
        if self.session_id is not None:
            await self._present(self.session_id)
        elif self._user_id is not None:
            self.user = (await self.call("user:join", {"userId": self._user_id}))["user"]
        await self._join_all()
        for lock in list(self.locks):
            await lock.take_again()
        for document in list(self.documents):
            document.come_back()

    async def _look_again(self) -> None:
        """See what there is: the server was cut off from others, and may not have told all."""
        for document in list(self.documents):
            document.lose()
        try:
            await self._join_all()
        except SDKError as error:
            # The next connection begins anew.
            logger.warning("cannot look again at what there is: %s", error)
        if self.connected:
            for document in list(self.documents):
                document.come_back()

    async def _join_all(self) -> None:
        asked = {answer.project_id for answer in self._answers if answer.project_id is not None}
        for project_id in self._projects | asked:
            await self._join_again(project_id)

    async def _join_again(self, project_id: str) -> None:
        try:
            joined = await self.call("project:join", {"projectId": project_id})
        except Refused as error:
            if error.code != "NOT_FOUND":
                raise
            for answer in self._answers_of(project_id):
                answer.fail(error)
            # It was deleted, or is not shared any more; the other projects are still there.
            logger.warning("cannot enter it again: %s", error)
            self._forget(project_id)
        else:
            for answer in self._answers_of(project_id):
                answer.back(joined)

    def _answers_of(self, project_id: str) -> list[Answer]:
        return [answer for answer in self._answers if answer.project_id == project_id]

    async def _present(self, session_id: str) -> None:
        try:
            self.user = (await self.call("auth:session", {"sessionId": session_id}))["user"]
        except Refused as error:
            if error.code != "UNAUTHORIZED":
                raise
            self.user = None
            try:
                # Only a server in open mode lets somebody without a session see projects.
                await self.call("project:list")
            except Refused:
                raise error from None
            logger.warning("%s; going on as a guest, because the server is in open mode", error)

    def _disconnected(self, reason: str) -> Awaitable[None] | None:
        comes_back = self._reconnects and reason not in _FOR_GOOD
        for answer in self._answers:
            answer.lose(reason, comes_back=comes_back)
        for request in self._lock_requests:
            request.lose(reason)
        for document in list(self.documents):
            if comes_back:
                document.lose()
            else:
                document.give_up(Unreachable(f"the connection was lost: {reason}"))
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            _settle(arrival, Unreachable(f"the connection was lost: {reason}"))
        return self._call_handlers("disconnect", reason)

    async def login(self, username: str, password: str) -> dict[str, Any]:
        """Open a session with a name and a password; it is presented again after a reconnection.

        Raises:
            Refused: the name or the password is wrong (`UNAUTHORIZED`).
            Unreachable: there is no answer.
        """
        answer = await self.call("auth:login", {"username": username, "password": password})
        self.user, self.session_id = answer["user"], answer["session"]["id"]
        return answer

    async def logout(self) -> None:
        """End the session.

        Raises:
            Refused, Unreachable: as `call`.
        """
        await self.call("auth:logout")
        self.user = self.session_id = None

    # -- events

    @overload
    def on(self, event: str) -> Callable[[Handler], Handler]: ...
    @overload
    def on(self, event: str, handler: Handler) -> Handler: ...
    def on(
        self, event: str, handler: Handler | None = None
    ) -> Handler | Callable[[Handler], Handler]:
        """Call `handler(data, event)` for an event, or `handler(data)`; also a decorator.

        A handler is a function or a coroutine function; an event may have several. Also for
        "connect"(), "disconnect"(reason), "connect_error"(error), and, as plain functions,
        "reconnect"(number), "reconnect_attempt"(number), "reconnect_error"(error) and
        "reconnect_failed"().

        Raises:
            UsageError: `event` is no name, or the handler no function.
        """
        check_event(event, {})

        def register(function: Handler) -> Handler:
            check_call(f"the handler of {event!r}", function, more=True)
            if event in _OF_THE_CONNECTION:
                self._client.on_connection(event, function)
                return function
            if event not in self._handlers:
                self._handlers[event] = []
                if event not in ("connect", "disconnect"):
                    self._client.on(event, partial(self._call_handlers, event))
            self._handlers[event].append(trimmed(function))
            return function

        return register if handler is None else register(handler)

    def _call_handlers(self, event: str, *args: Any) -> Awaitable[None] | None:
        results = [handler(*args) for handler in self._handlers.get(event, ())]
        pending = [result for result in results if inspect.isawaitable(result)]
        return _wait_for_all(pending) if pending else None

    def _heard(self, event: str, *args: Any) -> None:
        data = args[0] if args else None
        if not isinstance(data, dict):
            return
        listeners: list[Answer | LockRequest] = [*self._answers, *self._lock_requests]
        for listener in listeners:
            listener.hear(event, data)
        if event == "file:moved":
            followers: list[Document | FileLock] = [*self.documents, *self.locks]
            for one in followers:
                if one.project_id == args[1].get("projectId"):
                    one.file_path = moved(one.file_path, data["filePath"], data["newPath"])
        elif self.documents and "filePath" in data:
            project_id = args[1].get("projectId")
            for document in list(self.documents):
                if (document.project_id, document.file_path) == (project_id, data["filePath"]):
                    document.hear(event, data)
        if event == "auth:session" and "id" in data["session"]:
            self.session_id = data["session"]["id"]
        if event == "server:resync":
            task = asyncio.get_running_loop().create_task(self._look_again())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        if event == "rate_limited":
            logger.warning("the server drops what comes too fast: going on more slowly")
            self._due.limited(data["retryAfter"] / 1_000)

    def emit(self, event: str, payload: dict[str, Any] | None = None) -> None:
        """Send an event without waiting. A failure comes back as an event, such as "error"."""
        if self._pace.take():
            self._client.emit(event, payload or {})
        else:
            self._pace.turn().add_done_callback(partial(self._emit_in_turn, event, payload or {}))

    def _emit_in_turn(
        self, event: str, payload: dict[str, Any], turn: asyncio.Future[None]
    ) -> None:
        if turn.exception() is None:
            self._client.emit(event, payload)

    async def call(self, event: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`.

        Raises:
            Refused: the server refused it, or dropped it (`RATE_LIMIT_EXCEEDED`).
            Unreachable: the connection was lost, or there is no answer.
        """
        if not self._pace.take():
            await self._pace.turn()
        try:
            async with self._due.acknowledgement():
                answer = await self._client.call(event, payload or {}, timeout=ANSWER_TIMEOUT)
        except (AcknowledgementTimeout, Disconnected) as error:
            raise Unreachable(f"{event} was not acknowledged: {error}") from error
        return result_of(answer)

    def _ping(self) -> bool:
        if not self.connected:
            return False
        task = asyncio.get_running_loop().create_task(self._pinged())
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)
        return True

    async def _pinged(self) -> None:
        with contextlib.suppress(SDKError):
            await self.call("test:ping")

    # -- projects and files

    async def join_project(self, project_id: str) -> dict[str, Any]:
        """Enter a project. Return all that there is to show of it. Entered again when reconnected.

        Of the chat it has the last messages; `ai:history` has those before, after `nextMessage`.

        Raises:
            Refused: there is no such project for this user (`NOT_FOUND`).
            Unreachable: there is no answer.
        """
        payload = {"projectId": project_id}
        answer = await self.call("project:join", payload)
        for event, key, next_page in PAGES:
            after = answer.pop(next_page, None)
            if after is not None:
                answer[key] += await self.list_all(event, payload, after)
        answer["users"] = [one["user"] for one in answer["presence"]]
        self._projects.add(project_id)
        self.user = answer["user"]
        return answer

    async def list_all(
        self, event: str, payload: dict[str, Any] | None = None, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Return all items of "bin:list", "file:list", "file:locks", "history:list", "user:list",
        "version:list", "project:list" or "notification:list", page by page; or those after the
        `next` of a page.

        Raises:
            Refused, Unreachable: as `call`.
        """
        key = LISTS[event]
        found: list[dict[str, Any]] = []
        while True:
            page = await self.call(event, {**(payload or {}), "after": after})
            found += page[key]
            after = page.get("next")
            if after is None:
                return found

    async def read_file(
        self,
        project_id: str,
        file_path: str,
        version_id: str | None = None,
        *,
        save_id: str | None = None,
    ) -> dict[str, Any]:
        """Read a file of any size, part by part. Return `{filePath, content, size, hash, file?}`.
        With a `version_id` or a `save_id` it is what it was then.

        Raises:
            Refused: there is no such file (`NOT_FOUND`), or it changes faster than it can be read
                (`VERSION_CONFLICT`).
            Unreachable: there is no answer.
        """
        payload = {
            "projectId": project_id,
            "filePath": file_path,
            "versionId": version_id,
            "saveId": save_id,
        }
        for _ in range(READINGS):
            parts = Parts()
            while parts.add(await self.call("file:read", {**payload, "offset": parts.next})):
                pass
            if parts.whole is not None:
                return parts.whole
        raise changing(file_path)

    async def search(self, project_id: str, query: str, **options: Any) -> list[dict[str, Any]]:
        """Search in all files of a project, with what is being typed. Return `{filePath, hits}` of
        each that has some. The options are those of `project:search`, such as `isRegex=True` or
        `include=["*.py"]`.

        Raises:
            Refused: the query is no regular expression, or takes too long (`VALIDATION_ERROR`).
            Unreachable: there is no answer.
        """
        payload = {"projectId": project_id, "query": query, **options}
        found: dict[str, list[Any]] = {}
        after: str | None = None
        while True:
            page = await self.call("project:search", {**payload, "after": after})
            for file in page["files"]:
                found.setdefault(file["filePath"], []).extend(file["hits"])
            after = page.get("next")
            if after is None:
                return [{"filePath": path, "hits": hits} for path, hits in found.items()]

    async def replace(
        self, project_id: str, query: str, replacement: str, **options: Any
    ) -> list[dict[str, Any]]:
        """Search in all files of a project, and put `replacement` in the place of what is found, as
        if it was typed: what others type meanwhile stays. Return `{filePath, replaced, left}` of
        each file with hits, the numbers of those that were replaced and of those that were
        something else by then. The options are those of `search`.

        `version:create` before keeps what there was.

        Raises:
            Refused: as `search`; or a file cannot be edited (`FILE_LOCKED` is waited for).
            Unreachable: the connection was lost for good.
        """
        found = await self.search(project_id, query, replacement=replacement, **options)
        return [
            await self._replace_in(project_id, file["filePath"], file["hits"]) for file in found
        ]

    async def _replace_in(
        self, project_id: str, path: str, hits: list[dict[str, Any]]
    ) -> dict[str, Any]:
        async with await self.open_document(project_id, path) as document:
            text, replaced = put_in(document.text, hits)
            document.update(lambda _: text)
        return {"filePath": path, "replaced": replaced, "left": len(hits) - replaced}

    async def restore_save(self, project_id: str, file_path: str, save_id: str) -> dict[str, Any]:
        """Make a file what it was at a save of its history, also one that is gone; what others are
        typing is merged. `list_all("history:list", …)` has the saves. Return `{filePath, file}`.

        Raises:
            Refused: the save is not in the file's history any more (`NOT_FOUND`), somebody holds
                the file, or may not.
            Unreachable: there is no answer.
        """
        payload = {"projectId": project_id, "filePath": file_path, "saveId": save_id}
        return await self.call("history:restore", payload)

    async def download_file(
        self,
        project_id: str,
        file_path: str,
        version_id: str | None = None,
        *,
        save_id: str | None = None,
    ) -> dict[str, Any]:
        """Return a file of any kind as bytes: `{filePath, data, size, hash, mediaType?, file?}`.

        Without a `mediaType` it is a text.

        Raises:
            Refused: there is no such file (`NOT_FOUND`), or it changes faster than it can be read
                (`VERSION_CONFLICT`).
            Unreachable: there is no answer.
        """
        payload = {
            "projectId": project_id,
            "filePath": file_path,
            "versionId": version_id,
            "saveId": save_id,
        }
        return await download(self.call, payload)

    async def upload_file(
        self,
        project_id: str,
        file_path: str,
        data: bytes | str,
        *,
        overwrite: bool = False,
        base_revision: int | None = None,
    ) -> dict[str, Any]:
        """Create a file of any kind, of at most 5 MB, or replace it if `overwrite` or if it has the
        `base_revision`; returns the file. Bytes that are UTF-8 become a text.

        Done as a whole or not at all: after `Unreachable` it may be called again.

        Raises:
            Refused: it is there already (`VERSION_CONFLICT`), somebody holds it, or may not.
            Unreachable: the connection was lost, or there is no answer.
        """
        payload = {
            "projectId": project_id,
            "filePath": file_path,
            "overwrite": overwrite,
            "baseRevision": base_revision,
        }
        return await upload(self.call, payload, data.encode() if isinstance(data, str) else data)

    async def create_download(self, project_id: str, file_path: str | None = None) -> str:
        """Return an address at which any HTTP client can fetch a file once, within a minute.

        Of a folder, and of the whole project without `file_path`, it is a zip archive.

        Raises:
            Refused: there is nothing at that path (`NOT_FOUND`).
            Unreachable: there is no answer.
        """
        payload = {"projectId": project_id, "filePath": file_path}
        address: str = (await self.call("download:create", payload))["url"]
        return urljoin(self.base_url, address)

    async def move_file(
        self, project_id: str, file_path: str, new_path: str, *, overwrite: bool = False
    ) -> dict[str, Any]:
        """Give a file or folder another path. Return `{filePath, newPath, count, file?}`.

        Raises:
            Refused: something is there already (`VERSION_CONFLICT`; a file gives way to a file with
                `overwrite`), somebody holds one of the files, or may not.
            Unreachable: there is no answer.
        """
        paths = {"filePath": file_path, "newPath": new_path, "overwrite": overwrite}
        return await self.call("file:move", {"projectId": project_id, **paths})

    async def copy_file(self, project_id: str, file_path: str, new_path: str) -> dict[str, Any]:
        """Copy a file or folder. Return and raises what `move_file` does."""
        paths = {"filePath": file_path, "newPath": new_path}
        return await self.call("file:copy", {"projectId": project_id, **paths})

    async def delete_file(self, project_id: str, file_path: str) -> dict[str, Any]:
        """Put a file or folder into the bin. Return `{filePath, deletionId, count}`.

        Raises:
            Refused: there is no such file (`NOT_FOUND`), somebody holds it, or may not.
            Unreachable: there is no answer.
        """
        return await self.call("file:delete", {"projectId": project_id, "filePath": file_path})

    async def restore_file(
        self, project_id: str, deletion_id: str, new_path: str | None = None
    ) -> dict[str, Any]:
        """Take a file or folder out of the bin, to its own path or to `new_path`; returns
        `{filePath, count}`. `list_all("bin:list", …)` has what is in it.

        Raises:
            Refused: it is not in the bin any more (`NOT_FOUND`), or something is at its path
                (`VERSION_CONFLICT`).
            Unreachable: there is no answer.
        """
        payload = {"projectId": project_id, "deletionId": deletion_id, "newPath": new_path}
        return await self.call("bin:restore", payload)

    async def leave_project(self, project_id: str, *, for_good: bool = False) -> dict[str, Any]:
        """Leave a project, and lose the locks in it; `for_good` also as a member.

        Raises:
            Refused, Unreachable: as `call`.
        """
        self._forget(project_id)
        return await self.call("project:leave", {"projectId": project_id, "forGood": for_good})

    def _forget(self, project_id: str) -> None:
        self._projects.discard(project_id)
        for lock in [lock for lock in self.locks if lock.project_id == project_id]:
            lock.lose()
        for document in [one for one in self.documents if one.project_id == project_id]:
            document.give_up(Unreachable(f"the project {project_id!r} was left"))

    async def open_document(self, project_id: str, file_path: str) -> Document:
        """Open a file to edit it together with others, as they type. The project is joined for it.

        Raises:
            Refused: there is no such file (`NOT_FOUND`), or it is too long (`VALIDATION_ERROR`).
            Unreachable: there is no answer.
        """
        if project_id not in self._projects:
            await self.join_project(project_id)
        assert self.user is not None, "joining says who one is"
        document = Document(self, project_id, file_path, self.user["id"])
        self.documents.add(document)
        try:
            await self._open_joined(document)
        except BaseException:
            self.documents.discard(document)
            raise
        return document

    async def _open_joined(self, document: Document) -> None:
        try:
            await document.open()
        except Refused as error:
            if error.code != "FORBIDDEN":
                raise
            # It waited for a connection, and was sent before the project was joined again on that.
            await self.join_project(document.project_id)
            await document.open()

    def lock_file(
        self, project_id: str, file_path: str, lock_type: LockType = "exclusive"
    ) -> FileLock:
        """Lock a file, for `async with socket.lock_file(…) as lock`."""
        return FileLock(self, project_id, file_path, lock_type)

    async def ask_for_lock(self, project_id: str, file_path: str) -> bool:
        """Ask whoever holds a file exclusively to hand it over, and return whether that was done:
        then `lock_file` has it at once. The server waits a minute for the holder.

        Raises:
            Refused: nobody holds it (`NOT_FOUND`), or the holder is away (`FILE_LOCKED`).
            Unreachable: the connection was lost, or there is no acknowledgement.
        """
        listener = LockRequest()
        self._lock_requests.add(listener)
        try:
            payload = {"projectId": project_id, "filePath": file_path}
            request: dict[str, Any] = (await self.call("lock:ask", payload))["request"]
            return await listener.answer(request["id"]) == "handed-over"
        finally:
            self._lock_requests.discard(listener)

    # -- people

    async def invite(
        self, project_id: str, role: str = "editor", *, days: int = 7, uses: int | None = None
    ) -> dict[str, Any]:
        """Make an invitation to a project: `{"invitation": …, "token": …}`. Whoever has the token
        can become a member, for so many days, and with `uses` so often.

        Raises:
            Refused: one is no owner of the project, or it has too many.
            Unreachable: the connection was lost, or there is no answer.
        """
        payload = {"projectId": project_id, "role": role, "days": days, "uses": uses}
        return await self.call("invitation:create", payload)

    async def accept_invitation(self, token: str) -> dict[str, Any]:
        """Become a member by an invitation: `{"project": …, "role": …}`.

        Raises:
            Refused: it is unknown or over (`NOT_FOUND`).
            Unreachable: the connection was lost, or there is no answer.
        """
        return await self.call("invitation:accept", {"token": token})

    async def send_message(
        self,
        message: str,
        project_id: str,
        *,
        place: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Say something to the people of a project, in Markdown, and return the message as it is
        kept; no assistant is asked. `@` and a name notifies somebody.

        `place` is what it is about: `{"filePath": …, "line": …}`, lines from 0. A message that is
        sent again with the same `key`, because no acknowledgement came, is there once.

        Raises:
            Refused: the message cannot be taken.
            Unreachable: the connection was lost, or there is no answer.
        """
        payload = {"projectId": project_id, "message": message, "place": place, "key": key}
        said: dict[str, Any] = (await self.call("chat:message", payload))["message"]
        return said

    # -- the assistant

    async def send_ai_message(
        self,
        message: str,
        project_id: str | None = None,
        *,
        context: dict[str, Any] | None = None,
        key: str | None = None,
        on_chunk: OnChunk | None = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> dict[str, Any]:
        """Write to the assistant and wait for its response.

        `on_chunk(text)` hears the pieces as they are written; when it returns False, or when the
        waiting task is cancelled, the answer is stopped. `timeout` is in seconds.

        An answer for a project goes on while the connection is lost, up to 15 seconds; the pieces
        that are written meanwhile are not heard, but are in the response. A message for a project
        whose acknowledgement is lost with the connection is sent again on the next one. It is asked
        once, because it has a `key`, one of its own if none is given. Who gives the same one again
        enters the project, and gets the answer that was made or is being made.

        Raises:
            Refused: the message cannot be taken, or the assistant failed (`AI_SERVICE_ERROR`).
            Unreachable: the connection was lost for longer, or there is no response in time.
        """
        answer = Answer(on_chunk, self._stop_answer, project_id)
        self._answers.add(answer)
        payload = {"message": message, "projectId": project_id, "context": context}
        payload["key"] = key or secrets.token_hex(16)
        try:
            request_id = await self._asked(payload, answer)
            if key is not None and project_id is not None:
                # It may have been asked before, and be answered.
                await self._join_again(project_id)
            try:
                async with asyncio.timeout(timeout):
                    return await answer.of(request_id)
            except TimeoutError:
                self._stop_answer(request_id)
                raise Unreachable(f"no response within {timeout:g} seconds") from None
            except asyncio.CancelledError:
                self._stop_answer(request_id)
                raise
        finally:
            answer.close()
            self._answers.discard(answer)

    async def _asked(self, payload: dict[str, Any], answer: Answer) -> str:
        """Ask the assistant; return the id of the request."""
        was_connected = self.connected
        try:
            asked = await self.call("ai:message", payload)
        except Unreachable:
            if self.connected or not was_connected or answer.project_id is None:
                raise
            # Whether it was taken is not known: with the same key it is asked once.
            await answer.come_back()
            asked = await self.call("ai:message", payload)
        request_id: str = asked["requestId"]
        return request_id

    async def accept_action(
        self, project_id: str, response: dict[str, Any], action: dict[str, Any]
    ) -> dict[str, Any]:
        """Do what an action of a response proposes, and say so: it is not offered again. Return the
        acknowledgement of the change.

        Raises:
            Refused: the file has changed since (`VERSION_CONFLICT`), somebody holds it, or may not.
            Unreachable: the connection was lost, or there is no answer.
        """
        file = {
            "path": action["path"],
            "action": "created" if action["type"] == "create-file" else "updated",
            "content": action["content"],
            "baseRevision": action.get("baseRevision", 0),
        }
        done = await self.call("file:change", {"projectId": project_id, "file": file})
        await self._decide(project_id, response, action, "accepted")
        return done

    async def reject_action(
        self, project_id: str, response: dict[str, Any], action: dict[str, Any]
    ) -> None:
        """Say that what an action of a response proposes is not wanted: it is not offered again.

        Raises:
            Refused: somebody has decided otherwise (`VERSION_CONFLICT`), or may not.
            Unreachable: the connection was lost, or there is no answer.
        """
        await self._decide(project_id, response, action, "rejected")

    async def _decide(
        self, project_id: str, response: dict[str, Any], action: dict[str, Any], outcome: str
    ) -> None:
        decided = {"requestId": response["requestId"], "actionId": action["id"], "outcome": outcome}
        await self.call("ai:applied", {"projectId": project_id, **decided})

    def _stop_answer(self, request_id: str) -> None:
        if self.connected:
            self.emit("ai:cancel", {"requestId": request_id})

    # -- what is sent often

    def typing(self, project_id: str) -> None:
        """Call this with each key that is pressed: the others hear of it every two seconds at most,
        and of its end when three seconds have passed without one.
        """
        self._typing.key(project_id)

    def stop_typing(self, project_id: str) -> None:
        """Say that the user types no more, for example because the message was sent."""
        self._typing.stop(project_id)

    def queue(self, event: str, data: dict[str, Any] | None = None) -> asyncio.Future[Any]:
        """Send an event with others in one batch, a second later or when there are a hundred.

        The result is what `call` would return, or raise.
        """
        return self._batch.add(event, data or {})

    async def flush(self) -> None:
        """Send what is queued now, and wait for the results."""
        await self._batch.flush()


def moved(path: str, source: str, target: str) -> str:
    """Return what becomes of a path when a file or folder is moved."""
    inside = path == source or path.startswith(f"{source}/")
    return target + path[len(source) :] if inside else path


def trimmed(function: Callable[..., object]) -> Callable[..., object]:
    """Return the handler, to be called with more arguments than it takes."""
    most = most_arguments(function)
    return function if most is None else lambda *args: function(*args[:most])


def _settle(arrival: asyncio.Future[None], error: SDKError | None) -> None:
    if arrival.done():
        return
    if error is None:
        arrival.set_result(None)
    else:
        arrival.set_exception(error)
        # After a reconnection nobody waits for it.
        arrival.exception()


async def _wait_for_all(pending: list[Awaitable[Any]]) -> None:
    await asyncio.gather(*pending)


async def _finish(pending: Awaitable[None] | None) -> None:
    if pending is not None:
        await pending
