"""What a Python file imports, read from its text: for the tests that hold the layers."""

from __future__ import annotations

import ast
import gc
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=512)
def syntax_tree(source: str) -> ast.Module:
    """Parse a file's text.

    The garbage of earlier tests is left alone meanwhile: its finalizers may log a traceback, for
    which Python 3.11 parses lines itself. Parsing within parsing is a SystemError before 3.11.8.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if collecting:
            gc.enable()


def imported_modules(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Yield each import in a file as (line, dotted name); `from a import b` gives `a.b`."""
    yield from _imported(path.read_text(encoding="utf-8"), path.relative_to(root).parent.parts)


@lru_cache(maxsize=1024)
def _imported(source: str, package: tuple[str, ...]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in _statements(syntax_tree(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = (*above, node.module) if node.module else above
            found += [(node.lineno, ".".join((*base, alias.name))) for alias in node.names]
    return found


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements, and not what they are made of, which is twenty times as much."""
    ahead: deque[ast.AST] = deque(tree.body)
    while ahead:
        node = ahead.popleft()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            ahead.extend(getattr(node, part, ()))


def file_of(module: str, root: Path) -> Path | None:
    """Return the project's file that a dotted name lies in, None for another distribution's."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        place = root.joinpath(*parts[:length])
        for file in (place.with_name(place.name + ".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None
