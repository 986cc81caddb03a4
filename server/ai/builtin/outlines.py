"""What a source file defines, and where: for outlines and for finding symbols.

Python is parsed. For other languages one pattern for each line finds definitions that are written
in the usual way. That is worth more than nothing, and needs no parser for each language.
"""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple


class Symbol(NamedTuple):
    """A definition. Lines count from 1. `depth` is in how many other definitions it is."""

    name: str
    kind: str
    line: int
    depth: int


_NAME: Final = r"(?P<name>[A-Za-z_$][\w$]*)"
_SCRIPT: Final = (
    (
        "function",
        re.compile(rf"\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?function\*?\s+{_NAME}"),
    ),
    ("class", re.compile(rf"\s*(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+{_NAME}")),
    (
        "function",
        re.compile(
            rf"\s*(?:export\s+)?(?:const|let|var)\s+{_NAME}\s*(?::[^=]+)?=\s*(?:async\s*)?"
            r"(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|[\w$]+\s*=>)"
        ),
    ),
    ("type", re.compile(rf"\s*(?:export\s+)?(?:interface|type|enum)\s+{_NAME}")),
)
_HEADING: Final = (("heading", re.compile(r"#{1,6}\s+(?P<name>.+)")),)
_GO: Final = (
    ("function", re.compile(rf"func\s+(?:\([^)]*\)\s*)?{_NAME}")),
    ("type", re.compile(rf"type\s+{_NAME}")),
)
_RUST: Final = (
    ("function", re.compile(rf"\s*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+{_NAME}")),
    ("type", re.compile(rf"\s*(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum|trait|type)\s+{_NAME}")),
)
_PATTERNS: Final = {
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx", "vue", "svelte"), _SCRIPT),
    "go": _GO,
    "rs": _RUST,
    "md": _HEADING,
}
_LONGEST_LINE: Final = 500


def outline(path: str, text: str) -> list[Symbol] | None:
    """Return what the file defines, in order; None for a language that is not known here.

    Raises:
        SyntaxError: it is Python, and cannot be parsed.
    """
    suffix = suffix_of(path)
    if suffix == "py":
        return list(_python(parse_python(text), 0))
    patterns = _PATTERNS.get(suffix)
    if patterns is None:
        return None
    symbols = []
    for number, line in enumerate(text.split("\n"), start=1):
        for kind, pattern in patterns if len(line) <= _LONGEST_LINE else ():
            found = pattern.match(line)
            if found is not None:
                symbols.append(Symbol(found["name"].strip(), kind, number, 0))
                break
    return symbols


def suffix_of(path: str) -> str:
    """Return what follows the last dot of a file's name, in lower case."""
    return path.rpartition("/")[2].rpartition(".")[2].lower()


def parse_python(text: str) -> ast.Module:
    """Parse Python.

    Raises:
        SyntaxError: it cannot be parsed.
    """
    try:
        return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"it cannot be parsed: {error}") from None


def _python(node: ast.AST, depth: int) -> list[Symbol]:
    symbols: list[Symbol] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            symbols.append(Symbol(child.name, "class", child.lineno, depth))
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "method" if isinstance(node, ast.ClassDef) else "function"
            symbols.append(Symbol(child.name, kind, child.lineno, depth))
        else:
            continue
        symbols.extend(_python(child, depth + 1))
    return symbols
