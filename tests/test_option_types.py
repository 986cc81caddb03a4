"""Each option stands in one place: a field with its type, its default, and what it is for."""

from __future__ import annotations

import ast
from itertools import pairwise

import pytest

from scripts.option_types import COPIES, ROOT, classes, main, written

ORIGINALS = [(file, name) for file, (_copy, names) in COPIES.items() for name in names]


def test_the_types_of_keyword_arguments_are_those_of_the_fields() -> None:
    main(["--check"])


@pytest.mark.parametrize(("file", "name"), ORIGINALS)
def test_each_option_says_what_it_is_for(file: str, name: str) -> None:
    body = classes(ast.parse((ROOT / file).read_text(encoding="utf-8")))[name].body
    silent = [
        ast.unparse(node)
        for node, following in pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
    ]
    assert silent == []
    assert sum(isinstance(node, ast.AnnAssign) for node in body) >= 5


def test_what_differs_is_written_anew() -> None:
    source = (
        'class A:\n    x: int = 1\n    """One."""\n    y: str | None = None\n\n\n'
        'class Values(dict, total=False):\n    """Of A."""\n\n    x: float\n\n\nafter = 1\n'
    )
    wanted = source.replace("    x: float\n", "    x: int\n    y: str | None\n")
    assert written(source, "Values", ("A",)) == wanted
    assert written(wanted, "Values", ("A",)) == wanted
