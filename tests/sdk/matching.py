"""Whether a value is what a type says: a TypedDict has its keys, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from ai_coding_assistant import events
from server.api.all_announcements import ANNOUNCEMENTS
from server.events import EVENTS


class Told:
    """What clients are told: which events they sent were done, which they heard, and what of it
    is not what its type says.
    """

    def __init__(self) -> None:
        self.answered: set[str] = set()
        self.heard: set[str] = set()
        self.faults: list[str] = []

    def answer(self, event: str, answer: dict[str, Any]) -> None:
        """Take what an acknowledgement has beside `ok`."""
        self.answered.add(event)
        result = EVENTS[event].result
        kind = events.Nothing if result is None else getattr(events, result.__name__)
        self.faults += mismatches(answer, kind, event)

    def hear(self, event: str, data: object, envelope: object = None) -> None:
        """Take an event of the server."""
        if event not in ANNOUNCEMENTS:
            return
        self.heard.add(event)
        self.faults += mismatches(envelope, events.Envelope, f"the envelope of {event}")
        kind = getattr(events, ANNOUNCEMENTS[event].__name__, Any)
        self.faults += mismatches(data, kind, event)


def mismatches(value: object, kind: Any, where: str = "$") -> list[str]:
    """Return where a value is another one than the type says, and how."""
    return list(_mismatches(value, kind, where))


def _mismatches(value: object, kind: Any, where: str) -> Iterator[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if is_typeddict(kind):
        yield from _keys(value, kind, where)
    elif origin in (Union, UnionType):
        if all(mismatches(value, one, where) for one in inner):
            yield f"{where} is {value!r}, expected {kind}"
    elif origin is Literal:
        if value not in inner:
            yield f"{where} is {value!r}, expected one of {inner}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{where} is {value!r}, expected a list"
            return
        for number, item in enumerate(value):
            yield from _mismatches(item, inner[0], f"{where}[{number}]")
    elif not _is_of(value, origin or kind or NoneType):
        yield f"{where} is {value!r}, expected {kind}"


def _keys(value: object, kind: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is {value!r}, expected a {kind.__name__}"
        return
    known = get_type_hints(kind)
    yield from (f"{where}.{key} is missing" for key in kind.__required_keys__ - value.keys())
    yield from (f"{where}.{key} is not known" for key in value.keys() - known.keys())
    for key in known.keys() & value.keys():
        yield from _mismatches(value[key], known[key], f"{where}.{key}")


def _is_of(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
