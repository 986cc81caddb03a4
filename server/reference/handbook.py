"""The event reference for people: `docs/events.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import inspect

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.announcements import Announcement
from server.api.envelope import Envelope
from server.api.errors import Code
from server.api.registry import EventSpec
from server.api.types import Metadata, Payload
from server.api.validation import words
from server.events import EVENTS
from server.reference.structs import fields_of, has_any_data, structs_in

_TITLES: Final = {
    "auth": "Sessions",
    "project": "Projects",
    "invitation": "Invitations",
    "file": "Files and locks",
    "lock": "Asking for a lock",
    "download": "Downloads",
    "history": "The history of a file",
    "bin": "The bin",
    "version": "Versions",
    "ai": "Assistant",
    "code": "Code generation",
    "chat": "People talking",
    "user": "Users",
    "cursor": "Cursors",
    "notification": "Notifications",
    "room": "Rooms",
    "batch": "Batches",
    "test": "Tests of a connection",
    "server": "The server",
    "error": "Errors",
}
_INTRODUCTION: Final = """\
# Events

This page is made from the server's tables by `python -m server.reference`; how the events work
together is in [server.md](server.md). A client sends `socket.emit(name, payload, acknowledge)`; its
handlers hear `(data, envelope)`.

- A payload is one object. All take two more fields: `userId`, which must be the sender's own, and
  `metadata: {correlationId}`, which comes back in every event that the payload causes. Fields that
  are not listed are ignored, null counts as absent, times of clients are not looked at.
- Every acknowledgement is `{ok: true, …}` with what is listed, or
  `{ok: false, error: {code, message, details?}}`. Without one, a failure arrives as the event that
  is named, and nothing on success.
- Codes: CODES.
- `RATE_LIMIT_EXCEEDED` has `details.retryAfter`, in seconds, where waiting is all that it takes:
  too many events, or a server that has too much to do. Without it there is too much of something,
  which the message names.
- A rate is shared by the events that name it, and counted for each user.
- A connection that sends more events than the server's settings allow hears
  `rate_limited {retryAfter}` in milliseconds, without an envelope; what is beyond is dropped.
"""


def render() -> str:
    """Return the reference as Markdown."""
    lines = [_INTRODUCTION.replace("CODES", ", ".join(f"`{code.value}`" for code in Code))]
    shown: dict[str, type] = {}
    for area, title in _TITLES.items():
        lines.append(f"## {title}\n")
        for spec in EVENTS.values():
            if _area(spec.name) == area:
                lines += _sent(spec, shown)
        for kind in ANNOUNCEMENTS.values():
            if _area(kind.event) == area:
                lines += _heard(kind, shown)
    lines.append("## Objects\n")
    _collect(Envelope, shown)
    for name in sorted(shown):
        kind = shown[name]
        lines += [f"### {name}\n", _about(kind) + "\n", *_table(fields_of(kind))]
    return "\n".join(lines).rstrip() + "\n"


def _sent(spec: EventSpec, shown: dict[str, type]) -> Iterator[str]:
    yield f"### `{spec.name}` (sent)\n"
    yield spec.about + "\n"
    rate = spec.rate
    yield (
        f"Sent by {spec.access.value}. Rate `{rate.name}`: {rate.burst} at once, "
        f"{rate.per_second:g} a second. Failure: `{spec.failure}`.\n"
    )
    if not spec.is_object:
        yield "Takes any value.\n"
    else:
        fields = _payload_fields(spec.payload)
        _collect_fields(fields, shown)
        yield from _table(fields)
    if spec.result is not None:
        _collect_fields(fields_of(spec.result), shown)
        yield "Acknowledged with:\n"
        yield from _table(fields_of(spec.result))


def _heard(kind: type[Announcement], shown: dict[str, type]) -> Iterator[str]:
    yield f"### `{kind.event}` (heard)\n"
    yield _about(kind) + "\n"
    yield f"Heard by {kind.heard_by}.\n"
    if not has_any_data(kind):
        _collect_fields(fields_of(kind), shown)
        yield from _table(fields_of(kind))


def _table(fields: Iterable[inspect.Field]) -> Iterator[str]:
    rows = [
        f"| `{field.encode_name}`{'' if field.required else ' ?'} | {_cell(_type(field.type))} |"
        for field in fields
    ]
    if rows:
        yield "\n".join(["| field (? optional) | value |", "|---|---|", *rows]) + "\n"


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            name = kind.cls.__name__
            return f"[{name}](#{name.lower()})"
        case inspect.ListType():
            most = "" if kind.max_length is None else f", at most {kind.max_length}"
            return f"array of {_type(kind.item_type)}{most}"
        case inspect.UnionType():
            return " or ".join(
                _type(one) for one in kind.types if not isinstance(one, inspect.NoneType)
            )
        case _:
            return words(kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _payload_fields(kind: type[Payload]) -> list[inspect.Field]:
    own = kind.declares_user is False or any(
        field.encode_name == "userId" and field.required for field in fields_of(kind)
    )
    common = {"metadata"} if own else {"metadata", "userId"}
    return [field for field in fields_of(kind) if field.encode_name not in common]


def _about(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def _area(event: str) -> str:
    return event.partition(":")[0]


# -- the objects that payloads, data and acknowledgements are made of


def _collect(kind: type, shown: dict[str, type]) -> None:
    if kind is not Metadata and kind.__name__ not in shown:
        shown[kind.__name__] = kind
        _collect_fields(fields_of(kind), shown)


def _collect_fields(fields: Iterable[inspect.Field], shown: dict[str, type]) -> None:
    for field in fields:
        for inner in structs_in(field.type):
            _collect(inner, shown)
