"""The commands of docs/operations.md, with a PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.store import counters
from server.store.postgres import Postgres
from server.store.sqlite import Sqlite
from tests.server.postgres_server import program
from tests.server.running import running
from tests.server.wire import http_get
from tests.socketio_min.cluster.redis_server import running_redis

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCKS: list[str] = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.S)


def block(beginning: str) -> str:
    [found] = [one for one in BLOCKS if one.startswith(beginning)]
    return found


def run(script: str, directory: Path, **variables: str) -> tuple[int, str]:
    """Exit code and output of a shell; a server in it is stopped as soon as it listens."""
    interpreter, programs = Path(sys.executable).parent, Path(program("initdb")).parent
    environment = {
        "PATH": f"{interpreter}:{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PORT": "0",
        **variables,
    }
    with subprocess.Popen(
        ["bash", "-e", "-c", script],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Press Ctrl+C" in line:
                os.killpg(process.pid, signal.SIGINT)
        return process.wait(), "".join(lines)


def test_a_server_is_started(postgres: Postgres, tmp_path: Path) -> None:
    script = block("export DATABASE_URL").replace(
        "postgresql://assistant:password@db.example/assistant", f"'{postgres.url}'"
    )
    code, said = run(script, tmp_path)
    assert "Socket.IO server listening on" in said
    assert code in (0, 130, -signal.SIGINT)
    # Nothing is kept elsewhere.
    assert list(tmp_path.iterdir()) == []


def test_workers_are_started(postgres: Postgres, tmp_path: Path) -> None:
    code, said = run(block("python -m server --workers"), tmp_path, DATABASE_URL=postgres.url)
    assert "Socket.IO server listening on" in said
    assert code in (0, 130, -signal.SIGINT)


def test_a_node_is_started(postgres: Postgres, tmp_path: Path) -> None:
    with running_redis() as redis:
        script = block("export REDIS_URL").replace("redis://redis.example:6379", redis.url)
        code, said = run(script, tmp_path, DATABASE_URL=postgres.url)
    assert "Socket.IO server listening on" in said
    assert code in (0, 130, -signal.SIGINT)


async def test_alerts_are_about_what_is_counted(tmp_path: Path) -> None:
    about = (ROOT / "docs/operations.md").read_text()
    about = about.partition("| alert when")[2].partition("\n\n")[0]
    names = re.findall(r"`([a-z_]+_[a-z_]+)`", about)
    async with running(tmp_path) as application:
        metrics = (await http_get(application.port, "/metrics"))[2]
    assert len(names) == 5
    assert [name for name in names if f"\n{name} " not in metrics] == []


def test_a_dump_goes_back_into_another_database(postgres: Postgres, tmp_path: Path) -> None:
    session = postgres.serve()
    counters.increment(session, "kept")
    session.execute(
        "INSERT INTO documents (space, path, epoch, version, saved_version, hash, length, line_end)"
        " VALUES (1, 'a', 'before', 0, 0, '', 0, '')"
    )
    session.close()
    # A start in the same place changes nothing.
    session = postgres.serve()
    assert session.execute("SELECT epoch FROM documents").fetchone() == ("before",)
    name = f"restored_{os.getpid()}"
    restored = Postgres(re.sub(r"///\w+\?(.*)user=\w+", rf"///{name}?\1user=admin", postgres.url))
    code, said = run(block("pg_dump"), tmp_path, DATABASE_URL=postgres.url)
    assert (code, said) == (0, "")
    session.close()
    script = block("createdb").replace(" restored\n", f" {name}\n")
    may_create = {"DATABASE_URL": re.sub(r"user=\w+", "user=admin", postgres.url)}
    code, said = run(script, tmp_path, **may_create, RESTORED_URL=restored.url)
    assert "Socket.IO server listening on" in said
    session = restored.connect()
    try:
        assert session.execute("SELECT value FROM counters WHERE name = 'kept'").fetchone() == (1,)
        [(epoch,)] = session.execute("SELECT epoch FROM documents").fetchall()
        assert re.fullmatch("[0-9a-f]{16}", epoch)
    finally:
        session.close()


def test_data_are_copied(postgres: Postgres, tmp_path: Path) -> None:
    session = Sqlite(tmp_path / "data").connect()
    counters.increment(session, "kept")
    session.close()
    code, said = run(block("python -m server migrate-data"), tmp_path, DATABASE_URL=postgres.url)
    assert (code, said) == (0, "counters: 1 rows\n")
    code, said = run(block("python -m server migrate-data"), tmp_path, DATABASE_URL=postgres.url)
    assert code == 1
    assert said.endswith(": it is not empty: choose another database\n")


def test_backup_says_what_to_use(tmp_path: Path) -> None:
    url = "postgresql://ada:secret@localhost/shop"
    code, said = run("python -m server backup copy.dump", tmp_path, DATABASE_URL=url)
    dump = block("pg_dump").strip()
    assert (code, said) == (
        2,
        f"server: backup copies SQLite. For PostgreSQL: {dump}; "
        "back with pg_restore, see docs/operations.md\n",
    )


@pytest.mark.parametrize("command", ["user add ada", "session new user-456"])
def test_commands_work_on_postgresql(postgres: Postgres, tmp_path: Path, command: str) -> None:
    session = postgres.connect()
    session.execute("INSERT INTO users VALUES ('user-456', 'user-456', NULL, '')")
    session.close()
    script = f"echo correct horse | python -m server {command}"
    code, said = run(script, tmp_path, DATABASE_URL=postgres.url)
    assert code == 0, said
    session = postgres.connect()
    users = session.execute("SELECT count(*) FROM users WHERE password_hash IS NOT NULL").fetchone()
    sessions = session.execute("SELECT count(*) FROM sessions").fetchone()
    session.close()
    assert (users, sessions) == (((1,), (0,)) if command.startswith("user") else ((0,), (1,)))
