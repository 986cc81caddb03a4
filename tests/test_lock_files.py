"""The lock files say all that is installed, for everybody, and nothing runs while it is.

Invariants: each dependency of `pyproject.toml` is met by the release that is locked; each release
has hashes; the application's releases are those that the tests have; no Node package runs a script.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "requirements"
ENTRY = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)( ; [^\\]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
)


def locked(text: str) -> dict[str, str]:
    """The releases in a lock file, by the name of the package."""
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    entries = list(ENTRY.finditer(body))
    rest = ENTRY.sub("", body).strip()
    assert not rest, f"no package with hashes: {rest[:200]!r}"
    return {entry["name"]: entry["version"] for entry in entries}


def lock(name: str) -> dict[str, str]:
    return locked((LOCKS / f"{name}.txt").read_text())


def requirements(name: str) -> list[Requirement]:
    lines = (LOCKS / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [*map(Requirement, lines), *requirements("build.in")]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("test", declared("speed", "server", "dev")),
        ("serve", declared("speed", "server")),
        ("fuzz", declared("fuzz")),
        ("model", requirements("model.in")),
        ("peers", requirements("peers.in")),
    ],
)
def test_every_dependency_is_locked(name: str, wanted: list[Requirement]) -> None:
    """After a failure: `make lock`."""
    found = lock(name)
    for one in wanted:
        version = found.get(canonicalize_name(one.name))
        assert version is not None, f"{one} is not in requirements/{name}.txt"
        assert one.specifier.contains(version, prereleases=True), (one, version)


def test_the_application_has_what_was_tested() -> None:
    assert lock("serve").items() <= lock("test").items()


def test_a_release_without_a_hash_is_found() -> None:
    digest = "0" * 64
    assert locked(f"# a\na-b==1.0 ; x < '3' \\\n    --hash=sha256:{digest}\n") == {"a-b": "1.0"}
    with pytest.raises(AssertionError, match="no package with hashes: 'c==2'"):
        locked(f"a==1 \\\n    --hash=sha256:{digest}\nc==2\n")
    with pytest.raises(AssertionError, match="no package with hashes"):
        locked("--index-url https://mirror.example/simple\n")


def test_no_node_package_runs_a_script() -> None:
    folders = [
        path.parent for path in ROOT.rglob("package-lock.json") if "node_modules" not in path.parts
    ]
    assert len(folders) >= 7
    for folder in folders:
        assert "ignore-scripts=true" in (folder / ".npmrc").read_text().splitlines(), folder
