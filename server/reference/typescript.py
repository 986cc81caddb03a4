"""The types of the JavaScript SDK: `sdk/javascript/events.d.ts`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import inspect

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.errors import Code
from server.events import EVENTS
from server.reference.structs import fields_of, has_any_data, named_types

_INTRODUCTION: Final = """\
// Made from the server's tables by `python -m server.reference`: every event, what a client sends
// and hears with it, and the acknowledgement.
"""


def render() -> str:
    """Return the declarations as TypeScript."""
    sent, heard = [], []
    for spec in EVENTS.values():
        payload = spec.payload.__name__ if spec.is_object else "unknown"
        result = "{}" if spec.result is None else spec.result.__name__
        sent += [*_comment(spec.about, "  "), _entry(spec.name, payload, result)]
    for kind in ANNOUNCEMENTS.values():
        data = "unknown" if has_any_data(kind) else kind.__name__
        heard += [*_comment(kind.__doc__, "  "), f'  "{kind.event}": {data};']
    codes = "\n".join(f'  | "{code.value}"' for code in Code)
    parts = [
        _INTRODUCTION,
        f"/** Why something was refused. */\nexport type ErrorCode =\n{codes};\n",
        "/** What a client sends: the payload, and what the acknowledgement has beside `ok`. */",
        "\n".join(["export interface ClientEvents {", *sent, "}"]) + "\n",
        "/** What a client hears; a handler gets the data and an `Envelope`. */",
        "\n".join(["export interface ServerEvents {", *heard, "}"]) + "\n",
        *(_interface(name, kind) for name, kind in named_types().items()),
    ]
    return "\n".join(parts)


def _entry(name: str, payload: str, result: str) -> str:
    return f'  "{name}": {{ payload: {payload}; result: {result} }};'


def _interface(name: str, kind: type) -> str:
    lines = [*_comment(kind.__doc__, ""), f"export interface {name} {{"]
    for field in fields_of(kind):
        optional = "" if field.required else "?"
        lines.append(f"  {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}"]) + "\n"


def _comment(text: str | None, indent: str) -> Iterator[str]:
    # A glob such as `src/**/*.py` would end the comment.
    told = " ".join((text or "").split()).replace("*/", "*\\/")
    yield f"{indent}/** {told} */"


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _type(kind.type)
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.UnionType():
            return " | ".join(
                _type(one) for one in kind.types if not isinstance(one, inspect.NoneType)
            )
        case inspect.LiteralType():
            return " | ".join(f'"{value}"' for value in sorted(map(str, kind.values)))
        case inspect.EnumType():
            return " | ".join(f'"{one.value}"' for one in kind.cls)
        case inspect.ListType():
            return f"Array<{_type(kind.item_type)}>"
        case inspect.DictType():
            return "Record<string, unknown>"
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.StrType():
            return "string"
        case inspect.BytesType():
            # Node.js gives a Buffer, which is one, and browsers give an ArrayBuffer.
            return "Uint8Array | ArrayBuffer"
        case _:
            return "unknown"
