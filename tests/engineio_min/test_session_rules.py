"""A session keeps its own rules: nobody else writes its attributes.

Invariant: an assignment to an attribute of something named session, or of an attribute of that
name, stands in no file of engineio_min and socketio_min. The sessions write to `self`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imports import syntax_tree

ROOT = Path(__file__).resolve().parent.parent.parent


def written_session_attributes(source: str) -> Iterator[str]:
    """Yield each assignment to, and deletion of, an attribute of a session."""
    for node in ast.walk(syntax_tree(source)):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.lstrip("_") == "session":
                yield ast.unparse(node)


def test_nobody_else_writes_the_attributes_of_a_session() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): written
        for package in ("engineio_min", "socketio_min")
        for path in (ROOT / package).rglob("*.py")
        if (written := list(written_session_attributes(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("connection.session.waiting = True", ["connection.session.waiting"]),
        ("self.paused = self.session.unheard = True", ["self.session.unheard"]),
        ("session.phase: str = 'closed'", ["session.phase"]),
        ("session.deadline += 1", ["session.deadline"]),
        ("first, session.sid = 'a', 'b'", ["session.sid"]),
        ("del self._session.events", ["self._session.events"]),
        ("for session.now in range(3): pass", ["session.now"]),
        ("self.session = session", []),
        ("now = session.deadline", []),
        ("session.block(now)", []),
    ],
)
def test_a_planted_assignment_is_found(planted: str, found: list[str]) -> None:
    assert list(written_session_attributes(planted)) == found
