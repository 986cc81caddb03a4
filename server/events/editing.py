"""What a client may send about files that several people edit, and their locks."""

from __future__ import annotations

from typing import Final

from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import ProjectPagePayload
from server.documents import editing
from server.locks import asking, locking

# Each event notifies somebody.
_ASK: Final = Rate("ask", burst=10, per_second=0.2)
# Each answer may have a megabyte.
_OPEN: Final = Rate("open", burst=60, per_second=2)

EDITING: Final = (
    EventSpec(
        name="file:open",
        payload=editing.FileOpenPayload,
        handler=editing.open_file,
        result=editing.FileOpenResult,
        access=Access.VIEWER,
        rate=_OPEN,
    ),
    EventSpec(
        name="file:edit",
        payload=editing.FileEditPayload,
        handler=editing.edit,
        access=Access.EDITOR,
        rate=editing.EDITS,
    ),
    EventSpec(
        name="file:close",
        payload=editing.FileClosePayload,
        handler=editing.close,
        result=editing.FileCloseResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="file:lock",
        payload=locking.LockPayload,
        handler=locking.lock,
        result=locking.LockResult,
        access=Access.EDITOR,
    ),
    EventSpec(
        name="file:unlock",
        payload=locking.UnlockPayload,
        handler=locking.unlock,
        result=locking.UnlockResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="file:locks",
        payload=ProjectPagePayload,
        handler=locking.list_locks,
        result=locking.LocksResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="lock:ask",
        payload=asking.LockAskPayload,
        handler=asking.ask,
        result=asking.LockAskResult,
        access=Access.EDITOR,
        rate=_ASK,
    ),
    EventSpec(
        name="lock:answer",
        payload=asking.LockAnswerPayload,
        handler=asking.answer,
        result=asking.LockAnswerResult,
        access=Access.EDITOR,
    ),
    EventSpec(
        name="lock:withdraw",
        payload=asking.LockWithdrawPayload,
        handler=asking.withdraw,
        access=Access.VIEWER,
    ),
)
