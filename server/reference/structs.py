"""The fields of the server's types, and the types that these are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import inspect

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.announcements import Announcement
from server.api.envelope import Envelope
from server.events import EVENTS


def fields_of(kind: type) -> tuple[inspect.Field, ...]:
    """Return the fields of a type, in their order."""
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found.fields


def has_any_data(kind: type[Announcement]) -> bool:
    """Return whether the data of an event that the server sends may be any value."""
    return "data" in vars(kind)


def named_types() -> dict[str, type]:
    """Return the types of all that clients send and hear, and what these are made of, by name."""
    found: dict[str, type] = {}
    for spec in EVENTS.values():
        if spec.is_object:
            _add(spec.payload, found)
        if spec.result is not None:
            _add(spec.result, found)
    for announcement in ANNOUNCEMENTS.values():
        if not has_any_data(announcement):
            _add(announcement, found)
    _add(Envelope, found)
    return dict(sorted(found.items()))


def _add(kind: type, found: dict[str, type]) -> None:
    if kind.__name__ not in found:
        found[kind.__name__] = kind
        for field in fields_of(kind):
            for inner in structs_in(field.type):
                _add(inner, found)


def structs_in(kind: inspect.Type) -> Iterator[type]:
    """Yield the types with fields that the type of a field names."""
    inner: Iterable[inspect.Type] = ()
    match kind:
        case inspect.StructType():
            yield kind.cls
        case inspect.UnionType():
            inner = kind.types
        case inspect.ListType():
            inner = (kind.item_type,)
        case inspect.Metadata():
            inner = (kind.type,)
    for one in inner:
        yield from structs_in(one)
