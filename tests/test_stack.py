"""The floors of each package, and the circles of imports that are left, read from the imports.

Invariants:
- Each package is a list of floors, the lowest first. A file imports from its own floor or a lower
  one, also inside a function and behind TYPE_CHECKING.
- Files that import each other in a circle are known by name. The list may only shrink: a circle
  that is new fails, and so does one that is named here and gone.
- A session alone writes its fields: its rules are all in its file.

The files are parsed and not imported. Every rule is shown to find a fault that was planted for it.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.imports import file_of, imported_modules, syntax_tree

ROOT = Path(__file__).resolve().parent.parent

Floors = Sequence[tuple[str, ...]]

# What stands on one floor: files, or folders with all that is in them.
FLOORS: Mapping[str, Floors] = {
    "engineio_min": (
        ("errors.py", "ids.py"),
        ("protocol/",),
        (
            "request.py",
            "timer.py",
            "option_checks.py",
            "cors.py",
            "end_of_turn.py",
            "waiters.py",
        ),
        ("options.py", "forwarding.py", "limits/"),
        ("transports/",),
        ("http/",),
        ("asgi/",),
        ("server/",),
        ("client/",),
        ("runner.py",),
        ("workers/",),
        ("__init__.py",),
    ),
    "socketio_min": (
        ("errors.py",),
        ("protocol/",),
        (
            "failures.py",
            "first_steps.py",
            "foreign_names.py",
            "handler_checks.py",
            "registration.py",
            "tasks.py",
        ),
        ("cluster/",),
        ("server/",),
        ("client/",),
        ("serve.py", "terminal.py"),
        ("__init__.py", "__main__.py"),
    ),
    "server": (
        (
            "documents/authority.py",
            "documents/change_json.py",
            "documents/changes.py",
            "documents/difference.py",
            "documents/line_ends.py",
            "documents/mapping.py",
            "documents/sections.py",
            "documents/utf16.py",
            "fair_queue.py",
            "held_bytes.py",
            "hosts.py",
            "setting_readers.py",
            "background_worker.py",
        ),
        ("api/",),
        ("settings.py", "setting_table.py", "logs.py", "background.py", "store/"),
        # The state that handlers ask, in memory.
        (
            "people/",
            "accounts/failed_logins.py",
            "cluster/membership.py",
            "documents/open_documents.py",
            "live/cluster_presence.py",
            "live/node_messages.py",
            "live/other_nodes.py",
            "live/typing_indicators.py",
            "live/presence_table.py",
            "locks/lock_keeper.py",
            "locks/lock_requests.py",
            "locks/lock_table.py",
            "locks/shared_locks.py",
            "workspace/unwritten.py",
            "projects/upload_table.py",
            "projects/download_tickets.py",
            "projects/untold.py",
        ),
        # What an event is given: it names the state, which knows no event.
        ("api/services.py", "api/registry.py"),
        # The events of a folder whose state is below.
        ("people/notifications.py", "people/chat.py", "people/users.py"),
        ("live/",),
        ("documents/",),
        ("locks/",),
        ("projects/",),
        ("workspace/",),
        ("accounts/", "ai/", "cluster/"),
        ("events/",),
        (
            "departures.py",
            "dispatch.py",
            "draining.py",
            "housekeeping.py",
            "reference/",
        ),
        ("http/", "configured.py", "tuning.py"),
        ("application.py",),
        ("commands.py", "workers.py"),
        ("__init__.py", "__main__.py"),
    ),
}

# Through which of its files socketio_min uses engineio_min, besides what `engineio_min` names
# itself. The list may only shrink: whoever changes another file need not think of socketio_min.
DOORS = {
    # What users give and are told.
    "errors.py",
    "options.py",
    "client/options.py",
    "option_checks.py",
    # What packets are and weigh, and why sessions end.
    "protocol/backlog.py",
    "protocol/packets.py",
    "protocol/reasons.py",
    "protocol/deadlines.py",
    # What serves, and when.
    "asgi/__init__.py",
    "http/dates.py",
    "ids.py",
    "runner.py",
    "server/__init__.py",
    "timer.py",
    "client/address.py",
    "client/client.py",
    "limits/pulse.py",
    "limits/quotas.py",
    "limits/rate_limit.py",
    "workers/number.py",
    "workers/place.py",
    "workers/supervisor.py",
    "workers/worker.py",
}

CIRCLES: Mapping[str, list[set[str]]] = {
    "engineio_min": [],
    # What an application sees: a socket's namespace and a namespace's sockets, the sockets that a
    # selection fetches, and those that handlers are called with.
    "socketio_min": [
        {
            "server/namespace.py",
            "server/operators.py",
            "server/registration.py",
            "server/socket.py",
        },
    ],
    "server": [],
    "conformance": [],
    "ai_coding_assistant": [],
}
# Where a package is, if not at the root of the repository.
PLACES = {"ai_coding_assistant": ROOT / "sdk" / "python"}


def imports_of(path: Path, root: Path, package: str) -> Iterator[Path]:
    """Yield each file of `package` that `path` imports."""
    for _line, module in imported_modules(path, root):
        file = file_of(module, root) if module.split(".")[0] == package else None
        if file is not None and file != path:
            yield file


def import_graph(package: str, root: Path) -> dict[str, set[str]]:
    """Return what each file of a package imports of it, by their paths inside the package."""
    folder = root / package
    return {
        path.relative_to(folder).as_posix(): {
            file.relative_to(folder).as_posix() for file in imports_of(path, root, package)
        }
        for path in sorted(folder.rglob("*.py"))
    }


def floor_of(name: str, floors: Floors) -> int | None:
    """Return the floor of a file: its own if it is named, or its folder's; None without one."""
    for wanted in (name, name.split("/")[0] + "/"):
        for number, places in enumerate(floors):
            if wanted in places:
                return number
    return None


def upward_imports(package: str, floors: Floors, root: Path) -> list[str]:
    found = []
    for name, imported in import_graph(package, root).items():
        own = floor_of(name, floors)
        if own is None:
            found.append(f"{package}/{name} stands on no floor")
            continue
        for other in sorted(imported):
            floor = floor_of(other, floors)
            if floor is not None and floor > own:
                found.append(f"{package}/{name} imports {package}/{other}")
    return found


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the sets of files that reach each other, of two and more."""
    reach = {name: set(imported) for name, imported in graph.items()}
    changed = True
    while changed:
        changed = False
        for ahead in reach.values():
            further = set().union(*(reach.get(name, set()) for name in ahead)) - ahead
            if further:
                ahead |= further
                changed = True
    found: list[set[str]] = []
    for name in sorted(graph):
        circle = {other for other in reach[name] if name in reach.get(other, set())}
        if circle and circle not in found:
            found.append(circle)
    return found


@pytest.mark.parametrize("package", FLOORS)
def test_imports_go_down(package: str) -> None:
    assert upward_imports(package, FLOORS[package], ROOT) == []


def doors_used(package: str, other: str, root: Path) -> set[str]:
    """Return the files of `other` that `package` imports, but for its face."""
    paths = (root / package).rglob("*.py")
    used = {file for path in paths for file in imports_of(path, root, other)}
    return {file.relative_to(root / other).as_posix() for file in used} - {"__init__.py"}


def test_socketio_uses_engineio_through_the_doors_that_are_named() -> None:
    assert doors_used("socketio_min", "engineio_min", ROOT) == DOORS


def test_the_sdk_uses_only_what_is_public() -> None:
    # The SDK is a distribution of its own and may meet a later version of socketio_min.
    sdk = "sdk/python/ai_coding_assistant"
    assert doors_used(sdk, "socketio_min", ROOT) == {"handler_checks.py"}
    assert doors_used(sdk, "engineio_min", ROOT) == set()


@pytest.mark.parametrize("package", CIRCLES)
def test_the_circles_are_those_that_are_named(package: str) -> None:
    assert circles(import_graph(package, PLACES.get(package, ROOT))) == CIRCLES[package]


def fields_written(source: str) -> Iterator[str]:
    """Yield each field of something named `session` that a source writes."""
    for node in ast.walk(syntax_tree(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.lstrip("_") == "session":
                yield node.attr


@pytest.mark.parametrize("package", ["engineio_min", "socketio_min"])
def test_nobody_writes_the_fields_of_a_session(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    written = {path.name: [*fields_written(path.read_text(encoding="utf-8"))] for path in paths}
    assert {name: fields for name, fields in written.items() if fields} == {}


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("connection.session.waiting = True", ["waiting"]),
        ("session.phase, other = 1, 2", ["phase"]),
        ("self._session.events += [1]", ["events"]),
        ("self.session = Session()\nif session.waiting:\n    session.unblock()", []),
    ],
)
def test_a_field_that_is_written_is_found(source: str, fields: list[str]) -> None:
    assert list(fields_written(source)) == fields


# One file of a folder stands higher than the others.
SMALL: Floors = (
    ("errors.py",),
    ("protocol/",),
    ("server.py",),
    ("protocol/late.py",),
    ("__init__.py",),
)


@pytest.fixture
def small_package(tmp_path: Path) -> Path:
    """A package that keeps every rule, to plant one fault in."""
    for name, source in {
        "errors.py": "import json\n",
        "protocol/__init__.py": "",
        "protocol/packets.py": "from small.errors import Code\n",
        "protocol/session.py": "from small.protocol.packets import a\nfrom ..errors import A\n",
        "protocol/late.py": "from small.server import Server\n",
        "server.py": "from small.protocol import session\n",
        "__init__.py": "from small.server import Server\n",
    }.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


def test_a_sound_package_has_no_violation(small_package: Path) -> None:
    assert upward_imports("small", SMALL, small_package) == []
    assert circles(import_graph("small", small_package)) == []


@pytest.mark.parametrize(
    ("name", "source", "violation"),
    [
        ("errors.py", "import small.server\n", "small/errors.py imports small/server.py"),
        (
            "protocol/packets.py",
            "def late() -> None:\n    from small.server import Server\n",
            "small/protocol/packets.py imports small/server.py",
        ),
        (
            "protocol/packets.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .. import server\n",
            "small/protocol/packets.py imports small/server.py",
        ),
        (
            "protocol/packets.py",
            "from .. import server\n",
            "small/protocol/packets.py imports small/server.py",
        ),
        (
            "protocol/packets.py",
            "from .late import late\n",
            "small/protocol/packets.py imports small/protocol/late.py",
        ),
        ("late.py", "", "small/late.py stands on no floor"),
    ],
)
def test_a_planted_import_upwards_is_found(
    name: str, source: str, violation: str, small_package: Path
) -> None:
    (small_package / "small" / name).write_text(source)
    assert upward_imports("small", SMALL, small_package) == [violation]


def test_a_planted_circle_is_found(small_package: Path) -> None:
    packets = small_package / "small/protocol/packets.py"
    packets.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import mid\n"
    )
    (small_package / "small/protocol/mid.py").write_text("from .session import Session\n")
    assert circles(import_graph("small", small_package)) == [
        {"protocol/packets.py", "protocol/mid.py", "protocol/session.py"}
    ]


def test_a_planted_back_door_is_found(small_package: Path) -> None:
    above = small_package / "above/server.py"
    above.parent.mkdir()
    above.write_text("import small\nfrom small.errors import Code\n")
    assert doors_used("above", "small", small_package) == {"errors.py"}
    above.write_text("def late() -> None:\n    from small.protocol.session import Session\n")
    assert doors_used("above", "small", small_package) == {"protocol/session.py"}
