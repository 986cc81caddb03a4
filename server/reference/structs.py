"""The fields of the server's types, and the types that these are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import inspect


def fields_of(kind: type) -> tuple[inspect.Field, ...]:
    """Return the fields of a type, in their order."""
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found.fields


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
