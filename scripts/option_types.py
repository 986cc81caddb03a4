"""Writes the types of options as keyword arguments, from the one place where each option stands.

    python scripts/option_types.py            write them
    python scripts/option_types.py --check    exit code 1 if they are not what it would write

An option is a field of a dataclass: its name, type, default, and what it is for. A type checker
cannot make a TypedDict of a dataclass, and `**options` needs one (PEP 692); so the fields of each
TypedDict below are copied from the dataclasses beside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# By file, the TypedDict and the dataclasses whose fields it has.
COPIES = {
    "engineio_min/options.py": ("ServerOptionValues", ("ServerOptions",)),
    "engineio_min/client/options.py": ("ClientOptionValues", ("ClientOptions",)),
    "socketio_min/server/options.py": ("SocketIOOptionValues", ("SocketIOOptions",)),
    "socketio_min/client/options.py": (
        "SocketIOClientOptionValues",
        ("ReconnectionOptions", "SocketIOClientOptions"),
    ),
}


def classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the classes of a file by their names."""
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def fields(node: ast.ClassDef) -> Iterator[str]:
    """Yield each field of a class as it is declared, without its default."""
    for child in node.body:
        if isinstance(child, ast.AnnAssign):
            yield f"    {ast.unparse(child.target)}: {ast.unparse(child.annotation)}"


def written(source: str, copy: str, originals: tuple[str, ...]) -> str:
    """Return `source` with the fields of the class `copy` those of `originals`."""
    known = classes(ast.parse(source))
    lines = source.splitlines()
    docstring, *_ = known[copy].body
    end = known[copy].end_lineno
    assert docstring.end_lineno is not None
    copied = [line for name in originals for line in fields(known[name])]
    return "\n".join([*lines[: docstring.end_lineno], "", *copied, *lines[end:]]) + "\n"


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--check"]):
        raise SystemExit(f"usage: option_types.py [--check], got {arguments}")
    stale = []
    for name, (copy, originals) in COPIES.items():
        path = ROOT / name
        source = path.read_text(encoding="utf-8")
        wanted = written(source, copy, originals)
        if source != wanted:
            stale.append(name)
            if not arguments:
                path.write_text(wanted, encoding="utf-8")
    if arguments and stale:
        raise SystemExit(
            f"the types of the options are not those of the fields in {', '.join(stale)}: run "
            "`python scripts/option_types.py`"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
