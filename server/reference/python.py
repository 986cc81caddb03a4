"""The types of the Python SDK: what is sent and heard, in `events.py`, and what `call` and `on`
take and return for each event, in `signatures.py`.
"""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import inspect

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.errors import Code
from server.api.records import Role
from server.api.registry import EventSpec
from server.api.types import PagePayload, Payload, Record
from server.events import EVENTS
from server.reference.structs import fields_of, has_any_data, named_types, structs_in

_WIDTH: Final = 100

_EVENTS: Final = '''\
"""What is sent and heard, and what acknowledgements have beside `ok`.

Made from the server's tables by `python -m server.reference`. A type comes after those that it is
made of, so that programs can read what is required (`__required_keys__`).
"""

from typing import Any, Literal, NotRequired, TypedDict
'''

_ENUMS: Final[dict[type[enum.Enum], tuple[str, str]]] = {
    Code: ("ErrorCode", "Why something was refused."),
    Role: ("Role", "What somebody may do in a project."),
}

_SIGNATURES: Final = '''\
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
'''

_CONNECTION: Final = (
    ("connect", ""),
    ("disconnect", "str"),
    ("connect_error", "Exception"),
    ("reconnect", "int"),
    ("reconnect_attempt", "int"),
    ("reconnect_error", "Exception"),
    ("reconnect_failed", ""),
    ("rate_limited", "RateLimited"),
)
"""What happens to a connection, and what its handlers are called with."""


def render_events() -> str:
    """Return the types of payloads, results and data as Python."""
    ordered: dict[str, type] = {}
    for kind in (Payload, *named_types().values()):
        _put(kind, ordered)
    parts = [
        _EVENTS,
        *(_alias(name, about, kind) for kind, (name, about) in _ENUMS.items()),
        '\nclass Nothing(TypedDict):\n    """An acknowledgement that has nothing beside `ok`."""\n',
        *(_typed_dict(name, kind) for name, kind in ordered.items()),
    ]
    return "\n".join(parts)


def render_signatures() -> str:
    """Return what `call` and `on` take and return as Python."""
    parts = [
        _SIGNATURES,
        _protocol(
            "AsyncCall",
            "Sends an event and waits for what its acknowledgement has beside `ok`.",
            (line for spec in EVENTS.values() for line in _call("async def", spec)),
            _any_call("async def"),
        ),
        _protocol(
            "BlockingCall",
            "Does what `AsyncCall` does, and returns when that is done.",
            (line for spec in EVENTS.values() for line in _call("def", spec)),
            _any_call("def"),
        ),
        _protocol(
            "AsyncListAll",
            "Returns all that a list has, page by page.",
            (line for spec in EVENTS.values() for line in _list_all("async def", spec)),
        ),
        _protocol(
            "BlockingListAll",
            "Does what `AsyncListAll` does, and returns when that is done.",
            (line for spec in EVENTS.values() for line in _list_all("def", spec)),
        ),
        _protocol(
            "On",
            "Registers a handler of an event, which is given or decorated.",
            (line for name, data in _heard() for line in _on(name, data)),
            (line for name, taken in _CONNECTION for line in _on_connection(name, taken)),
            _overload("def", ["event: AnyEvent"], "Any"),
            _overload("def", ["event: AnyEvent", "handler: Callable[..., object]"], "Any"),
        ),
    ]
    return "\n".join(parts)


# -- the types


def _alias(name: str, about: str, kind: type[enum.Enum]) -> str:
    values = "".join(f'    "{one.value}",\n' for one in kind)
    return f'{name} = Literal[\n{values}]\n"""{about}"""\n'


def _put(kind: type, ordered: dict[str, type]) -> None:
    """Put a type after those that it is made of."""
    if kind.__name__ not in ordered:
        for field in fields_of(kind):
            for inner in structs_in(field.type):
                _put(inner, ordered)
        ordered[kind.__name__] = kind


def _typed_dict(name: str, kind: type) -> str:
    common = _common_fields(kind)
    base = "Payload" if common else "TypedDict"
    lines = [f"\nclass {name}({base}):", *_docstring(kind.__doc__)]
    fields = [field for field in fields_of(kind) if field.name not in common]
    if fields:
        lines.append("")
    for field in fields:
        # A client may send null for what it leaves out; the server leaves it out.
        annotation = _type(field.type, null=not issubclass(kind, Record))
        lines += _field(field.encode_name, annotation, is_required=field.required)
    return "\n".join(lines) + "\n"


def _common_fields(kind: type) -> set[str]:
    """Return the names of the fields that a payload has of `Payload`; none if one is another."""
    if not issubclass(kind, Payload) or kind is Payload:
        return set()
    common = {field.name: field.required for field in fields_of(Payload)}
    own = {field.name: field.required for field in fields_of(kind)}
    return set(common) if common.items() <= own.items() else set()


def _docstring(text: str | None) -> Iterator[str]:
    told = " ".join((text or "").split())
    raw = "r" if "\\" in told else ""
    if len(told) + len(raw) + 10 <= _WIDTH:
        yield f'    {raw}"""{told}"""'
        return
    indent = " " * 4
    opened = f'{raw}"""{told}'
    yield from textwrap.wrap(opened, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    yield '    """'


def _field(name: str, annotation: str, *, is_required: bool) -> Iterator[str]:
    shown = annotation if is_required else f"NotRequired[{annotation}]"
    line = f"    {name}: {shown}"
    if len(line) <= _WIDTH:
        yield line
        return
    opening, inner = shown.removesuffix("]").split("[", 1)
    yield f"    {name}: {opening}["
    yield f"        {inner}"
    yield "    ]"


def _type(kind: inspect.Type, *, null: bool = False) -> str:
    match kind:
        case inspect.Metadata():
            return _type(kind.type, null=null)
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.UnionType():
            kinds = [one for one in kind.types if null or not isinstance(one, inspect.NoneType)]
            return " | ".join(_type(one) for one in kinds)
        case inspect.LiteralType():
            return _literal(sorted(map(str, kind.values)))
        case inspect.EnumType():
            return _ENUMS[kind.cls][0]
        case inspect.ListType():
            return f"list[{_type(kind.item_type)}]"
        case inspect.DictType():
            return "dict[str, Any]"
        case inspect.NoneType():
            return "None"
        case inspect.BoolType():
            return "bool"
        case inspect.IntType():
            return "int"
        case inspect.FloatType():
            return "float"
        case inspect.StrType():
            return "str"
        case inspect.BytesType():
            return "bytes"
        case _:
            return "Any"


def _literal(values: Iterable[str]) -> str:
    quoted = (f'"{value}"' for value in values)
    return f"Literal[{', '.join(quoted)}]"


# -- the signatures


def _protocol(name: str, about: str, *overloads: Iterable[str]) -> str:
    lines = (line for group in overloads for line in group)
    return "\n".join([f"\nclass {name}(Protocol):", f'    """{about}"""', "", *lines]) + "\n"


def _call(keyword: str, spec: EventSpec) -> Iterator[str]:
    result = "Nothing" if spec.result is None else spec.result.__name__
    parameters = [f'event: Literal["{spec.name}"]', _payload_parameter(spec)]
    return _overload(keyword, parameters, f"events.{result}")


def _payload_parameter(spec: EventSpec) -> str:
    """Return the parameter for the payload, which may be left out if none of its fields must be."""
    is_needed = spec.is_object and any(field.required for field in fields_of(spec.payload))
    return "payload: Payload" if is_needed else "payload: Payload | None = None"


def _any_call(keyword: str) -> Iterator[str]:
    parameters = ["event: AnyEvent", "payload: Payload | None = None"]
    # A type checker cannot tell this name from the others: what it returns must go with all.
    return _overload(keyword, parameters, "Any")


def _list_all(keyword: str, spec: EventSpec) -> Iterator[str]:
    """Yield how an event is listed to its end; nothing if it is no list that has one."""
    if not (isinstance(spec.payload, type) and issubclass(spec.payload, PagePayload)):
        return
    if spec.result is None or spec.name.endswith((":history", ":search")):
        return
    [items] = [one.type for one in fields_of(spec.result) if isinstance(one.type, inspect.ListType)]
    event = f'event: Literal["{spec.name}"]'
    parameters = [event, _payload_parameter(spec), "after: str | None = None"]
    yield from _overload(keyword, parameters, f"list[events.{_type(items.item_type)}]")


def _heard() -> Iterator[tuple[str, str]]:
    """Yield the name of each event that the server sends, and the type of its data."""
    for kind in ANNOUNCEMENTS.values():
        yield kind.event, "Any" if has_any_data(kind) else f"events.{kind.__name__}"


def _on(name: str, data: str) -> Iterator[str]:
    event, handler = f'event: Literal["{name}"]', f"Handler[{data}]"
    yield from _overload("def", [event], f"Decorator[{data}]")
    yield from _overload("def", [event, f"handler: {handler}"], handler)


def _on_connection(name: str, taken: str) -> Iterator[str]:
    event, handler = f'event: Literal["{name}"]', "Callable[[], object]"
    decorator = "Callable[[Callable[[], Returned]], Callable[[], Returned]]"
    if taken:
        handler = f"Callable[[{taken}], object] | {handler}"
        decorator = f"PlainDecorator[{taken}]"
    yield from _overload("def", [event], decorator)
    yield from _overload("def", [event, f"handler: {handler}"], handler)


def _overload(keyword: str, parameters: list[str], result: str) -> Iterator[str]:
    """Yield the lines of one signature, as `ruff format` writes them."""
    taken = ", ".join(["self", *parameters])
    yield "    @overload"
    line = f"    {keyword} __call__({taken}) -> {result}: ..."
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"    {keyword} __call__("
    if len(taken) + 8 <= _WIDTH:
        yield f"        {taken}"
    else:
        yield from (f"        {parameter}," for parameter in ["self", *parameters])
    yield f"    ) -> {result}: ..."
