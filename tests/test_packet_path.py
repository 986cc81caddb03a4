"""docs/packet.md: each link leads to the function that it names and describes, and the ways are the
code's.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "packet.md"
RENEW = "run `.venv/bin/python scripts/packet_path.py --write` and read what has changed"

LINK = re.compile(
    r"^\d+\. \[([\w/.]+)\]\(\.\./([\w/.]+)#L(\d+)\) `([\w.<>]+)`(?: \(\d+ times\))?(?:: (.+))?$",
    re.MULTILINE,
)
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)

# The most calls and changes of file that a packet may take.
MOST = {
    "WebSocket handshake and open packet": (53, 29),
    "CONNECT": (48, 30),
    "Event with acknowledgement, `def` handler, WebSocket": (16, 13),
    "Event with acknowledgement, `async def` handler, WebSocket": (23, 14),
    "Broadcast to a room": (32, 21),
    "POST of an event": (58, 40),
}


def functions(node: ast.AST, name: str = "") -> Iterator[tuple[str, int, str]]:
    """Yield the name and the first line of each function, as their code has them, and the first
    sentence of its docstring without its end.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min((child, *child.decorator_list), key=lambda one: one.lineno)
            text = " ".join((ast.get_docstring(child) or "").split())
            yield name + child.name, first.lineno, text.partition(". ")[0].rstrip(".")
            yield from functions(child, f"{name}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{name}{child.name}.")
        else:
            yield from functions(child, name)


def wrong_links(page: str) -> list[str]:
    """Return the links that do not lead to the function that they name, with the first sentence of
    its docstring.
    """
    known = {
        (path.relative_to(ROOT).as_posix(), line, name): sentence
        for package in ("engineio_min", "socketio_min")
        for path in (ROOT / package).rglob("*.py")
        for name, line, sentence in functions(ast.parse(path.read_text(encoding="utf-8")))
    }
    wrong = []
    for found in LINK.finditer(page):
        file, target, line, name, told = found.groups(default="")
        if file != target or known.get((target, int(line), name)) != told.rstrip("."):
            wrong.append(found[0])
    return wrong


def test_each_link_leads_to_its_function() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(LINK.findall(page)) > 200
    assert wrong_links(page) == [], RENEW
    # A line that has moved is found.
    moved = re.sub(r"#L(\d+)\)", lambda found: f"#L{int(found[1]) + 1})", page, count=1)
    assert len(wrong_links(moved)) == 1
    # So is a sentence that has changed.
    assert len(wrong_links(page.replace("`: Return", "`: Give", 1))) == 1


def test_the_ways_are_those_of_the_running_code() -> None:
    recorded = re.search(r"with Python (3\.\d+)", PAGE.read_text(encoding="utf-8"))
    assert recorded is not None
    if recorded[1] == f"3.{sys.version_info.minor}":
        # Another version may step its coroutines otherwise.
        command = [sys.executable, "scripts/packet_path.py", "--check"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stderr}{RENEW}"


@pytest.mark.parametrize("packet", MOST)
def test_no_way_becomes_longer(packet: str) -> None:
    rows = {
        name: (int(calls), int(changes))
        for name, calls, _files, changes in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }
    calls, changes = rows[packet]
    assert calls <= MOST[packet][0]
    assert changes <= MOST[packet][1]
