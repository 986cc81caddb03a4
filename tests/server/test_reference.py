"""The documents that are made from the tables of events.

Invariant: what is in the repository is what the tables say, and says all of it.
"""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import msgspec
import pytest

from server.api.all_announcements import ANNOUNCEMENTS
from server.api.envelope import Envelope, envelope
from server.events import EVENTS
from server.reference.__main__ import DOCUMENTS, ROOT

HERE = Path(__file__).parent


@cache
def rendered(name: str) -> str:
    return DOCUMENTS[name]()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_is_what_the_tables_say(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == rendered(name), "run: python -m server.reference"


def test_the_official_parser_accepts_the_asyncapi_document() -> None:
    found = json.loads(
        subprocess.run(
            ["node", "asyncapi.mjs", str(ROOT / "asyncapi.yaml")],
            cwd=HERE,
            check=True,
            capture_output=True,
            timeout=300,
        ).stdout
    )
    assert found["diagnostics"] == []
    assert found["unused"] == []
    expected = [[f"send.{name.replace(':', '.')}", "receive"] for name in EVENTS]
    expected += [[f"hear.{name.replace(':', '.')}", "send"] for name in ANNOUNCEMENTS]
    assert sorted(found["operations"]) == sorted(expected)


def test_the_indentation_of_the_source_is_in_no_document() -> None:
    """Python 3.13 takes it away by itself: the documents would depend on who makes them."""
    for name in DOCUMENTS:
        assert "\\n    " not in rendered(name), name


def test_every_event_has_its_place_in_the_handbook() -> None:
    text = rendered("docs/events.md")
    headings = re.findall(r"^### `(\S+)` \((sent|heard)\)$", text, re.MULTILINE)
    assert sorted(headings) == sorted(
        [(name, "sent") for name in EVENTS] + [(name, "heard") for name in ANNOUNCEMENTS]
    )
    anchors = {found.lower() for found in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= anchors
    for spec in EVENTS.values():
        assert spec.about, f"{spec.name}: its handler has no docstring"


def test_envelopes_are_what_their_type_says() -> None:
    whole = envelope("a", user_id="u", project_id="p", source="client", correlation_id="c")
    for made in (whole, envelope("a")):
        assert msgspec.to_builtins(msgspec.convert(made, Envelope)) == made
