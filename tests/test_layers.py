"""The arrows between the layers, read from the imports.

Invariants:
- engineio_min imports none of socketio_min, server and conformance; socketio_min imports neither
  server nor conformance.
- Both import, besides each other, only the standard library, websockets, httptools and orjson;
  one file of them may try uvloop.
- The files in a folder named protocol, and those that are listed, are pure: they read no clock,
  open no socket, write no log, draw no random number and start no task, and lean on pure files
  only.
- Only server/store knows which database has its data.
- The conformance cases reach none of the packages, not even through another conformance file: a
  mistake made in both would hide.

The files are parsed and not imported, so an arrow inside a function or behind TYPE_CHECKING
counts as well. Every rule is shown to find a fault that was planted for it.
"""

import ast
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.imports import file_of, imported_modules, syntax_tree

ROOT = Path(__file__).resolve().parent.parent

LIBRARIES = {"websockets", "httptools", "orjson"}
# What an extra installs, for one folder.
EXTRAS = {
    "socketio_min/cluster/redis/": {"hiredis", "msgspec"},
    "socketio_min/protocol/msgpack/": {"msgspec"},
}
PROTOCOL_PACKAGES = {
    "engineio_min": {"engineio_min"},
    "socketio_min": {"socketio_min", "engineio_min"},
}
PACKAGES = {"engineio_min", "socketio_min", "server", "ai_coding_assistant"}

# Everything in a folder named protocol is pure, and so is this.
PURE_FILES = (
    "engineio_min/client/address.py",
    "engineio_min/client/cookies.py",
    "engineio_min/cors.py",
    "engineio_min/errors.py",
    "engineio_min/http/head.py",
    "engineio_min/http/known_heads.py",
    "engineio_min/http/limits.py",
    "engineio_min/limits/account.py",
    "engineio_min/limits/complaints.py",
    "engineio_min/limits/pulse.py",
    "engineio_min/limits/rate_limit.py",
    "engineio_min/option_checks.py",
    "engineio_min/request.py",
    "engineio_min/server/kept_request.py",
    "engineio_min/workers/restarts.py",
    "server/documents/authority.py",
    "server/documents/change_json.py",
    "server/documents/changes.py",
    "server/documents/difference.py",
    "server/documents/line_ends.py",
    "server/documents/mapping.py",
    "server/documents/sections.py",
    "server/documents/utf16.py",
    "server/fair_queue.py",
    "server/held_bytes.py",
    "socketio_min/cluster/recovery_log.py",
    "socketio_min/cluster/recovery_rooms.py",
    "socketio_min/cluster/recovery_sessions.py",
    "socketio_min/cluster/redis/moving_slots.py",
    "socketio_min/cluster/redis/resp.py",
    "socketio_min/cluster/redis/slot_table.py",
    "socketio_min/cluster/redis/slots.py",
    "socketio_min/errors.py",
    "socketio_min/server/byte_meter.py",
    "socketio_min/server/gate.py",
    "socketio_min/server/large_message_queue.py",
)
# Looks for a C function when it is imported, and has nothing but that: the function is pure.
LOADERS = {"engineio_min/protocol/masking.py"}
IMPURE_MODULES = {
    "asyncio",
    "httptools",
    "importlib",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "threading",
    "time",
    "websockets",
}
# The parts of websockets without input or output.
PURE_PARTS = (
    "websockets.exceptions",
    "websockets.extensions",
    "websockets.frames",
    "websockets.protocol",
    "websockets.speedups",
    "websockets.utils",
)


def python_files(package: str, root: Path) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def package_violations(root: Path) -> list[str]:
    found = []
    trying_uvloop = set()
    for package, allowed in PROTOCOL_PACKAGES.items():
        files = python_files(package, root)
        if not files:
            found.append(f"{package}: no Python file to check")
        for path in files:
            name = path.relative_to(root).as_posix()
            for line, module in imported_modules(path, root):
                top = module.split(".")[0]
                if top == "uvloop":
                    trying_uvloop.add(name)
                elif top not in allowed | LIBRARIES | extras(name) | sys.stdlib_module_names:
                    found.append(f"{name}:{line} imports {module}")
    if len(trying_uvloop) > 1:
        found.append(f"uvloop is imported in several files: {sorted(trying_uvloop)}")
    return found


def extras(name: str) -> set[str]:
    """Return the libraries of extras that a file may import."""
    found = [names for folder, names in EXTRAS.items() if name.startswith(folder)]
    return set().union(*found)


def purity_violations(root: Path) -> list[str]:
    found = []
    pure = {*PURE_FILES, *protocol_files(root)} - LOADERS
    for name in sorted(pure):
        path = root / name
        if not path.exists():
            found.append(f"{name} does not exist")
            continue
        for line, module in imported_modules(path, root):
            file = file_of(module, root)
            own = file.relative_to(root).as_posix() if file is not None else None
            impure = module.split(".")[0] in IMPURE_MODULES and not module.startswith(PURE_PARTS)
            if impure or own not in {None, *pure, *LOADERS}:
                found.append(f"{name}:{line} imports {module}")
    return found


def protocol_files(root: Path) -> list[str]:
    """Return the files in the folders of the packages that are named protocol."""
    return [
        path.relative_to(root).as_posix()
        for package in PROTOCOL_PACKAGES
        for path in (root / package / "protocol").rglob("*.py")
    ]


def store_violations(root: Path) -> list[str]:
    """Return where the application sees through its store to the database below."""
    store = root / "server" / "store"
    return [
        f"{path.relative_to(root).as_posix()}:{line} imports {module}"
        for path in python_files("server", root)
        if store not in path.parents
        for line, module in imported_modules(path, root)
        if module.split(".")[0] in {"sqlite3", "psycopg"}
    ]


def case_violations(root: Path) -> list[str]:
    """Follows the cases' imports through conformance; empty while there are no cases."""
    conformance = root / "conformance"
    found = []
    cases = [*conformance.glob("cases*.py"), *conformance.glob("cases*/**/*.py")]
    ahead = [conformance / "connection.py", *cases] if cases else []
    seen = set()
    while ahead:
        path = ahead.pop()
        name = path.relative_to(root).as_posix()
        if name in seen:
            continue
        seen.add(name)
        if not path.exists():
            found.append(f"{name} does not exist")
            continue
        for line, module in imported_modules(path, root):
            if module.split(".")[0] in PACKAGES:
                found.append(f"{name}:{line} imports {module}")
            elif module.split(".")[0] == "conformance":
                ahead.extend(filter(None, [file_of(module, root)]))
    return found


Rule = Callable[[Path], list[str]]
RULES: tuple[Rule, ...] = (
    package_violations,
    purity_violations,
    store_violations,
    case_violations,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.fixture
def sound_tree(tmp_path: Path) -> Path:
    """A small project that keeps every rule, to plant one fault in."""
    sources = dict.fromkeys(PURE_FILES, "import json\n") | {
        "engineio_min/protocol/packets.py": "import json\n",
        "engineio_min/protocol/frames.py": "from websockets.frames import Frame\n",
        "socketio_min/protocol/packets.py": "import json\n",
        "socketio_min/protocol/rooms.py": "import json\n",
        "engineio_min/__init__.py": "from .server import Server\n",
        "engineio_min/server.py": (
            "import asyncio\nimport httptools\nfrom websockets.server import ServerProtocol\n"
            "from . import packets\n\nclass Server: ...\n"
        ),
        "engineio_min/protocol/session.py": "from . import packets\nfrom ..errors import Code\n",
        "socketio_min/__init__.py": "",
        "socketio_min/protocol/peer.py": (
            "import orjson\nfrom socketio_min.protocol.packets import decode\n"
        ),
        "socketio_min/server/server.py": "from engineio_min import Server\n",
        "server/store/database.py": "import sqlite3\n",
        "server/live/typing.py": "from server.store import database\n",
        "conformance/__init__.py": "",
        "conformance/connection.py": "import socket\nimport time\n",
        "conformance/cases/__init__.py": "",
        "conformance/cases/opening.py": "from ..connection import connect\n",
        "conformance/reports.py": "import json\n",
        "conformance/target.py": "import socketio_min\n",
    }
    for name, source in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_tree_has_no_violation(rule: Rule, sound_tree: Path) -> None:
    assert rule(sound_tree) == []


@pytest.mark.parametrize(
    ("rule", "name", "source", "violation"),
    [
        (
            package_violations,
            "engineio_min/server.py",
            "import socketio_min\n",
            "engineio_min/server.py:1 imports socketio_min",
        ),
        (
            package_violations,
            "engineio_min/transports/polling.py",
            "def late() -> None:\n    from server.settings import read\n",
            "engineio_min/transports/polling.py:2 imports server.settings.read",
        ),
        (
            package_violations,
            "socketio_min/server/server.py",
            "import json\nfrom conformance import connection\n",
            "socketio_min/server/server.py:2 imports conformance.connection",
        ),
        (
            package_violations,
            "socketio_min/client/client.py",
            "import aiohttp\n",
            "socketio_min/client/client.py:1 imports aiohttp",
        ),
        (
            package_violations,
            "socketio_min/cluster/memory.py",
            "import hiredis\n",
            "socketio_min/cluster/memory.py:1 imports hiredis",
        ),
        (
            package_violations,
            "socketio_min/deep/down.py",
            "from ... import server\n",
            "socketio_min/deep/down.py:1 imports server",
        ),
        (
            purity_violations,
            "engineio_min/protocol/session.py",
            "import json\nimport asyncio.events as events\n",
            "engineio_min/protocol/session.py:2 imports asyncio.events",
        ),
        (
            purity_violations,
            "engineio_min/protocol/deadlines.py",
            "from time import monotonic\n",
            "engineio_min/protocol/deadlines.py:1 imports time.monotonic",
        ),
        (
            purity_violations,
            "socketio_min/protocol/peer.py",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from ..server import Server\n",
            "socketio_min/protocol/peer.py:3 imports socketio_min.server.Server",
        ),
        (
            purity_violations,
            "socketio_min/protocol/rooms.py",
            "from .. import server\n",
            "socketio_min/protocol/rooms.py:1 imports socketio_min.server",
        ),
        (
            store_violations,
            "server/live/typing.py",
            "def late() -> None:\n    from sqlite3 import Connection\n",
            "server/live/typing.py:2 imports sqlite3.Connection",
        ),
        (
            store_violations,
            "server/live/typing.py",
            "import psycopg\n",
            "server/live/typing.py:1 imports psycopg",
        ),
        (
            case_violations,
            "conformance/connection.py",
            "from engineio_min.protocol.packets import encode\n",
            "conformance/connection.py:1 imports engineio_min.protocol.packets.encode",
        ),
        (
            case_violations,
            "conformance/cases/opening.py",
            "from .. import target\n",
            "conformance/target.py:1 imports socketio_min",
        ),
        (
            case_violations,
            "conformance/cases_late.py",
            "from conformance.target import start\n",
            "conformance/target.py:1 imports socketio_min",
        ),
    ],
)
def test_a_planted_import_is_found(
    rule: Rule, name: str, source: str, violation: str, sound_tree: Path
) -> None:
    path = sound_tree / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    assert violation in rule(sound_tree)


@pytest.mark.parametrize(
    ("rule", "name", "violation"),
    [
        (
            purity_violations,
            "engineio_min/limits/account.py",
            "engineio_min/limits/account.py does not exist",
        ),
        (case_violations, "conformance/connection.py", "conformance/connection.py does not exist"),
    ],
)
def test_a_missing_file_is_a_violation(
    rule: Rule, name: str, violation: str, sound_tree: Path
) -> None:
    (sound_tree / name).unlink()
    assert violation in rule(sound_tree)


def test_a_missing_package_is_a_violation(tmp_path: Path) -> None:
    assert package_violations(tmp_path) == [
        "engineio_min: no Python file to check",
        "socketio_min: no Python file to check",
    ]


def test_uvloop_may_be_tried_in_one_file_only(sound_tree: Path) -> None:
    attempt = "try:\n    import uvloop\nexcept ImportError:\n    uvloop = None\n"
    (sound_tree / "engineio_min/server.py").write_text(attempt)
    assert package_violations(sound_tree) == []
    (sound_tree / "socketio_min/server/server.py").write_text(attempt)
    assert package_violations(sound_tree) == [
        "uvloop is imported in several files: "
        "['engineio_min/server.py', 'socketio_min/server/server.py']"
    ]


def test_garbage_that_parses_disturbs_no_parsing() -> None:
    class Finalized:
        """Parses a line at its end, as Python 3.11 does to print a traceback."""

        def __init__(self) -> None:
            self.circle = self

        def __del__(self) -> None:
            finalized.append(ast.parse("(1)"))

    finalized: list[ast.Module] = []
    source = "(1 + (2))\n" * 10_000
    for _ in range(10):
        Finalized()
    assert len(syntax_tree(source).body) == 10_000
    gc.collect()
    assert len(finalized) == 10
