"""Each module of both packages has a test file of its own, where the module's path says.

Invariant: the tests of `package/folder/module.py` begin in `tests/package/folder/test_module.py`.
Modules whose tests are in files of other names are listed with the reason. The list may only
shrink: a module that is new fails, and so does one that is listed and has its file. The parts of an
adapter are tested through the adapter, with the same behaviours for each: `cluster/` has no such
rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What only declares, so that there is nothing to run.
DECLARATIONS = {
    "engineio_min/http/host.py",
    "engineio_min/protocol/phases.py",
    "engineio_min/transports/mounted.py",
    "socketio_min/protocol/handshake.py",
    "socketio_min/server/connection_host.py",
}
# What shows only through what is built on it.
TOGETHER = {
    # What our own WebSocket and that of an ASGI host do alike: tested over the wire with both.
    "engineio_min/transports/stream_carrier.py",
    # A process has a life only under its supervisor, in `test_supervisor.py`.
    "engineio_min/workers/process.py",
    # The two halves of the parser, which is one table of bytes and values, in `test_parser.py`.
    "socketio_min/protocol/msgpack/reading.py",
    "socketio_min/protocol/msgpack/writing.py",
}


def modules_without_tests(root: Path) -> Iterator[str]:
    """Yield each module that has no test file of its own."""
    for package in ("engineio_min", "socketio_min"):
        for path in sorted((root / package).rglob("*.py")):
            module = path.relative_to(root)
            own = root / "tests" / module.parent / f"test_{module.name}"
            if not (module.name.startswith("__") or "cluster" in module.parts or own.exists()):
                yield module.as_posix()


def test_each_module_has_tests_of_its_own() -> None:
    assert set(modules_without_tests(ROOT)) == DECLARATIONS | TOGETHER


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ([], ["engineio_min/deep/a.py"]),
        (["tests/engineio_min/test_a.py"], ["engineio_min/deep/a.py"]),
        (["tests/engineio_min/deep/test_a.py"], []),
    ],
)
def test_a_module_without_tests_is_found(
    written: list[str], found: list[str], tmp_path: Path
) -> None:
    for name in ["engineio_min/deep/a.py", "engineio_min/deep/__init__.py", *written]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert list(modules_without_tests(tmp_path)) == found
