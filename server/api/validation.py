"""Check what a client sent against its type, and say what is wrong in the client's terms.

`msgspec` finds the first fault and its path. The words are made here, because those of `msgspec`
name Python's types and quote regular expressions. A value is described without its content, which
may be long or a secret.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from server.api.errors import Code, EventError

_AT = " - at `"
_LONGEST_PATH = 1_000
_MISSING = "Object missing required field `"
UNFIT_FIELD = "Object with an unfit field `"
"""What a `__post_init__` says before the name of a field, and a backtick, to refuse that field."""
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def read(kind: Any, value: Any, at: str = "$") -> Any:
    """Return the value, which is `at` this path of the payload, as an instance of `kind`.

    Raises:
        EventError: it is not one (`VALIDATION_ERROR`); `details.path` leads to the first fault.
    """
    try:
        # Bytes travel as attachments. A string is refused, though it might be base64.
        return msgspec.convert(value, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        fault, path = _split(str(error))
        if fault.startswith(_MISSING):
            path = f"{path}.{fault.removeprefix(_MISSING)[:-1]}"
            text = f"is missing, expected {expected(kind, path)}"
        else:
            if fault.startswith(UNFIT_FIELD):
                path = f"{path}.{fault.removeprefix(UNFIT_FIELD)[:-1]}"
            text = f"is {describe(_value_at(value, path))}, expected {expected(kind, path)}"
        raise invalid(at + path.removeprefix("$"), text) from None
    except UnicodeEncodeError:
        # JSON can write what UTF-8 cannot hold; msgspec finds it without a path.
        got = describe(value)
        text = f"is {got} with half of a surrogate pair, expected {expected(kind, '$')}"
        raise invalid(at, text) from None


def invalid(path: str, fault: str) -> EventError:
    """Return the error for a fault of the value at `path`."""
    return EventError(Code.VALIDATION_ERROR, f"{path} {fault}", {"path": path})


def position(after: str | None) -> int:
    """Return the number after which a list goes on, 0 for its beginning.

    Raises:
        EventError: `after` is no `next` of such a list (`VALIDATION_ERROR`).
    """
    if not after:
        return 0
    if not (after.isascii() and after.isdigit()) or len(after) > 16:
        raise invalid("$.after", "is none that this list has given, expected the `next` of a page")
    return int(after)


def expected(kind: Any, path: str) -> str:
    """Say in words what `kind` accepts at `path`."""
    found = inspect.type_info(kind)
    for name, _ in _STEP.findall(path):
        found = _inside(found, name)
    return words(found)


def words(kind: inspect.Type) -> str:
    """Return a type in words."""
    match kind:
        case inspect.Metadata():
            schema = kind.extra_json_schema or {}
            return str(schema.get("description") or words(kind.type))
        case inspect.UnionType():
            return " or ".join(
                words(one) for one in kind.types if not isinstance(one, inspect.NoneType)
            )
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in kind.values)
        case inspect.StructType() | inspect.DictType():
            return "an object"
        case inspect.ListType():
            most = "" if kind.max_length is None else f" of at most {kind.max_length} items"
            return f"an array{most}"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return "a number"
        case inspect.EnumType():
            return " or ".join(f'"{one.value}"' for one in kind.cls)
        case inspect.StrType():
            return "a string"
        case inspect.BytesType():
            return "binary data"
        case _:
            return "any value"


def describe(value: Any) -> str:
    """Describe a value in JavaScript's terms, without its content."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"a string of {len(value)} characters"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "binary data"


def _split(error: str) -> tuple[str, str]:
    """Return what msgspec finds wrong, shortened, and the path at which. The error may quote
    megabytes of a value, so only its ends are looked at.
    """
    _, found, path = error[-_LONGEST_PATH:].rpartition(_AT)
    return error[:_LONGEST_PATH].partition(_AT)[0], path[:-1] if found else "$"


def _inside(kind: inspect.Type, name: str) -> inspect.Type:
    """Return the type of a field, or of an array's items if there is no name."""
    match kind:
        case inspect.Metadata():
            return _inside(kind.type, name)
        case inspect.UnionType():
            return _inside(
                next(one for one in kind.types if not isinstance(one, inspect.NoneType)), name
            )
        case inspect.StructType():
            return next(field.type for field in kind.fields if field.encode_name == name)
        case inspect.ListType():
            return kind.item_type
        case _:
            return inspect.AnyType()


def _value_at(value: Any, path: str) -> Any:
    for name, index in _STEP.findall(path):
        value = value[name] if name else value[int(index)]
    return value
