"""The client for asyncio.

It authenticates on every connection, and then joins the projects and takes the locks again that it
had. Methods wait for acknowledgements, so what they return is on the server's disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Self, Unpack, cast

from ai_coding_assistant import actions, events, files, patience, people, searching
from ai_coding_assistant.answers import OnChunk
from ai_coding_assistant.arrivals import Arrival, Arrivals
from ai_coding_assistant.assistant import RESPONSE_TIMEOUT, Assistant
from ai_coding_assistant.batches import Batch
from ai_coding_assistant.calling import typed_call
from ai_coding_assistant.chains import Chain, Chains, End
from ai_coding_assistant.documents import Document
from ai_coding_assistant.errors import Unreachable
from ai_coding_assistant.handlers import Handlers, typed_on
from ai_coding_assistant.identity import Identity
from ai_coding_assistant.locks import FileLock, LockType
from ai_coding_assistant.participation import Participation
from ai_coding_assistant.sending import Sending
from ai_coding_assistant.signatures import AnyEvent, AsyncCall, AsyncListAll, Payload
from ai_coding_assistant.typing_notice import TypingNotice
from socketio_min import Client, SocketIOClientOptionValues, SocketIOError
from socketio_min.handler_checks import check_event

_FOR_GOOD: Final = ("io server disconnect", "io client disconnect")
"""Reasons of a lost connection after which it does not come back by itself."""


class AsyncAICodingAssistantSocket:
    """A client in asyncio. `async with` connects and disconnects.

    `session_id`: a session that was opened before; `user_id`: who to be without one, where the
    server runs in open mode. The options are those of `socketio_min.Client`. Belongs to one event
    loop. Each of its parts has one idea; the methods that need nothing but `call` are functions of
    the modules `files`, `searching`, `people` and `actions`. What sends several events raises
    `SessionEnded` when the program logs out meanwhile, or in as another user.
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
        self._reconnects = options.get("reconnection", True)
        self._chains = Chains(self)
        self._identity = Identity(self, self._chains, self._end, session_id, user_id)
        options.setdefault("auth", self._identity.credentials)
        self._client = Client(base_url, **options)
        self._client.on("connect", self._connected)
        self._client.on("disconnect", self._disconnected)
        self._client.on_any(self._heard)
        self._arrivals = Arrivals(
            self._introduce,
            self._finish,
            self._client.reconnect,
            self._client.disconnect,
            comes_back=self._reconnects,
        )
        self._handlers = Handlers(self._client)
        self._sending = Sending(self._client)
        self._participation = Participation(self)
        self._assistant = Assistant(self, self._participation)
        self._batch = Batch(self._chains)
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

    @property
    def user(self) -> events.User | None:
        """Return the user of a connected client; None for a guest who has not joined a project."""
        return self._identity.user

    @property
    def session_id(self) -> str | None:
        """Return the session's id, which `login` and `auth:refresh` change."""
        return self._identity.session_id

    @session_id.setter
    def session_id(self, session_id: str | None) -> None:
        self._identity.session_id = session_id

    @property
    def locks(self) -> set[FileLock]:
        """Return the locks that are held, or asked for."""
        return self._participation.locks

    @property
    def documents(self) -> set[Document]:
        """Return the documents that are open."""
        return self._participation.documents

    # -- connecting

    async def connect(self) -> events.User | None:
        """Connect and authenticate. Return the client's user, None for a guest.

        Waits for a server as long as it takes, unless `reconnection_attempts` or `reconnection` say
        otherwise. Where the server runs in open mode, a client whose session is over is a guest.
        May be cancelled, and called by several at once.

        Raises:
            Refused: the session is over (`UNAUTHORIZED`).
            Unreachable: the server cannot be reached, or `disconnect` was called meanwhile.
        """
        try:
            await self._arrivals.come(self._client.connect)
        except SocketIOError as error:
            raise Unreachable(
                f"cannot reach {self.base_url}: {error}; is the server running?"
            ) from error
        return self.user

    async def disconnect(self) -> None:
        """Leave, for good."""
        self._arrivals.leave()
        self._sending.close()
        self._end(Unreachable("disconnect() was called"))
        await self._client.close()

    def _connected(self) -> Awaitable[None]:
        return self._arrive(self._arrivals.expected())

    async def _arrive(self, arrival: Arrival) -> None:
        if await self._arrivals.come_in(arrival):
            pending = self._handlers.run("connect")
            if pending is not None:
                await pending

    async def _introduce(self) -> None:
        await self._identity.present()
        await self._participation.take_up(self.chain())

    async def _finish(self) -> None:
        self._participation.pause()
        await self._sending.settled()

    def _disconnected(self, reason: str) -> Awaitable[None] | None:
        comes_back = self._reconnects and reason not in _FOR_GOOD
        self._participation.lose(reason, comes_back=comes_back)
        self._arrivals.lose(reason, comes_back=comes_back)
        return self._handlers.run("disconnect", reason)

    async def login(self, username: str, password: str) -> events.AuthResult:
        """Open a session with a name and a password; it is presented again after a reconnection.
        What is queued is sent before, and nothing goes on that was begun as another user.

        Raises:
            Refused: the name or the password is wrong (`UNAUTHORIZED`).
            Unreachable: there is no answer.
        """
        await self.flush()
        return await self._identity.login(username, password)

    async def logout(self) -> None:
        """End the session, and what there is of projects with it. What is queued is sent before.

        Raises:
            Refused, Unreachable: as `call`.
        """
        await self.flush()
        await self._identity.logout()

    def _end(self, error: End) -> None:
        self._chains.end(error)
        self._batch.close(error)
        self._typing.close()
        self._participation.end(error)

    # -- events

    @typed_on
    def on(self, event: str, handler: Callable[..., object] | None = None) -> Any:
        """Call `handler(data, event)` for an event, or `handler(data)`; also a decorator.

        A handler is a function or a coroutine function; an event may have several. Also for
        "connect"(), "disconnect"(reason), "connect_error"(error), and, as plain functions,
        "reconnect"(number), "reconnect_attempt"(number), "reconnect_error"(error) and
        "reconnect_failed"().

        Raises:
            UsageError: `event` is no name, or the handler no function.
        """
        check_event(event, {})

        def register(function: Callable[..., object]) -> Callable[..., object]:
            self._handlers.add(event, function)
            return function

        return register if handler is None else register(handler)

    def _heard(self, event: str, *args: Any) -> None:
        data = args[0] if args else None
        if not isinstance(data, dict):
            return
        envelope: dict[str, Any] = args[1] if len(args) > 1 else {}
        self._participation.hear(event, data, envelope.get("projectId"))
        self._identity.hear(event, data)
        if event == "server:draining":
            self._arrivals.move()
        if event == "rate_limited":
            self._sending.limited(data["retryAfter"] / 1_000)

    def emit(self, event: str, payload: Payload | None = None) -> None:
        """Send an event without waiting. A failure comes back as an event, such as "error"."""
        self._arrivals.when_in(partial(self._sending.emit, event, payload or {}))

    @typed_call
    async def call(self, event: str, payload: Payload | None = None) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`.

        The event waits until the client is let in, also after a lost connection.

        Raises:
            Refused: the server refused it, or dropped it (`RATE_LIMIT_EXCEEDED`).
            Unreachable: the connection was lost, or there is no answer.
        """
        await self.until_in(event)
        answer: dict[str, Any] = await self.ask(AnyEvent(event), payload)
        return answer

    @typed_call
    async def ask(self, event: str, payload: Payload | None = None) -> dict[str, Any]:
        """Do what `call` does, without waiting: for the events with which the client comes back."""
        return await self._sending.call(event, payload or {})

    insist = cast("AsyncCall", patience.insist)

    def chain(self) -> Chain:
        """Begin events that follow from each other, all sent as the present user."""
        return self._chains.begin()

    async def until_in(self, event: str) -> None:
        """Wait until the client has taken up what it had, before an event is sent.

        Raises:
            Unreachable: it does not come back, or not in time.
        """
        await self._arrivals.until_in(event)

    # -- projects and files

    list_all = cast("AsyncListAll", files.list_all)
    read_file = files.read_file
    download_file = files.download_file
    upload_file = files.upload_file
    create_download = files.create_download
    move_file = files.move_file
    copy_file = files.copy_file
    delete_file = files.delete_file
    restore_file = files.restore_file
    restore_save = files.restore_save
    search = searching.search
    replace = searching.replace

    async def join_project(self, project_id: str) -> events.ProjectJoinResult:
        """Enter a project. Return all that there is to show of it. Entered again when reconnected.

        Of the chat it has the last messages; `ai:history` has those before, after `nextMessage`.

        Raises:
            Refused: there is no such project for this user (`NOT_FOUND`).
            Unreachable: there is no answer.
        """
        answer = await self._participation.join(project_id)
        self._identity.user = answer["user"]
        return answer

    async def leave_project(
        self, project_id: str, *, for_good: bool = False
    ) -> events.ProjectLeaveResult:
        """Leave a project, and lose the locks in it; `for_good` also as a member.

        Raises:
            Refused, Unreachable: as `call`.
        """
        self._participation.forget(project_id, "was left")
        return await self.call("project:leave", {"projectId": project_id, "forGood": for_good})

    async def open_document(self, project_id: str, file_path: str) -> Document:
        """Open a file to edit it together with others, as they type. The project is joined for it.

        Raises:
            Refused: there is no such file (`NOT_FOUND`), or it is too long (`VALIDATION_ERROR`).
            Unreachable: there is no answer.
        """
        return await self._participation.open(self, project_id, file_path)

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
        payload = {"projectId": project_id, "filePath": file_path}
        return await self._participation.ask_for_lock(payload) == "handed-over"

    # -- people

    invite = people.invite
    accept_invitation = people.accept_invitation
    send_message = people.send_message

    # -- the assistant

    accept_action = actions.accept_action
    reject_action = actions.reject_action

    async def send_ai_message(
        self,
        message: str,
        project_id: str | None = None,
        *,
        context: events.ChatContext | None = None,
        key: str | None = None,
        on_chunk: OnChunk | None = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> events.AiResponse:
        """Write to the assistant and wait for its response.

        `on_chunk(text)` hears the pieces as they are written; when it returns False, or when the
        waiting task is cancelled, the answer is stopped. `timeout` is in seconds.

        An answer for a project goes on while the connection is lost, up to 15 seconds; the pieces
        that are written meanwhile are not heard, but are in the response. A message for a project
        whose acknowledgement is lost with the connection is sent again on the next one. It is asked
        once, because it has a `key`, one of its own if none is given. With a `key` that was sent
        before, the client enters the project and gets the answer that was made or is being made.

        Raises:
            Refused: the message cannot be taken, or the assistant failed (`AI_SERVICE_ERROR`).
            Unreachable: the connection was lost for longer, or there is no response in time.
        """
        payload: events.AiMessagePayload = {"message": message, "projectId": project_id}
        payload |= {"context": context, "key": key}
        return await self._assistant.ask(payload, on_chunk, timeout)

    # -- what is sent often

    def typing(self, project_id: str) -> None:
        """Call this with each key that is pressed: the others hear of it every two seconds at most,
        and of its end when three seconds have passed without one.
        """
        self._typing.key(project_id)

    def stop_typing(self, project_id: str) -> None:
        """Say that the user types no more, for example because the message was sent."""
        self._typing.stop(project_id)

    def queue(self, event: str, data: Payload | None = None) -> asyncio.Future[Any]:
        """Send an event with others in one batch, a second later or when there are a hundred; the
        result is what `call` would return, or raise.
        """
        return self._batch.add(event, data or {})

    async def flush(self) -> None:
        """Send what is queued now, and wait for the results."""
        await self._batch.flush()
