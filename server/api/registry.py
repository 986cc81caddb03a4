"""A row of the table of events: what one takes, who may send it, how often, and who handles it."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from server.api.rate_limit import Rate
from server.api.services import Call
from server.api.types import Payload, Record
from server.api.validation import invalid, read


class Access(enum.Enum):
    """Who may send an event. The last three are roles in the project that the payload names."""

    ANYBODY = "anybody"
    USER = "users"
    VIEWER = "viewers of the project"
    EDITOR = "editors of the project"
    OWNER = "owners of the project"


Result = Record | dict[str, Any] | None
Handler = Callable[[Call[Any]], Result | Awaitable[Result]]

EVERYDAY: Final = Rate("everyday", burst=300, per_second=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """A row of the table of events.

    payload: the type of the one argument; no argument and null count as `{}` if it is an object.
    handler: its docstring is the event's description.
    result: the type of what the acknowledgement says beside `ok`.
    failure: the event that reports a failure to a client that asked for no acknowledgement.
    """

    name: str
    payload: Any
    handler: Handler
    result: type[Record] | None = None
    access: Access = Access.USER
    rate: Rate = field(default=EVERYDAY)
    failure: Literal["error", "room:error", "auth:error"] = "error"

    @property
    def about(self) -> str:
        """Return what the event does."""
        return inspect.getdoc(self.handler) or ""

    @property
    def is_object(self) -> bool:
        """Return whether the payload is an object of a declared type, not any value."""
        return isinstance(self.payload, type) and issubclass(self.payload, Payload)

    def read(self, args: Sequence[Any]) -> Any:
        """Return the checked payload.

        Raises:
            EventError: the arguments are not what the event takes (`VALIDATION_ERROR`).
        """
        if len(args) > 1:
            raise invalid("$", f"is {len(args)} arguments, expected one payload")
        value = args[0] if args else None
        if value is None and self.is_object:
            value = {}
        return read(self.payload, value)
