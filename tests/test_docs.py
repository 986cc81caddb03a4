"""Every example in the documents runs, and every piece of code they name is there."""

from __future__ import annotations

import ast
import asyncio
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from socketio_min import Client, Limits, Server, Socket
from socketio_min.client.options import SocketIOClientOptionValues
from socketio_min.server.options import SocketIOOptionValues
from tests.forked import Forks
from tests.listening import free_port, listening
from tests.nginx import nginx

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "conformance/README.md",
    "conformance/js/README.md",
    "tests/README.md",
    *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")),
]


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a document."""
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


PYTHON = [
    pytest.param(code, id=f"{document}-{number}")
    for document in DOCUMENTS
    for number, code in enumerate(blocks(document, "python"))
    # A server is started for those of the SDK: tests/sdk/test_documents.py.
    if "io.run(" not in code and "ai_coding_assistant" not in code
]
NAMES = sorted(
    {
        name
        for document in DOCUMENTS
        for name in re.findall(
            r"`((?:engineio_min|socketio_min|conformance)(?:\.\w+)+)`",
            (ROOT / document).read_text(),
        )
    }
)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with closing(Forks()) as forks:
        yield forks


@pytest.mark.parametrize("code", PYTHON)
def test_an_example_runs(code: str, forks: Forks) -> None:
    assert forks.run(code) == 0


@pytest.mark.parametrize(
    ("code", "status"), [("1 / 0", 1), ("import sys; sys.exit(3)", 3), ("assert __name__", 0)]
)
def test_how_an_example_ends_is_seen(code: str, status: int, forks: Forks) -> None:
    assert forks.run(code) == status


# Where an exercise has dots, one way to solve it.
SOLUTIONS = (
    r"""
    packets = body.decode().split("\x1e")
    return [packet[1:] for packet in packets if packet[0] == "4"]
""",
    r"""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
""",
    r"""
    import re
    found = re.match(r"([0-6])(?:(\d+)-)?(?:(/[^,]*),)?(\d+)?", packet)
    assert found is not None
    kind, attachments, namespace, number = found.groups()
    return int(kind), int(attachments or 0), namespace or "/", None if not number else int(number)
""",
    r"""
    if isinstance(value, list):
        return [restored(one, attachments) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder"):
        return attachments[value["num"]]
    return {name: restored(one, attachments) for name, one in value.items()}
""",
    r"""
    if (state, packet) == ("candidate", "2probe"):
        return "probed", "3probe"
    return "carried by the WebSocket" if (state, packet) == ("probed", "5") else "idle", None
""",
)


@pytest.mark.parametrize(
    ("exercise", "solution"), [*zip(blocks("docs/learning.md", "exercise"), SOLUTIONS, strict=True)]
)
def test_an_exercise_fails_until_it_is_solved(exercise: str, solution: str) -> None:
    with pytest.raises(AssertionError):
        exec(exercise, {})
    exec(exercise.replace("    ...\n", solution), {})


def test_the_rejected_designs_are_those_of_the_code() -> None:
    table = (ROOT / "docs/learning.md").read_text().rpartition("| rejected |")[2]
    told = set(re.findall(r"\(\.\./([^)]*)\)", table))
    assert told == {
        path.relative_to(ROOT).as_posix()
        for package in ("engineio_min", "socketio_min")
        for path in (ROOT / package).rglob("*.py")
        if "Rejected:" in path.read_text()
    }


def test_the_one_test_of_contributing_is_one() -> None:
    (command,) = re.findall(r"^One test: `([^`]*)`", text_of("CONTRIBUTING.md"), re.MULTILINE)
    _python, *arguments = command.split()
    found = subprocess.run(
        [sys.executable, *arguments, "--collect-only", "-q"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search(r"^1/\d+ tests collected", found.stdout, re.MULTILINE), found.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_that_is_a_files_name_leads_to_that_file(document: str) -> None:
    for shown, target in re.findall(r"\[`?([\w./]+\.\w+)`?\]\(([^)#:]+)\)", text_of(document)):
        assert target.endswith(shown.lstrip("./")), f"{document}: {shown} leads to {target}"


@pytest.mark.parametrize("package", ["engineio_min", "socketio_min"])
def test_the_reading_order_of_a_package_names_its_modules(package: str) -> None:
    names = re.findall(r"`([\w.]+)`", importlib.import_module(package).__doc__ or "")
    assert len(names) > 5
    for name in names:
        importlib.import_module(f"{package}.{name}")


def unnamed_modules(folder: Path) -> set[str]:
    """Return the modules and folders in a folder that its `__init__.py` does not name."""
    documented = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    named = set(re.findall(r"`(\w+)`", documented))
    inside = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
    inside |= {path.parent.name for path in folder.glob("*/__init__.py")}
    return inside - named


@pytest.mark.parametrize(
    "folder", [".", "protocol", "server", "client", "cluster", "cluster/redis"]
)
def test_a_folder_says_what_each_of_its_modules_is_for(folder: str) -> None:
    assert unnamed_modules(ROOT / "socketio_min" / folder) == set()


def test_a_module_that_its_folder_does_not_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""Here is `one`."""\n')
    for name in ("one.py", "two.py"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "__init__.py").touch()
    assert unnamed_modules(tmp_path) == {"two", "deep"}


@pytest.mark.parametrize("name", NAMES)
def test_a_named_piece_of_code_exists(name: str) -> None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        break
    for attribute in parts[length:]:
        if attribute not in getattr(found, "__annotations__", {}):
            found = getattr(found, attribute)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_files_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text()):
        linked = path.parent / target if target else path
        assert linked.exists(), f"{document} links to {target}, which is missing"
        if re.fullmatch(r"L\d+", heading) and linked.suffix == ".py":
            lines = linked.read_text().count("\n")
            assert int(heading[1:]) <= lines, f"{document} links to {target}#{heading}"
        elif heading:
            assert heading in headings(linked), f"{document} links to {target}#{heading}"


def headings(path: Path) -> set[str]:
    """The names of a document's headings in links."""
    lines = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}


def test_what_others_call_otherwise_is_there() -> None:
    """The right column of docs/moving.md: what servers, sockets and clients have, and options."""
    table = (ROOT / "docs/moving.md").read_text()
    here = " ".join(re.findall(r"^\| .* \| ([^|]*) \|$", table, re.MULTILINE))
    kinds: dict[str, type] = {"io": Server, "socket": Socket, "client": Client}
    named = re.findall(r"\b(io|socket|client)\.(\w+)", here)
    assert len(named) > 30
    for kind, attribute in named:
        assert hasattr(kinds[kind], attribute) or attribute in Socket.__slots__, attribute
    options = set(re.findall(r"`(\w+)=", here))
    assert len(options) > 5
    assert options <= SocketIOOptionValues.__optional_keys__


@pytest.mark.parametrize(
    ("document", "options"),
    [
        ("docs/embedding.md", [*SocketIOOptionValues.__optional_keys__]),
        ("docs/embedding.md", [*Limits.__slots__]),
        ("docs/client.md", [*SocketIOClientOptionValues.__optional_keys__]),
    ],
)
def test_each_option_is_in_a_table(document: str, options: list[str]) -> None:
    tables = " ".join(re.findall(r"^\|.*$", text_of(document), re.MULTILINE))
    assert len(options) > 10
    assert [name for name in options if not re.search(rf"`(\w+\.)?{name}`", tables)] == []


def test_the_table_of_reasons_has_those_of_the_code() -> None:
    table = (ROOT / "docs/protocol.md").read_text().rpartition("| reason |")[2]
    told = set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE))
    code = {"server shutting down"}
    for module in (
        "engineio_min/protocol/reasons.py",
        "socketio_min/server/connection.py",
        "socketio_min/server/rate_limits.py",
        "socketio_min/server/socket.py",
    ):
        constants = r'^[A-Z_]+ = "([a-z]+(?: [a-z]+)+)"$'
        code |= set(re.findall(constants, (ROOT / module).read_text(), re.MULTILINE))
    assert told == code


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the server of a document runs, of the README if no other is named, as it is but for
    the port.
    """
    port = str(free_port())
    document = getattr(request, "param", "README.md")
    server_code = next(code for code in blocks(document, "python") if "io.run(" in code)
    server = subprocess.Popen(
        [sys.executable, "-c", server_code.replace("3000", port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield port
    finally:
        server.terminate()
        assert server.wait(10) == 0


def test_the_server_and_the_client_of_the_readme_work_together(port: str) -> None:
    (client_code,) = blocks("README.md", "javascript")
    client = subprocess.run(
        ["node", "--input-type=module", "-e", client_code.replace("3000", port)],
        cwd=ROOT / "conformance/js",
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout == "5\n"


def test_the_terminal_client_does_what_its_example_shows(port: str) -> None:
    """The lines of the example, but for the ids; those with a question mark are typed."""
    (example,) = blocks("docs/client.md", "console")
    command, *lines = example.splitlines()
    _, module, *arguments = shlex.split(command.removeprefix("$ python ").replace("3000", port))
    # The server takes a moment to start: the client comes back.
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        input="".join(f"{line}\n" for line in lines if line.startswith("?")),
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    shown = [line for line in run.stdout.splitlines() if not line.startswith("* not connected")]
    expected = [line for line in lines if not line.startswith("?")]
    assert [without_ids(line) for line in shown[: len(expected)]] == list(
        map(without_ids, expected)
    )


@pytest.mark.parametrize("port", ["docs/learning.md"], indirect=True)
def test_the_steps_by_hand_print_what_the_page_shows(port: str, tmp_path: Path) -> None:
    """One shell runs the commands of all blocks; what it prints are the lines between them."""
    lines = "".join(blocks("docs/learning.md", "console")).splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    asyncio.run(listening(int(port)))
    run = subprocess.run(
        ["bash", "-c", "\n".join(commands).replace("3000", port)],
        cwd=tmp_path,
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    shown = [line for line in lines if not line.startswith("$ ")]
    assert len(shown) > 10
    assert without_ids(run.stdout).splitlines() == list(map(without_ids, shown))


async def test_nginx_as_shown_passes_everything_on(tmp_path: Path) -> None:
    """Polling, the upgrade, the origin of a page behind it, and the client's address."""
    io = Server()
    io.on("whose", lambda socket: socket.handshake.headers["x-real-ip"])
    await io.listen(port=0)
    # The other one is for a proxy that changes Host: tests/hostile/test_forwarding.py.
    location, _ = blocks("docs/embedding.md", "nginx")
    location = location.replace("127.0.0.1:3000", f"127.0.0.1:{io.port}")
    upgraded = asyncio.Event()
    try:
        async with asyncio.timeout(30), nginx(tmp_path, location) as port:
            url = f"http://127.0.0.1:{port}"
            client = Client(url, extra_headers={"Origin": url})
            client.on_connection("upgrade", upgraded.set)
            async with client:
                assert await client.call("whose") == "127.0.0.1"
                await upgraded.wait()
                assert await client.call("whose") == "127.0.0.1"
    finally:
        await io.close()


def without_ids(line: str) -> str:
    return re.sub(r'"[\w-]{20}"', '"ID"', line)
