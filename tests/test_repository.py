"""Promises that the repository makes about its files.

Invariants:
- Every Python package of this project is marked as typed.
- No file names a package registry or a home directory, and no lock file says where a package was
  downloaded: the checkout works wherever it lies and whatever mirror is configured.
- The README asks for the same versions as pyproject.toml, and the packages tell its own.
- A file of code has at most 400 lines, one of tests 500. Those that are longer are named with the
  reason; the list may only shrink.
- tests/conftest.py fails an asynchronous test that leaves work behind.
- tests/conftest.py lets the slow files begin, and each of them is there. So is what `--quick` runs
  and leaves out.

Every check is shown to find a fault that was planted for it.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest

import engineio_min
import socketio_min

ROOT = Path(__file__).resolve().parent.parent

# Spelt in halves, so that this file passes its own check.
REGISTRIES = ("registry." + "npmjs", "pypi." + "org", "files.python" + "hosted")
HOMES = ("ro" + "ot", "ho" + "me", "wo" + "rk")
FORBIDDEN = re.compile(
    "|".join(map(re.escape, REGISTRIES))
    # An absolute path begins here; `a/b`, `../b`, `~/b`, `$x/b` and a host's path do not.
    + r"|(?<![\w.)}*~-])/(?:"
    + "|".join(HOMES)
    + ")/"
)
# Lines of a file at most: what is longer has more than one idea. Tests are read one at a time.
MOST_LINES = 400
MOST_LINES_OF_TESTS = 500
CODE = (".css", ".html", ".js", ".mjs", ".py", ".ts")
# Made by `server.reference` from the table of events.
GENERATED = {
    "sdk/javascript/events.d.ts",
    "sdk/python/ai_coding_assistant/events.py",
    "sdk/python/ai_coding_assistant/signatures.py",
}
# Files that are longer, and how long they may be.
LONG = {
    # One state machine: a part of it in another file would write the fields of the rest.
    "engineio_min/protocol/session.py": 540,
}
LOCK_FILES = ("package-lock.json", "npm-shrinkwrap.json", ".package-lock.json")


def repository_files(root: Path, scratch: Path) -> list[Path]:
    """The files that git tracks or would offer to add; works on an unpacked archive too."""
    git = ["git", "-c", "safe.directory=*", "-C", str(root)]
    if not (root / ".git").exists():
        repository = scratch / "repository.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
        git += [f"--git-dir={repository}", f"--work-tree={root}"]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (root / name for name in listing.split("\0") if name)
    # A file deleted but not yet committed is still listed.
    return [path for path in paths if path.is_file()]


def forbidden_addresses(files: Iterable[Path]) -> Iterator[str]:
    for path in files:
        # Latin-1 reads any file, binary ones too, and keeps ASCII as it is.
        text = path.read_text(encoding="latin-1")
        for number, line in enumerate(text.split("\n"), start=1):
            for match in FORBIDDEN.finditer(line):
                yield f"{path.name}:{number} contains {match[0]}"


def resolved_addresses(value: Any) -> Iterator[str]:
    """The download addresses in a parsed lock file; a link to a folder is no address."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "resolved" and isinstance(item, str) and "://" in item:
                yield item
            else:
                yield from resolved_addresses(item)
    elif isinstance(value, list):
        for item in value:
            yield from resolved_addresses(item)


def untyped_packages(root: Path) -> list[str]:
    folders = [path.parent for path in (*root.glob("*/__init__.py"), *root.glob("sdk/python/*/*"))]
    packages = {folder for folder in folders if (folder / "__init__.py").exists()}
    packages -= {root / "tests"}
    return sorted(folder.name for folder in packages if not (folder / "py.typed").exists())


def long_files(root: Path, files: Iterable[Path]) -> dict[str, int]:
    """Return the files of code that have more lines than they may, with their numbers."""
    found = {}
    for path in files:
        name = path.relative_to(root).as_posix()
        if path.suffix in CODE and name not in GENERATED:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            most = MOST_LINES_OF_TESTS if name.startswith("tests/") else MOST_LINES
            if lines > most:
                found[name] = lines
    return found


def floors(project: dict[str, Any]) -> dict[str, str]:
    """The lowest accepted version of Python and of each dependency, by lower-case name."""
    lowest = {"python": project["requires-python"].removeprefix(">=")}
    for requirement in project["dependencies"] + project["optional-dependencies"]["speed"]:
        found = re.match(r"([\w-]+)>=([\d.]+)", requirement)
        assert found is not None, f"{requirement!r} in pyproject.toml has no lower bound"
        lowest[found[1].lower()] = found[2]
    return lowest


def readme_disagreements(readme: str, lowest: dict[str, str]) -> Iterator[str]:
    """Every minimum version in the README, as `name >= 1.2`, `name 1.2+` or `1.2 or newer`."""
    stated = set()
    for name, floor in lowest.items():
        pattern = (
            rf"\b{re.escape(name)}\W{{0,3}}(?:(?:>=|≥)\s*(?P<bound>\d[\d.]*\d|\d)"
            r"|\s(?P<plain>\d[\d.]*\d|\d)(?:\s?\+|\s(?:or|and)\s(?:newer|later|above|higher)))"
        )
        for match in re.finditer(pattern, readme, re.IGNORECASE):
            stated.add(name)
            version = match["bound"] or match["plain"]
            if version != floor:
                yield f"README.md asks for {name} {version}, pyproject.toml for {floor}"
    if "python" not in stated:
        yield f'README.md does not say "Python {lowest["python"]} or newer"'


def test_every_package_is_marked_as_typed() -> None:
    assert untyped_packages(ROOT) == []
    for name in ("engineio_min", "socketio_min", "conformance", "server"):
        assert (ROOT / name / "py.typed").exists(), f"{name}/py.typed is missing"


def test_a_package_without_the_mark_is_found(tmp_path: Path) -> None:
    for name in ("typed", "untyped", "sdk/python/client"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "typed" / "py.typed").touch()
    assert untyped_packages(tmp_path) == ["client", "untyped"]


def test_a_file_has_one_idea(tmp_path: Path) -> None:
    found = long_files(ROOT, repository_files(ROOT, tmp_path))
    assert found.keys() == LONG.keys()
    assert {name: lines for name, lines in found.items() if lines > LONG[name]} == {}


@pytest.mark.parametrize(
    ("name", "lines", "found"),
    [
        ("server/a.py", 400, {}),
        ("server/a.py", 401, {"server/a.py": 401}),
        ("server/web/a.css", 401, {"server/web/a.css": 401}),
        ("tests/server/a.mjs", 500, {}),
        ("tests/server/a.mjs", 501, {"tests/server/a.mjs": 501}),
        ("docs/a.md", 501, {}),
    ],
)
def test_a_file_that_is_too_long_is_found(
    name: str, lines: int, found: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("line\n" * lines)
    assert long_files(tmp_path, [path]) == found


def test_no_file_names_a_registry_or_a_home_directory(tmp_path: Path) -> None:
    files = repository_files(ROOT, tmp_path)
    assert Path(__file__).resolve() in files
    assert list(forbidden_addresses(files)) == []


@pytest.mark.parametrize(
    "line",
    [f"https://{registry}.example/simple" for registry in REGISTRIES]
    + [f"{before}/{home}/someone" for home in HOMES for before in ("", '"', "cd ", "file://", "=")],
)
def test_a_planted_address_is_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.bin"
    path.write_bytes(b"\xff\x00 first line\n" + line.encode() + b"\n")
    [found] = forbidden_addresses([path])
    assert found.startswith("notes.bin:2 contains ")


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("before", ["docs", "..", "~", "$HOME", "${HOME}", "example.com"])
def test_a_relative_path_is_no_home_directory(before: str, home: str, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text(f"see {before}/{home}/page")
    assert list(forbidden_addresses([path])) == []


def test_listing_leaves_out_what_git_ignores(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "node_modules").mkdir(parents=True)
    (tree / "node_modules" / "index.js").touch()
    (tree / ".gitignore").write_text("node_modules/\n")
    (tree / "kept ü.py").touch()
    names = {path.name for path in repository_files(tree, tmp_path)}
    assert names == {".gitignore", "kept ü.py"}


def test_lock_files_hold_no_address(tmp_path: Path) -> None:
    locks = [path for path in repository_files(ROOT, tmp_path) if path.name in LOCK_FILES]
    found = {
        path.relative_to(ROOT).as_posix(): list(resolved_addresses(json.loads(path.read_text())))
        for path in locks
    }
    assert found == {name: [] for name in found}


def test_an_address_in_a_lock_file_is_found() -> None:
    lock = {
        "packages": {
            "": {"name": "resolved"},
            "node_modules/a": {"resolved": "https://mirror.example/a.tgz"},
            "node_modules/b": {"resolved": "../b", "link": True},
        }
    }
    assert list(resolved_addresses(lock)) == ["https://mirror.example/a.tgz"]


@pytest.mark.parametrize("package", [engineio_min, socketio_min])
def test_a_package_tells_the_version_of_its_distribution(package: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert package.__version__ == project["version"]


def test_readme_and_pyproject_agree_on_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = floors(project)
    assert lowest["python"] == "3.11"
    assert project["dependencies"] == ["websockets>=17", "httptools>=0.6.4", "orjson>=3.11.6"]
    readme = ROOT / "README.md"
    if readme.exists():
        assert list(readme_disagreements(readme.read_text(), lowest)) == []


@pytest.mark.parametrize(
    ("readme", "disagreements"),
    [
        ("Needs Python 3.11 or newer; on Python 3.12 tasks start eagerly.", []),
        ("Python ≥ 3.11, `orjson>=3.11.6`", []),
        ("**Python** 3.11+", []),
        (
            "Python 3.12+",
            ["README.md asks for python 3.12, pyproject.toml for 3.11"],
        ),
        (
            "Python 3.11 or later with `orjson` >= 3.10",
            ["README.md asks for orjson 3.10, pyproject.toml for 3.11.6"],
        ),
        (
            "Runs on Python 3.11.",
            ['README.md does not say "Python 3.11 or newer"'],
        ),
    ],
)
def test_a_wrong_version_in_the_readme_is_found(readme: str, disagreements: list[str]) -> None:
    lowest = {"python": "3.11", "orjson": "3.11.6"}
    assert list(readme_disagreements(readme, lowest)) == disagreements


LEAVING_TESTS = """
import asyncio
import gc

from hypothesis import given, strategies

kept = []


async def fails() -> None:
    raise ValueError("nobody looks")


async def test_forgets_a_task() -> None:
    kept.append(asyncio.create_task(asyncio.Event().wait()))


async def test_never_retrieves() -> None:
    asyncio.create_task(fails())
    await asyncio.sleep(0)


async def test_never_retrieves_what_is_in_a_cycle() -> None:
    cycle = [asyncio.create_task(fails())]
    cycle.append(cycle)
    await asyncio.sleep(0)


async def test_destroys_a_waiting_task() -> None:
    async def waits() -> None:
        future = asyncio.get_running_loop().create_future()
        await future

    asyncio.create_task(waits())
    await asyncio.sleep(0)
    gc.collect()


@given(strategies.just(1))
async def test_forgets_a_task_for_an_example(one: int) -> None:
    kept.append(asyncio.create_task(asyncio.Event().wait()))


async def test_lets_a_callback_fail() -> None:
    asyncio.get_running_loop().call_soon(int, "nobody looks")
    await asyncio.sleep(0)


async def test_cancels_its_task() -> None:
    asyncio.create_task(asyncio.Event().wait()).cancel()


async def test_awaits_its_task() -> None:
    await asyncio.create_task(asyncio.sleep(0))


def test_has_no_loop() -> None:
    pass
"""


def test_the_slow_files_begin(pytestconfig: pytest.Config) -> None:
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    assert conftest is not None
    names = ("test_fuzz.py", "web/test_page.py", "test_docs.py", "server/test_killing.py")
    items = [SimpleNamespace(path=ROOT / "tests" / name) for name in names]
    config = SimpleNamespace(getoption={"quick": False}.get)
    conftest.pytest_collection_modifyitems(config, items)
    order = [item.path.relative_to(ROOT / "tests").as_posix() for item in items]
    assert order == ["web/test_page.py", "server/test_killing.py", "test_fuzz.py", "test_docs.py"]


def test_the_quick_tests_are_those_of_rules_and_bytes(pytestconfig: pytest.Config) -> None:
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    assert conftest is not None
    assert [path for path in (*conftest.QUICK, *conftest.PROGRAMS) if not path.exists()] == []
    names = (
        ("engineio_min/protocol/test_session.py", None),
        ("socketio_min/server/test_server.py", None),
        ("test_layers.py", None),
        ("socketio_min/test_client_servers.py", True),
        ("web/test_page.py", True),
        ("", None),
    )
    for quick in (True, False):
        config = SimpleNamespace(getoption={"quick": quick}.get)
        for name, ignored in names:
            found = conftest.pytest_ignore_collect(ROOT / "tests" / name, config)
            assert found is (ignored if quick else None), name


def test_the_quick_tests_plant_no_faults(pytestconfig: pytest.Config) -> None:
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    assert conftest is not None
    path = ROOT / "tests" / "engineio_min" / "protocol" / "test_session_machine.py"
    asks, searches = (
        SimpleNamespace(path=path, get_closest_marker=marks.get) for marks in ({"planted": 1}, {})
    )
    for quick, kept in ((True, [searches]), (False, [asks, searches])):
        left_out: list[SimpleNamespace] = []
        config = SimpleNamespace(
            getoption={"quick": quick}.get,
            hook=SimpleNamespace(pytest_deselected=lambda items, to=left_out: to.extend(items)),
        )
        items = [asks, searches]
        conftest.pytest_collection_modifyitems(config, items)
        assert items == kept
        assert left_out == ([asks] if quick else [])


def test_work_left_behind_fails_a_test(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "test_leaving.py").write_text(LEAVING_TESTS)
    options = ["-p", "no:cacheprovider", "-o", "testpaths=.", "--color=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(re.findall(r"^ERROR test_leaving\.py::(\w+)", run.stdout, re.MULTILINE)) == {
        "test_forgets_a_task",
        "test_never_retrieves",
        "test_never_retrieves_what_is_in_a_cycle",
        "test_destroys_a_waiting_task",
        "test_forgets_a_task_for_an_example",
        "test_lets_a_callback_fail",
    }, run.stdout
    assert "9 passed, 6 errors" in run.stdout
    assert "  Exception in callback int('nobody looks')" in run.stdout
    assert "  still running: <Task pending" in run.stdout
    assert "  Task exception was never retrieved; future: <Task finished" in run.stdout
    assert "  Task was destroyed but it is pending!; task: <Task pending" in run.stdout


def test_the_library_and_the_conformance_tool_are_apart() -> None:
    """Who installs one of them gets nothing of the other."""
    library = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tool = tomllib.loads((ROOT / "conformance" / "pyproject.toml").read_text())
    wheel = library["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["engineio_min", "socketio_min"]
    assert "scripts" not in library["project"]
    assert tool["project"]["dependencies"] == []
    assert tool["project"]["scripts"] == {"socketio-conformance": "conformance.__main__:main"}
    assert tool["project"]["requires-python"] == library["project"]["requires-python"]


@pytest.mark.parametrize(
    ("project", "packages"),
    [(".", ["engineio_min", "socketio_min"]), ("conformance", ["conformance"])],
)
def test_a_wheel_has_the_files_of_its_packages(
    project: str, packages: list[str], tmp_path: Path
) -> None:
    """Each at its place and without what only a checkout can use."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT / project,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    checkout = repository_files(ROOT, tmp_path)
    files = {path.relative_to(ROOT).as_posix() for path in checkout}
    only_there = ("conformance/js/", "conformance/pyproject.toml", "conformance/README.md")
    assert names == {
        name
        for name in files
        if name.partition("/")[0] in packages and not name.startswith(only_there)
    }
