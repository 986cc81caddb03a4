"""What `call` and `on` take and return for each event.

Made from the server's tables by `python -m server.reference`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import (
    Any,
    Literal,
    NewType,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
)

from ai_coding_assistant import events

Data = TypeVar("Data")
Returned = TypeVar("Returned")

AnyEvent = NewType("AnyEvent", str)
"""The name of an event that is known only when the program runs: nothing is said of its types."""

Payload: TypeAlias = Mapping[str, object]
"""Any mapping, for the server says what is wrong with it; `events` has what it should be."""

Handler: TypeAlias = (
    Callable[[Data, events.Envelope], object] | Callable[[Data], object] | Callable[[], object]
)
"""What hears an event, with as many of its arguments as it takes."""


class RateLimited(TypedDict):
    """The server drops what comes too fast; the time is in milliseconds. Told once."""

    retryAfter: int


class Decorator(Protocol[Data]):
    """Registers a handler, and returns it."""

    @overload
    def __call__(
        self, handler: Callable[[Data, events.Envelope], Returned], /
    ) -> Callable[[Data, events.Envelope], Returned]: ...
    @overload
    def __call__(self, handler: Callable[[Data], Returned], /) -> Callable[[Data], Returned]: ...
    @overload
    def __call__(self, handler: Callable[[], Returned], /) -> Callable[[], Returned]: ...


class PlainDecorator(Protocol[Data]):
    """Registers a handler of what happens to the connection, and returns it."""

    @overload
    def __call__(self, handler: Callable[[Data], Returned], /) -> Callable[[Data], Returned]: ...
    @overload
    def __call__(self, handler: Callable[[], Returned], /) -> Callable[[], Returned]: ...


class AsyncCall(Protocol):
    """Sends an event and waits for what its acknowledgement has beside `ok`."""

    @overload
    async def __call__(
        self, event: Literal["auth:session"], payload: Payload | None = None
    ) -> events.AuthResult: ...
    @overload
    async def __call__(
        self, event: Literal["auth:login"], payload: Payload
    ) -> events.AuthResult: ...
    @overload
    async def __call__(
        self, event: Literal["auth:check"], payload: Payload | None = None
    ) -> events.SessionResult: ...
    @overload
    async def __call__(
        self, event: Literal["auth:refresh"], payload: Payload | None = None
    ) -> events.SessionResult: ...
    @overload
    async def __call__(
        self, event: Literal["auth:logout"], payload: Payload | None = None
    ) -> events.LogoutResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:create"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:list"], payload: Payload | None = None
    ) -> events.ProjectsResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:update"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:delete"], payload: Payload
    ) -> events.ProjectDeleteResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:share"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:unshare"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    async def __call__(
        self, event: Literal["invitation:create"], payload: Payload
    ) -> events.InvitationCreateResult: ...
    @overload
    async def __call__(
        self, event: Literal["invitation:list"], payload: Payload
    ) -> events.InvitationsResult: ...
    @overload
    async def __call__(
        self, event: Literal["invitation:revoke"], payload: Payload
    ) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["invitation:accept"], payload: Payload
    ) -> events.InvitationAcceptResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:join"], payload: Payload
    ) -> events.ProjectJoinResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:leave"], payload: Payload
    ) -> events.ProjectLeaveResult: ...
    @overload
    async def __call__(
        self, event: Literal["project:search"], payload: Payload
    ) -> events.SearchResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:list"], payload: Payload
    ) -> events.FilesResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:read"], payload: Payload
    ) -> events.FileReadResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:change"], payload: Payload
    ) -> events.FileChangeResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:upload"], payload: Payload
    ) -> events.FileUploadResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:download"], payload: Payload
    ) -> events.FileDownloadResult: ...
    @overload
    async def __call__(
        self, event: Literal["download:create"], payload: Payload
    ) -> events.DownloadResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:move"], payload: Payload
    ) -> events.FileMoveResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:delete"], payload: Payload
    ) -> events.FileDeleteResult: ...
    @overload
    async def __call__(
        self, event: Literal["history:list"], payload: Payload
    ) -> events.FileHistoryResult: ...
    @overload
    async def __call__(
        self, event: Literal["history:restore"], payload: Payload
    ) -> events.HistoryRestoreResult: ...
    @overload
    async def __call__(self, event: Literal["bin:list"], payload: Payload) -> events.BinResult: ...
    @overload
    async def __call__(
        self, event: Literal["bin:restore"], payload: Payload
    ) -> events.BinRestoreResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:copy"], payload: Payload
    ) -> events.FileCopyResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:open"], payload: Payload
    ) -> events.FileOpenResult: ...
    @overload
    async def __call__(self, event: Literal["file:edit"], payload: Payload) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["file:close"], payload: Payload
    ) -> events.FileCloseResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:lock"], payload: Payload
    ) -> events.LockResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:unlock"], payload: Payload
    ) -> events.UnlockResult: ...
    @overload
    async def __call__(
        self, event: Literal["file:locks"], payload: Payload
    ) -> events.LocksResult: ...
    @overload
    async def __call__(
        self, event: Literal["lock:ask"], payload: Payload
    ) -> events.LockAskResult: ...
    @overload
    async def __call__(
        self, event: Literal["lock:answer"], payload: Payload
    ) -> events.LockAnswerResult: ...
    @overload
    async def __call__(
        self, event: Literal["lock:withdraw"], payload: Payload
    ) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["version:create"], payload: Payload
    ) -> events.VersionResult: ...
    @overload
    async def __call__(
        self, event: Literal["version:list"], payload: Payload
    ) -> events.VersionsResult: ...
    @overload
    async def __call__(
        self, event: Literal["version:compare"], payload: Payload
    ) -> events.VersionCompareResult: ...
    @overload
    async def __call__(
        self, event: Literal["version:restore"], payload: Payload
    ) -> events.VersionRestoreResult: ...
    @overload
    async def __call__(
        self, event: Literal["version:delete"], payload: Payload
    ) -> events.VersionDeleteResult: ...
    @overload
    async def __call__(
        self, event: Literal["ai:message"], payload: Payload
    ) -> events.AiMessageResult: ...
    @overload
    async def __call__(
        self, event: Literal["ai:history"], payload: Payload
    ) -> events.HistoryResult: ...
    @overload
    async def __call__(
        self, event: Literal["ai:cancel"], payload: Payload
    ) -> events.AiCancelResult: ...
    @overload
    async def __call__(self, event: Literal["ai:applied"], payload: Payload) -> events.Nothing: ...
    @overload
    async def __call__(self, event: Literal["ai:status"], payload: Payload) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["chat:message"], payload: Payload
    ) -> events.ChatMessageResult: ...
    @overload
    async def __call__(
        self, event: Literal["chat:history"], payload: Payload
    ) -> events.ChatHistoryResult: ...
    @overload
    async def __call__(
        self, event: Literal["chat:read"], payload: Payload
    ) -> events.ChatReadResult: ...
    @overload
    async def __call__(
        self, event: Literal["user:join"], payload: Payload
    ) -> events.UserJoinResult: ...
    @overload
    async def __call__(
        self, event: Literal["user:leave"], payload: Payload
    ) -> events.UserLeaveResult: ...
    @overload
    async def __call__(
        self, event: Literal["user:search"], payload: Payload
    ) -> events.UserSearchResult: ...
    @overload
    async def __call__(
        self, event: Literal["user:presence"], payload: Payload
    ) -> events.PresenceResult: ...
    @overload
    async def __call__(
        self, event: Literal["user:list"], payload: Payload
    ) -> events.PresentResult: ...
    @overload
    async def __call__(self, event: Literal["user:typing"], payload: Payload) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["cursor:update"], payload: Payload
    ) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["notification:list"], payload: Payload | None = None
    ) -> events.NotificationsResult: ...
    @overload
    async def __call__(
        self, event: Literal["notification:read"], payload: Payload | None = None
    ) -> events.NotificationReadResult: ...
    @overload
    async def __call__(
        self, event: Literal["room:join"], payload: Payload
    ) -> events.RoomResult: ...
    @overload
    async def __call__(
        self, event: Literal["room:leave"], payload: Payload
    ) -> events.RoomResult: ...
    @overload
    async def __call__(
        self, event: Literal["room:leaveAll"], payload: Payload | None = None
    ) -> events.RoomsResult: ...
    @overload
    async def __call__(
        self, event: Literal["batch:update"], payload: Payload
    ) -> events.BatchResult: ...
    @overload
    async def __call__(
        self, event: Literal["test:ping"], payload: Payload | None = None
    ) -> events.Nothing: ...
    @overload
    async def __call__(
        self, event: Literal["test:event"], payload: Payload | None = None
    ) -> events.EchoResult: ...
    @overload
    async def __call__(self, event: AnyEvent, payload: Payload | None = None) -> Any: ...


class BlockingCall(Protocol):
    """Does what `AsyncCall` does, and returns when that is done."""

    @overload
    def __call__(
        self, event: Literal["auth:session"], payload: Payload | None = None
    ) -> events.AuthResult: ...
    @overload
    def __call__(self, event: Literal["auth:login"], payload: Payload) -> events.AuthResult: ...
    @overload
    def __call__(
        self, event: Literal["auth:check"], payload: Payload | None = None
    ) -> events.SessionResult: ...
    @overload
    def __call__(
        self, event: Literal["auth:refresh"], payload: Payload | None = None
    ) -> events.SessionResult: ...
    @overload
    def __call__(
        self, event: Literal["auth:logout"], payload: Payload | None = None
    ) -> events.LogoutResult: ...
    @overload
    def __call__(
        self, event: Literal["project:create"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    def __call__(
        self, event: Literal["project:list"], payload: Payload | None = None
    ) -> events.ProjectsResult: ...
    @overload
    def __call__(
        self, event: Literal["project:update"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    def __call__(
        self, event: Literal["project:delete"], payload: Payload
    ) -> events.ProjectDeleteResult: ...
    @overload
    def __call__(
        self, event: Literal["project:share"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    def __call__(
        self, event: Literal["project:unshare"], payload: Payload
    ) -> events.ProjectResult: ...
    @overload
    def __call__(
        self, event: Literal["invitation:create"], payload: Payload
    ) -> events.InvitationCreateResult: ...
    @overload
    def __call__(
        self, event: Literal["invitation:list"], payload: Payload
    ) -> events.InvitationsResult: ...
    @overload
    def __call__(self, event: Literal["invitation:revoke"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["invitation:accept"], payload: Payload
    ) -> events.InvitationAcceptResult: ...
    @overload
    def __call__(
        self, event: Literal["project:join"], payload: Payload
    ) -> events.ProjectJoinResult: ...
    @overload
    def __call__(
        self, event: Literal["project:leave"], payload: Payload
    ) -> events.ProjectLeaveResult: ...
    @overload
    def __call__(
        self, event: Literal["project:search"], payload: Payload
    ) -> events.SearchResult: ...
    @overload
    def __call__(self, event: Literal["file:list"], payload: Payload) -> events.FilesResult: ...
    @overload
    def __call__(self, event: Literal["file:read"], payload: Payload) -> events.FileReadResult: ...
    @overload
    def __call__(
        self, event: Literal["file:change"], payload: Payload
    ) -> events.FileChangeResult: ...
    @overload
    def __call__(
        self, event: Literal["file:upload"], payload: Payload
    ) -> events.FileUploadResult: ...
    @overload
    def __call__(
        self, event: Literal["file:download"], payload: Payload
    ) -> events.FileDownloadResult: ...
    @overload
    def __call__(
        self, event: Literal["download:create"], payload: Payload
    ) -> events.DownloadResult: ...
    @overload
    def __call__(self, event: Literal["file:move"], payload: Payload) -> events.FileMoveResult: ...
    @overload
    def __call__(
        self, event: Literal["file:delete"], payload: Payload
    ) -> events.FileDeleteResult: ...
    @overload
    def __call__(
        self, event: Literal["history:list"], payload: Payload
    ) -> events.FileHistoryResult: ...
    @overload
    def __call__(
        self, event: Literal["history:restore"], payload: Payload
    ) -> events.HistoryRestoreResult: ...
    @overload
    def __call__(self, event: Literal["bin:list"], payload: Payload) -> events.BinResult: ...
    @overload
    def __call__(
        self, event: Literal["bin:restore"], payload: Payload
    ) -> events.BinRestoreResult: ...
    @overload
    def __call__(self, event: Literal["file:copy"], payload: Payload) -> events.FileCopyResult: ...
    @overload
    def __call__(self, event: Literal["file:open"], payload: Payload) -> events.FileOpenResult: ...
    @overload
    def __call__(self, event: Literal["file:edit"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["file:close"], payload: Payload
    ) -> events.FileCloseResult: ...
    @overload
    def __call__(self, event: Literal["file:lock"], payload: Payload) -> events.LockResult: ...
    @overload
    def __call__(self, event: Literal["file:unlock"], payload: Payload) -> events.UnlockResult: ...
    @overload
    def __call__(self, event: Literal["file:locks"], payload: Payload) -> events.LocksResult: ...
    @overload
    def __call__(self, event: Literal["lock:ask"], payload: Payload) -> events.LockAskResult: ...
    @overload
    def __call__(
        self, event: Literal["lock:answer"], payload: Payload
    ) -> events.LockAnswerResult: ...
    @overload
    def __call__(self, event: Literal["lock:withdraw"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["version:create"], payload: Payload
    ) -> events.VersionResult: ...
    @overload
    def __call__(
        self, event: Literal["version:list"], payload: Payload
    ) -> events.VersionsResult: ...
    @overload
    def __call__(
        self, event: Literal["version:compare"], payload: Payload
    ) -> events.VersionCompareResult: ...
    @overload
    def __call__(
        self, event: Literal["version:restore"], payload: Payload
    ) -> events.VersionRestoreResult: ...
    @overload
    def __call__(
        self, event: Literal["version:delete"], payload: Payload
    ) -> events.VersionDeleteResult: ...
    @overload
    def __call__(
        self, event: Literal["ai:message"], payload: Payload
    ) -> events.AiMessageResult: ...
    @overload
    def __call__(self, event: Literal["ai:history"], payload: Payload) -> events.HistoryResult: ...
    @overload
    def __call__(self, event: Literal["ai:cancel"], payload: Payload) -> events.AiCancelResult: ...
    @overload
    def __call__(self, event: Literal["ai:applied"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(self, event: Literal["ai:status"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["chat:message"], payload: Payload
    ) -> events.ChatMessageResult: ...
    @overload
    def __call__(
        self, event: Literal["chat:history"], payload: Payload
    ) -> events.ChatHistoryResult: ...
    @overload
    def __call__(self, event: Literal["chat:read"], payload: Payload) -> events.ChatReadResult: ...
    @overload
    def __call__(self, event: Literal["user:join"], payload: Payload) -> events.UserJoinResult: ...
    @overload
    def __call__(
        self, event: Literal["user:leave"], payload: Payload
    ) -> events.UserLeaveResult: ...
    @overload
    def __call__(
        self, event: Literal["user:search"], payload: Payload
    ) -> events.UserSearchResult: ...
    @overload
    def __call__(
        self, event: Literal["user:presence"], payload: Payload
    ) -> events.PresenceResult: ...
    @overload
    def __call__(self, event: Literal["user:list"], payload: Payload) -> events.PresentResult: ...
    @overload
    def __call__(self, event: Literal["user:typing"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(self, event: Literal["cursor:update"], payload: Payload) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["notification:list"], payload: Payload | None = None
    ) -> events.NotificationsResult: ...
    @overload
    def __call__(
        self, event: Literal["notification:read"], payload: Payload | None = None
    ) -> events.NotificationReadResult: ...
    @overload
    def __call__(self, event: Literal["room:join"], payload: Payload) -> events.RoomResult: ...
    @overload
    def __call__(self, event: Literal["room:leave"], payload: Payload) -> events.RoomResult: ...
    @overload
    def __call__(
        self, event: Literal["room:leaveAll"], payload: Payload | None = None
    ) -> events.RoomsResult: ...
    @overload
    def __call__(self, event: Literal["batch:update"], payload: Payload) -> events.BatchResult: ...
    @overload
    def __call__(
        self, event: Literal["test:ping"], payload: Payload | None = None
    ) -> events.Nothing: ...
    @overload
    def __call__(
        self, event: Literal["test:event"], payload: Payload | None = None
    ) -> events.EchoResult: ...
    @overload
    def __call__(self, event: AnyEvent, payload: Payload | None = None) -> Any: ...


class AsyncListAll(Protocol):
    """Returns all that a list has, page by page."""

    @overload
    async def __call__(
        self,
        event: Literal["project:list"],
        payload: Payload | None = None,
        after: str | None = None,
    ) -> list[events.Project]: ...
    @overload
    async def __call__(
        self, event: Literal["file:list"], payload: Payload, after: str | None = None
    ) -> list[events.File]: ...
    @overload
    async def __call__(
        self, event: Literal["history:list"], payload: Payload, after: str | None = None
    ) -> list[events.Save]: ...
    @overload
    async def __call__(
        self, event: Literal["bin:list"], payload: Payload, after: str | None = None
    ) -> list[events.Deletion]: ...
    @overload
    async def __call__(
        self, event: Literal["file:locks"], payload: Payload, after: str | None = None
    ) -> list[events.Lock]: ...
    @overload
    async def __call__(
        self, event: Literal["version:list"], payload: Payload, after: str | None = None
    ) -> list[events.Version]: ...
    @overload
    async def __call__(
        self, event: Literal["user:list"], payload: Payload, after: str | None = None
    ) -> list[events.Presence]: ...
    @overload
    async def __call__(
        self,
        event: Literal["notification:list"],
        payload: Payload | None = None,
        after: str | None = None,
    ) -> list[events.Notification]: ...


class BlockingListAll(Protocol):
    """Does what `AsyncListAll` does, and returns when that is done."""

    @overload
    def __call__(
        self,
        event: Literal["project:list"],
        payload: Payload | None = None,
        after: str | None = None,
    ) -> list[events.Project]: ...
    @overload
    def __call__(
        self, event: Literal["file:list"], payload: Payload, after: str | None = None
    ) -> list[events.File]: ...
    @overload
    def __call__(
        self, event: Literal["history:list"], payload: Payload, after: str | None = None
    ) -> list[events.Save]: ...
    @overload
    def __call__(
        self, event: Literal["bin:list"], payload: Payload, after: str | None = None
    ) -> list[events.Deletion]: ...
    @overload
    def __call__(
        self, event: Literal["file:locks"], payload: Payload, after: str | None = None
    ) -> list[events.Lock]: ...
    @overload
    def __call__(
        self, event: Literal["version:list"], payload: Payload, after: str | None = None
    ) -> list[events.Version]: ...
    @overload
    def __call__(
        self, event: Literal["user:list"], payload: Payload, after: str | None = None
    ) -> list[events.Presence]: ...
    @overload
    def __call__(
        self,
        event: Literal["notification:list"],
        payload: Payload | None = None,
        after: str | None = None,
    ) -> list[events.Notification]: ...


class On(Protocol):
    """Registers a handler of an event, which is given or decorated."""

    @overload
    def __call__(self, event: Literal["error"]) -> Decorator[events.Failed]: ...
    @overload
    def __call__(
        self, event: Literal["error"], handler: Handler[events.Failed]
    ) -> Handler[events.Failed]: ...
    @overload
    def __call__(self, event: Literal["auth:error"]) -> Decorator[events.AuthFailed]: ...
    @overload
    def __call__(
        self, event: Literal["auth:error"], handler: Handler[events.AuthFailed]
    ) -> Handler[events.AuthFailed]: ...
    @overload
    def __call__(self, event: Literal["auth:success"]) -> Decorator[events.AuthSucceeded]: ...
    @overload
    def __call__(
        self, event: Literal["auth:success"], handler: Handler[events.AuthSucceeded]
    ) -> Handler[events.AuthSucceeded]: ...
    @overload
    def __call__(self, event: Literal["auth:login"]) -> Decorator[events.AuthLoggedIn]: ...
    @overload
    def __call__(
        self, event: Literal["auth:login"], handler: Handler[events.AuthLoggedIn]
    ) -> Handler[events.AuthLoggedIn]: ...
    @overload
    def __call__(self, event: Literal["auth:logout"]) -> Decorator[events.AuthLoggedOut]: ...
    @overload
    def __call__(
        self, event: Literal["auth:logout"], handler: Handler[events.AuthLoggedOut]
    ) -> Handler[events.AuthLoggedOut]: ...
    @overload
    def __call__(self, event: Literal["auth:session"]) -> Decorator[events.AuthSessionUpdated]: ...
    @overload
    def __call__(
        self, event: Literal["auth:session"], handler: Handler[events.AuthSessionUpdated]
    ) -> Handler[events.AuthSessionUpdated]: ...
    @overload
    def __call__(self, event: Literal["server:resync"]) -> Decorator[events.ServerResync]: ...
    @overload
    def __call__(
        self, event: Literal["server:resync"], handler: Handler[events.ServerResync]
    ) -> Handler[events.ServerResync]: ...
    @overload
    def __call__(self, event: Literal["server:draining"]) -> Decorator[events.ServerDraining]: ...
    @overload
    def __call__(
        self, event: Literal["server:draining"], handler: Handler[events.ServerDraining]
    ) -> Handler[events.ServerDraining]: ...
    @overload
    def __call__(self, event: Literal["room:error"]) -> Decorator[events.RoomFailed]: ...
    @overload
    def __call__(
        self, event: Literal["room:error"], handler: Handler[events.RoomFailed]
    ) -> Handler[events.RoomFailed]: ...
    @overload
    def __call__(self, event: Literal["room:joined"]) -> Decorator[events.RoomJoined]: ...
    @overload
    def __call__(
        self, event: Literal["room:joined"], handler: Handler[events.RoomJoined]
    ) -> Handler[events.RoomJoined]: ...
    @overload
    def __call__(self, event: Literal["room:left"]) -> Decorator[events.RoomLeft]: ...
    @overload
    def __call__(
        self, event: Literal["room:left"], handler: Handler[events.RoomLeft]
    ) -> Handler[events.RoomLeft]: ...
    @overload
    def __call__(self, event: Literal["test:pong"]) -> Decorator[events.Pong]: ...
    @overload
    def __call__(
        self, event: Literal["test:pong"], handler: Handler[events.Pong]
    ) -> Handler[events.Pong]: ...
    @overload
    def __call__(self, event: Literal["test:response"]) -> Decorator[Any]: ...
    @overload
    def __call__(self, event: Literal["test:response"], handler: Handler[Any]) -> Handler[Any]: ...
    @overload
    def __call__(self, event: Literal["user:joined"]) -> Decorator[events.UserJoined]: ...
    @overload
    def __call__(
        self, event: Literal["user:joined"], handler: Handler[events.UserJoined]
    ) -> Handler[events.UserJoined]: ...
    @overload
    def __call__(self, event: Literal["user:left"]) -> Decorator[events.UserLeft]: ...
    @overload
    def __call__(
        self, event: Literal["user:left"], handler: Handler[events.UserLeft]
    ) -> Handler[events.UserLeft]: ...
    @overload
    def __call__(self, event: Literal["user:typing"]) -> Decorator[events.UserTyping]: ...
    @overload
    def __call__(
        self, event: Literal["user:typing"], handler: Handler[events.UserTyping]
    ) -> Handler[events.UserTyping]: ...
    @overload
    def __call__(self, event: Literal["user:presence"]) -> Decorator[events.UserPresence]: ...
    @overload
    def __call__(
        self, event: Literal["user:presence"], handler: Handler[events.UserPresence]
    ) -> Handler[events.UserPresence]: ...
    @overload
    def __call__(self, event: Literal["cursor:updated"]) -> Decorator[events.CursorUpdated]: ...
    @overload
    def __call__(
        self, event: Literal["cursor:updated"], handler: Handler[events.CursorUpdated]
    ) -> Handler[events.CursorUpdated]: ...
    @overload
    def __call__(self, event: Literal["project:created"]) -> Decorator[events.ProjectCreated]: ...
    @overload
    def __call__(
        self, event: Literal["project:created"], handler: Handler[events.ProjectCreated]
    ) -> Handler[events.ProjectCreated]: ...
    @overload
    def __call__(self, event: Literal["project:updated"]) -> Decorator[events.ProjectUpdated]: ...
    @overload
    def __call__(
        self, event: Literal["project:updated"], handler: Handler[events.ProjectUpdated]
    ) -> Handler[events.ProjectUpdated]: ...
    @overload
    def __call__(self, event: Literal["project:deleted"]) -> Decorator[events.ProjectDeleted]: ...
    @overload
    def __call__(
        self, event: Literal["project:deleted"], handler: Handler[events.ProjectDeleted]
    ) -> Handler[events.ProjectDeleted]: ...
    @overload
    def __call__(self, event: Literal["notification:new"]) -> Decorator[events.NotificationNew]: ...
    @overload
    def __call__(
        self, event: Literal["notification:new"], handler: Handler[events.NotificationNew]
    ) -> Handler[events.NotificationNew]: ...
    @overload
    def __call__(
        self, event: Literal["notification:read"]
    ) -> Decorator[events.NotificationRead]: ...
    @overload
    def __call__(
        self, event: Literal["notification:read"], handler: Handler[events.NotificationRead]
    ) -> Handler[events.NotificationRead]: ...
    @overload
    def __call__(self, event: Literal["chat:message"]) -> Decorator[events.ChatMessageSent]: ...
    @overload
    def __call__(
        self, event: Literal["chat:message"], handler: Handler[events.ChatMessageSent]
    ) -> Handler[events.ChatMessageSent]: ...
    @overload
    def __call__(self, event: Literal["chat:read"]) -> Decorator[events.ChatRead]: ...
    @overload
    def __call__(
        self, event: Literal["chat:read"], handler: Handler[events.ChatRead]
    ) -> Handler[events.ChatRead]: ...
    @overload
    def __call__(self, event: Literal["file:created"]) -> Decorator[events.FileCreated]: ...
    @overload
    def __call__(
        self, event: Literal["file:created"], handler: Handler[events.FileCreated]
    ) -> Handler[events.FileCreated]: ...
    @overload
    def __call__(self, event: Literal["file:updated"]) -> Decorator[events.FileUpdated]: ...
    @overload
    def __call__(
        self, event: Literal["file:updated"], handler: Handler[events.FileUpdated]
    ) -> Handler[events.FileUpdated]: ...
    @overload
    def __call__(self, event: Literal["file:deleted"]) -> Decorator[events.FileDeleted]: ...
    @overload
    def __call__(
        self, event: Literal["file:deleted"], handler: Handler[events.FileDeleted]
    ) -> Handler[events.FileDeleted]: ...
    @overload
    def __call__(self, event: Literal["file:moved"]) -> Decorator[events.FileMoved]: ...
    @overload
    def __call__(
        self, event: Literal["file:moved"], handler: Handler[events.FileMoved]
    ) -> Handler[events.FileMoved]: ...
    @overload
    def __call__(self, event: Literal["file:edited"]) -> Decorator[events.FileEdited]: ...
    @overload
    def __call__(
        self, event: Literal["file:edited"], handler: Handler[events.FileEdited]
    ) -> Handler[events.FileEdited]: ...
    @overload
    def __call__(self, event: Literal["file:locked"]) -> Decorator[events.FileLocked]: ...
    @overload
    def __call__(
        self, event: Literal["file:locked"], handler: Handler[events.FileLocked]
    ) -> Handler[events.FileLocked]: ...
    @overload
    def __call__(self, event: Literal["file:unlocked"]) -> Decorator[events.FileUnlocked]: ...
    @overload
    def __call__(
        self, event: Literal["file:unlocked"], handler: Handler[events.FileUnlocked]
    ) -> Handler[events.FileUnlocked]: ...
    @overload
    def __call__(self, event: Literal["lock:asked"]) -> Decorator[events.LockAsked]: ...
    @overload
    def __call__(
        self, event: Literal["lock:asked"], handler: Handler[events.LockAsked]
    ) -> Handler[events.LockAsked]: ...
    @overload
    def __call__(self, event: Literal["lock:answered"]) -> Decorator[events.LockAnswered]: ...
    @overload
    def __call__(
        self, event: Literal["lock:answered"], handler: Handler[events.LockAnswered]
    ) -> Handler[events.LockAnswered]: ...
    @overload
    def __call__(self, event: Literal["version:created"]) -> Decorator[events.VersionCreated]: ...
    @overload
    def __call__(
        self, event: Literal["version:created"], handler: Handler[events.VersionCreated]
    ) -> Handler[events.VersionCreated]: ...
    @overload
    def __call__(self, event: Literal["version:restored"]) -> Decorator[events.VersionRestored]: ...
    @overload
    def __call__(
        self, event: Literal["version:restored"], handler: Handler[events.VersionRestored]
    ) -> Handler[events.VersionRestored]: ...
    @overload
    def __call__(self, event: Literal["version:deleted"]) -> Decorator[events.VersionDeleted]: ...
    @overload
    def __call__(
        self, event: Literal["version:deleted"], handler: Handler[events.VersionDeleted]
    ) -> Handler[events.VersionDeleted]: ...
    @overload
    def __call__(self, event: Literal["ai:message"]) -> Decorator[events.AiMessage]: ...
    @overload
    def __call__(
        self, event: Literal["ai:message"], handler: Handler[events.AiMessage]
    ) -> Handler[events.AiMessage]: ...
    @overload
    def __call__(self, event: Literal["ai:processing"]) -> Decorator[events.AiProcessing]: ...
    @overload
    def __call__(
        self, event: Literal["ai:processing"], handler: Handler[events.AiProcessing]
    ) -> Handler[events.AiProcessing]: ...
    @overload
    def __call__(self, event: Literal["ai:response"]) -> Decorator[events.AiResponded]: ...
    @overload
    def __call__(
        self, event: Literal["ai:response"], handler: Handler[events.AiResponded]
    ) -> Handler[events.AiResponded]: ...
    @overload
    def __call__(self, event: Literal["ai:proposed"]) -> Decorator[events.AiProposed]: ...
    @overload
    def __call__(
        self, event: Literal["ai:proposed"], handler: Handler[events.AiProposed]
    ) -> Handler[events.AiProposed]: ...
    @overload
    def __call__(self, event: Literal["ai:applied"]) -> Decorator[events.AiApplied]: ...
    @overload
    def __call__(
        self, event: Literal["ai:applied"], handler: Handler[events.AiApplied]
    ) -> Handler[events.AiApplied]: ...
    @overload
    def __call__(self, event: Literal["code:started"]) -> Decorator[events.CodeStarted]: ...
    @overload
    def __call__(
        self, event: Literal["code:started"], handler: Handler[events.CodeStarted]
    ) -> Handler[events.CodeStarted]: ...
    @overload
    def __call__(self, event: Literal["code:chunk"]) -> Decorator[events.CodeChunk]: ...
    @overload
    def __call__(
        self, event: Literal["code:chunk"], handler: Handler[events.CodeChunk]
    ) -> Handler[events.CodeChunk]: ...
    @overload
    def __call__(self, event: Literal["code:completed"]) -> Decorator[events.CodeCompleted]: ...
    @overload
    def __call__(
        self, event: Literal["code:completed"], handler: Handler[events.CodeCompleted]
    ) -> Handler[events.CodeCompleted]: ...
    @overload
    def __call__(self, event: Literal["code:error"]) -> Decorator[events.CodeFailed]: ...
    @overload
    def __call__(
        self, event: Literal["code:error"], handler: Handler[events.CodeFailed]
    ) -> Handler[events.CodeFailed]: ...
    @overload
    def __call__(
        self, event: Literal["connect"]
    ) -> Callable[[Callable[[], Returned]], Callable[[], Returned]]: ...
    @overload
    def __call__(
        self, event: Literal["connect"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["disconnect"]) -> PlainDecorator[str]: ...
    @overload
    def __call__(
        self, event: Literal["disconnect"], handler: Callable[[str], object] | Callable[[], object]
    ) -> Callable[[str], object] | Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["connect_error"]) -> PlainDecorator[Exception]: ...
    @overload
    def __call__(
        self,
        event: Literal["connect_error"],
        handler: Callable[[Exception], object] | Callable[[], object],
    ) -> Callable[[Exception], object] | Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["reconnect"]) -> PlainDecorator[int]: ...
    @overload
    def __call__(
        self, event: Literal["reconnect"], handler: Callable[[int], object] | Callable[[], object]
    ) -> Callable[[int], object] | Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["reconnect_attempt"]) -> PlainDecorator[int]: ...
    @overload
    def __call__(
        self,
        event: Literal["reconnect_attempt"],
        handler: Callable[[int], object] | Callable[[], object],
    ) -> Callable[[int], object] | Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["reconnect_error"]) -> PlainDecorator[Exception]: ...
    @overload
    def __call__(
        self,
        event: Literal["reconnect_error"],
        handler: Callable[[Exception], object] | Callable[[], object],
    ) -> Callable[[Exception], object] | Callable[[], object]: ...
    @overload
    def __call__(
        self, event: Literal["reconnect_failed"]
    ) -> Callable[[Callable[[], Returned]], Callable[[], Returned]]: ...
    @overload
    def __call__(
        self, event: Literal["reconnect_failed"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def __call__(self, event: Literal["rate_limited"]) -> PlainDecorator[RateLimited]: ...
    @overload
    def __call__(
        self,
        event: Literal["rate_limited"],
        handler: Callable[[RateLimited], object] | Callable[[], object],
    ) -> Callable[[RateLimited], object] | Callable[[], object]: ...
    @overload
    def __call__(self, event: AnyEvent) -> Any: ...
    @overload
    def __call__(self, event: AnyEvent, handler: Callable[..., object]) -> Any: ...
