"""The client for scripts, threads and the interactive interpreter.

The asynchronous client does the work, in a thread of its own; every method here hands something to
it and waits.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any, Self, Unpack, cast

from ai_coding_assistant import files
from ai_coding_assistant.answers import OnChunk
from ai_coding_assistant.assistant import RESPONSE_TIMEOUT
from ai_coding_assistant.async_socket import AsyncAICodingAssistantSocket
from ai_coding_assistant.blocking_document import BlockingDocument
from ai_coding_assistant.blocking_lock import BlockingFileLock
from ai_coding_assistant.events import (
    Action,
    AiResponse,
    AuthResult,
    BinRestoreResult,
    ChatContext,
    File,
    FileChangeResult,
    FileCopyResult,
    FileDeleteResult,
    FileDownloadResult,
    FileMoveResult,
    FilePlace,
    FileReadResult,
    HistoryRestoreResult,
    InvitationAcceptResult,
    InvitationCreateResult,
    PeopleMessage,
    ProjectJoinResult,
    ProjectLeaveResult,
    Role,
    SearchedFile,
    User,
)
from ai_coding_assistant.handlers import trimmed, typed_on
from ai_coding_assistant.locks import LockType
from ai_coding_assistant.searching import Replaced, SearchOptions
from ai_coding_assistant.signatures import AnyEvent, BlockingCall, BlockingListAll, Payload
from ai_coding_assistant.threads import Threads
from socketio_min import SocketIOClientOptionValues, UsageError
from socketio_min.handler_checks import check_call, check_event


def _typed_call(method: Callable[..., dict[str, Any]]) -> BlockingCall:
    return cast("BlockingCall", method)


def _typed_list_all(method: Callable[..., list[Any]]) -> BlockingListAll:
    return cast("BlockingListAll", method)


class AICodingAssistantSocket:
    """A client that waits. `with` connects and disconnects.

    Takes what `AsyncAICodingAssistantSocket` takes, and its methods raise what they raise there.
    They may be called from any thread, handlers included. Without `disconnect` the connection ends
    when the client is dropped or the interpreter exits.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:3001",
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        **options: Unpack[SocketIOClientOptionValues],
    ) -> None:
        self._socket = AsyncAICodingAssistantSocket(
            base_url, session_id=session_id, user_id=user_id, **options
        )
        self._threads = Threads()
        self._finalizer = weakref.finalize(self, self._threads.close, self._socket.disconnect)

    def __repr__(self) -> str:
        return repr(self._socket).replace("Async", "", 1)

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.disconnect()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.disconnect()

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected."""
        return self._socket.id

    @property
    def connected(self) -> bool:
        """Return whether there is a connection."""
        return self._socket.connected

    @property
    def user(self) -> User | None:
        """Return the user of a connected client; None for a guest who has not joined a project."""
        return self._socket.user

    @property
    def session_id(self) -> str | None:
        """Return the session's id, which `login` and `auth:refresh` change."""
        return self._socket.session_id

    def connect(self) -> User | None:
        """Connect and authenticate."""
        return self._threads.wait_for(self._socket.connect())

    def disconnect(self) -> None:
        """Leave, for good, when the handlers that are due have run."""
        self._finalizer()

    def login(self, username: str, password: str) -> AuthResult:
        """Open a session with a name and a password."""
        return self._threads.wait_for(self._socket.login(username, password))

    def logout(self) -> None:
        """End the session."""
        self._threads.wait_for(self._socket.logout())

    @typed_on
    def on(self, event: str, handler: Callable[..., object] | None = None) -> Any:
        """Call `handler(data, event)` for an event, or `handler(data)`; also a decorator.

        Handlers are plain functions and run in a thread of their own, one after the other.
        "reconnect" and its kin run in the thread of the connection, and must not wait for it.

        Raises:
            UsageError: `event` is no name, or the handler no plain function.
        """
        check_event(event, {})

        def register(function: Callable[..., object]) -> Callable[..., object]:
            check_call(f"the handler of {event!r}", function, more=True)
            if inspect.iscoroutinefunction(function):
                raise UsageError(
                    f"the handler of {event!r} must be a plain function, which may block; "
                    "asynchronous ones are for AsyncAICodingAssistantSocket"
                )
            if event.startswith("reconnect"):
                self._socket.on(AnyEvent(event), function)
            else:
                run = functools.partial(self._threads.run_handler, trimmed(function))
                self._socket.on(AnyEvent(event), run)
            return function

        return register if handler is None else register(handler)

    def emit(self, event: str, payload: Payload | None = None) -> None:
        """Send an event without waiting for its acknowledgement."""
        self._threads.call(self._socket.emit, event, payload)

    @_typed_call
    def call(self, event: str, payload: Payload | None = None) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement."""
        return self._threads.wait_for(self._socket.call(AnyEvent(event), payload))

    def join_project(self, project_id: str) -> ProjectJoinResult:
        """Enter a project. Return all that there is to show of it."""
        return self._threads.wait_for(self._socket.join_project(project_id))

    @_typed_list_all
    def list_all(
        self, event: str, payload: Payload | None = None, after: str | None = None
    ) -> list[Any]:
        """Return all items of "bin:list", "file:list", "file:locks", "history:list", "user:list",
        "version:list", "project:list" or "notification:list"; or those after the `next` of a page.
        """
        return self._threads.wait_for(files.list_all(self._socket, event, payload, after))

    def read_file(
        self,
        project_id: str,
        file_path: str,
        version_id: str | None = None,
        *,
        save_id: str | None = None,
    ) -> FileReadResult:
        """Read a file of any size, part by part."""
        read = self._socket.read_file(project_id, file_path, version_id, save_id=save_id)
        return self._threads.wait_for(read)

    def search(
        self, project_id: str, query: str, **options: Unpack[SearchOptions]
    ) -> list[SearchedFile]:
        """Search in all files of a project. Return `{filePath, hits}` of each that has some."""
        return self._threads.wait_for(self._socket.search(project_id, query, **options))

    def replace(
        self, project_id: str, query: str, replacement: str, **options: Unpack[SearchOptions]
    ) -> list[Replaced]:
        """Replace what is found in all files. Return `{filePath, replaced, left}` of each."""
        done = self._socket.replace(project_id, query, replacement, **options)
        return self._threads.wait_for(done)

    def restore_save(self, project_id: str, file_path: str, save_id: str) -> HistoryRestoreResult:
        """Make a file what it was at a save of its history."""
        return self._threads.wait_for(self._socket.restore_save(project_id, file_path, save_id))

    def download_file(
        self,
        project_id: str,
        file_path: str,
        version_id: str | None = None,
        *,
        save_id: str | None = None,
    ) -> FileDownloadResult:
        """Return a file of any kind as bytes."""
        found = self._socket.download_file(project_id, file_path, version_id, save_id=save_id)
        return self._threads.wait_for(found)

    def upload_file(
        self,
        project_id: str,
        file_path: str,
        data: bytes | str,
        *,
        overwrite: bool = False,
        base_revision: int | None = None,
    ) -> File:
        """Create or replace a file of any kind."""
        return self._threads.wait_for(
            self._socket.upload_file(
                project_id, file_path, data, overwrite=overwrite, base_revision=base_revision
            )
        )

    def create_download(self, project_id: str, file_path: str | None = None) -> str:
        """Return the address at which a file, a folder or a project can be fetched once."""
        return self._threads.wait_for(self._socket.create_download(project_id, file_path))

    def move_file(
        self, project_id: str, file_path: str, new_path: str, *, overwrite: bool = False
    ) -> FileMoveResult:
        """Give a file or folder another path."""
        return self._threads.wait_for(
            self._socket.move_file(project_id, file_path, new_path, overwrite=overwrite)
        )

    def copy_file(self, project_id: str, file_path: str, new_path: str) -> FileCopyResult:
        """Copy a file or folder."""
        return self._threads.wait_for(self._socket.copy_file(project_id, file_path, new_path))

    def delete_file(self, project_id: str, file_path: str) -> FileDeleteResult:
        """Put a file or folder into the bin."""
        return self._threads.wait_for(self._socket.delete_file(project_id, file_path))

    def restore_file(
        self, project_id: str, deletion_id: str, new_path: str | None = None
    ) -> BinRestoreResult:
        """Take a file or folder out of the bin."""
        restored = self._socket.restore_file(project_id, deletion_id, new_path)
        return self._threads.wait_for(restored)

    def leave_project(self, project_id: str, *, for_good: bool = False) -> ProjectLeaveResult:
        """Leave a project; `for_good` also as a member."""
        return self._threads.wait_for(self._socket.leave_project(project_id, for_good=for_good))

    def open_document(self, project_id: str, file_path: str) -> BlockingDocument:
        """Open a file to edit it together with others, as they type."""
        document = self._threads.wait_for(self._socket.open_document(project_id, file_path))
        return BlockingDocument(self._threads, document)

    def lock_file(
        self, project_id: str, file_path: str, lock_type: LockType = "exclusive"
    ) -> BlockingFileLock:
        """Lock a file, for `with socket.lock_file(…) as lock`."""
        lock = self._socket.lock_file(project_id, file_path, lock_type)
        return BlockingFileLock(self._threads, lock)

    def ask_for_lock(self, project_id: str, file_path: str) -> bool:
        """Ask whoever holds a file exclusively to hand it over; return whether that was done."""
        return self._threads.wait_for(self._socket.ask_for_lock(project_id, file_path))

    def invite(
        self, project_id: str, role: Role = "editor", *, days: int = 7, uses: int | None = None
    ) -> InvitationCreateResult:
        """Make an invitation to a project: `{"invitation": …, "token": …}`."""
        return self._threads.wait_for(self._socket.invite(project_id, role, days=days, uses=uses))

    def accept_invitation(self, token: str) -> InvitationAcceptResult:
        """Become a member by an invitation: `{"project": …, "role": …}`."""
        return self._threads.wait_for(self._socket.accept_invitation(token))

    def send_message(
        self,
        message: str,
        project_id: str,
        *,
        place: FilePlace | None = None,
        key: str | None = None,
    ) -> PeopleMessage:
        """Say something to the people of a project; no assistant is asked."""
        return self._threads.wait_for(
            self._socket.send_message(message, project_id, place=place, key=key)
        )

    def send_ai_message(
        self,
        message: str,
        project_id: str | None = None,
        *,
        context: ChatContext | None = None,
        key: str | None = None,
        on_chunk: OnChunk | None = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> AiResponse:
        """Write to the assistant and wait for its response.

        `on_chunk(text)` runs in the thread of the connection, and must not wait for it; when it
        returns False, the answer is stopped. With the same `key` a message is asked once.
        """
        return self._threads.wait_for(
            self._socket.send_ai_message(
                message,
                project_id,
                context=context,
                key=key,
                on_chunk=on_chunk,
                timeout=timeout,
            )
        )

    def accept_action(
        self, project_id: str, response: AiResponse, action: Action
    ) -> FileChangeResult:
        """Do what an action of a response proposes, and say so: it is not offered again."""
        return self._threads.wait_for(self._socket.accept_action(project_id, response, action))

    def reject_action(self, project_id: str, response: AiResponse, action: Action) -> None:
        """Say that what an action of a response proposes is not wanted: it is not offered again."""
        self._threads.wait_for(self._socket.reject_action(project_id, response, action))

    def typing(self, project_id: str) -> None:
        """Call this with each key that is pressed."""
        self._threads.call(self._socket.typing, project_id)

    def stop_typing(self, project_id: str) -> None:
        """Say that the user types no more."""
        self._threads.call(self._socket.stop_typing, project_id)

    def queue(self, event: str, data: Payload | None = None) -> concurrent.futures.Future[Any]:
        """Send an event with others in one batch; the result is what `call` would return."""
        return asyncio.run_coroutine_threadsafe(
            _result(self._socket, event, data), self._threads.loop
        )

    def flush(self) -> None:
        """Send what is queued now, and wait for the results."""
        self._threads.wait_for(self._socket.flush())


async def _result(socket: AsyncAICodingAssistantSocket, event: str, data: Payload | None) -> Any:
    return await socket.queue(event, data)
