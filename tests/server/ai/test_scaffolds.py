"""What the built-in provider makes, and where it puts it.

Invariants:
- Only what is asked for plainly is made, and never in the place of something that is there.
- What is made runs as it is. The pages and components do so in tests/web.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from server.ai.builtin import scaffolds
from tests.programs import output
from tests.server.ai.scaffolding import scaffold
from tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("message", "language", "paths", "path"),
    [
        ("Create a React component for a todo list", "", (), "src/components/TodoList.jsx"),
        ("make a component called UserCard", "", (), "src/components/UserCard.jsx"),
        ("make a component called UserCard", "", ("ui/a.tsx", "ui/b.tsx"), "ui/UserCard.tsx"),
        ("make a component called UserCard", "typescript", ("App.jsx",), "UserCard.tsx"),
        ("write a component for the login form", "", (), "src/components/LoginForm.jsx"),
        ("create a small python script named sort_lines", "", (), "sort_lines.py"),
        ("Generate a module", "python", (), "main.py"),
        ("Generate a module", "javascript", ("a.js",), "main.js"),
        ("Generate a module", "javascript", (), "main.mjs"),
        ("build a web page for the tea shop", "", (), "index.html"),
        ("build a web page", "", ("index.html", "INDEX2.html"), "index3.html"),
        ("write me a style sheet", "", (), "style.css"),
        ("create a css file at site/look.css", "", (), "site/look.css"),
        ("create a JS program called report", "", (), "report.mjs"),
        ("create a Python program called `tools/go.py`", "", (), "tools/go.py"),
    ],
)
def test_where_a_file_goes(message: str, language: str, paths: tuple[str, ...], path: str) -> None:
    assert scaffold(message, language, paths).path == path


@pytest.mark.parametrize(
    "message",
    [
        "Add a docstring to this python function",
        "make the component faster",
        "add a test for the python parser",
        "create tests",
        "write a poem",
        "generate a module",
        "explain a component",
    ],
)
def test_what_is_not_asked_for_plainly_is_not_made(message: str) -> None:
    assert scaffolds.understood(message, None) is None


def test_nothing_that_is_there_is_replaced() -> None:
    request = scaffolds.understood("create a python program in a.py", None)
    assert request is not None
    made = scaffolds.made(request, paths=["A.py"], empty=[], current_file=None, language=None)
    assert made is None
    # But what is there and empty is where one wants it.
    files = ("b.py", "c.py")
    message = "create a python program"
    assert scaffold(message, "", files, empty=["c.py"], current_file="c.py").path == "c.py"
    assert scaffold(message, "", files, empty=["c.py"], current_file="b.py").path == "main.py"


async def run(*command: str) -> str:
    """What a program prints for two words."""
    return await output(*command, "two words", seconds=PATIENCE, environment={})


@pytest.mark.parametrize("name", ["sort_lines", "main", "class", "x2y", "_", "HTTPServer"])
async def test_a_python_program_runs(tmp_path: Path, name: str) -> None:
    made = scaffold(f"create a python program called {name}")
    ast.parse(made.content)
    (tmp_path / made.path).write_text(made.content)
    printed = await run(sys.executable, "-W", "error", str(tmp_path / made.path))
    assert printed == "two words\n"


@pytest.mark.parametrize("name", ["report", "new", "a_b"])
async def test_a_javascript_program_runs(tmp_path: Path, name: str) -> None:
    made = scaffold(f"create a javascript program called {name}")
    (tmp_path / made.path).write_text(made.content)
    assert await run("node", str(tmp_path / made.path)) == "two words\n"
