"""PostgreSQL is not there when a server begins that has been promised one.

Invariants:
- A worker waits for it, however long, and says so; it serves as soon as it is there.
- It ends at once when it is told to, and is not taken for one that dies.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.store import start_retry
from server.store.postgres import Postgres
from tests.server.running import make
from tests.server.test_process import announcement, ending, server
from tests.server.test_workers import workers_at
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE

AWAY = (503, {"status": "the database does not answer"})


class Way:
    """The way to the PostgreSQL of the tests, which may be closed: who connects is refused."""

    def __init__(self, folder: Path, target: Path, url: str) -> None:
        self._socket = folder / ".s.PGSQL.5432"
        self._target = target / self._socket.name
        self.url = url.replace(str(target), str(folder))

    def open(self) -> None:
        self._socket.symlink_to(self._target)

    def close(self) -> None:
        self._socket.unlink()


@pytest.fixture
def way(postgres: Postgres, postgres_folder: str) -> Iterator[Way]:
    # A path of the system's usual folder for tests is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="way-") as folder:
        yield Way(Path(folder), Path(postgres_folder), postgres.url)


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


async def probe(port: int, target: str) -> tuple[int, object]:
    status, _, body = await http_get(port, target)
    return status, json.loads(body)


async def test_a_server_waits_for_its_database_and_says_so(
    way: Way,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(start_retry, "_RETRY_SECONDS", 0.01)
    application = make(tmp_path, database_url=way.url, workers=2)
    with listening() as listener:
        port = listener.getsockname()[1]
        was_away = asyncio.Event()

        async def away() -> None:
            await application.listen(sock=listener)
            was_away.set()

        opening = asyncio.create_task(application.open(away))
        async with asyncio.timeout(PATIENCE):
            await was_away.wait()
        assert await probe(port, "/readyz") == AWAY
        assert (await probe(port, "/healthz"))[0] == 200
        assert (await http_get(port, "/metrics"))[0] == 200
        assert (await http_get(port, "/"))[0] == 404
        assert await probe(port, "/socket.io/?EIO=4&transport=polling") == (
            503,
            {"code": 4, "message": "Not ready yet"},
        )
        way.open()
        async with asyncio.timeout(PATIENCE):
            await opening
        assert await probe(port, "/readyz") == (200, {"status": "ready"})
        async with connected(port) as client:
            assert await client.ask("test:ping") == {"ok": True}
        await application.stop()
    said = [one.getMessage() for one in caplog.records if one.name == "server"]
    assert said[0].startswith("DATABASE_URL: cannot use ")
    assert said[0].endswith("; trying again")
    assert said[1:] == ["the database answers"]
    assert not [one for one in caplog.records if one.exc_info]


async def is_away(port: int) -> None:
    """Wait until a worker says that the database is away."""
    async with asyncio.timeout(PATIENCE):
        # Each answer takes its time.
        while (await probe(port, "/readyz")) != AWAY:
            pass


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_workers_outlive_an_outage_in_which_they_die(way: Way) -> None:
    way.open()
    flags = ("--workers", "2", "--port", "0", "--host", "127.0.0.1")
    async with server(*flags, DATABASE_URL=way.url) as process:
        found = re.search(r":(\d+)\n", (await announcement(process))[0])
        assert found is not None
        port = int(found[1])
        way.close()
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        await is_away(port)
        way.open()
        assert await workers_at(port, but={"AA", "AB"}) == {"AC", "AD"}
        async with asyncio.timeout(PATIENCE):
            # The kernel spreads connections by chance.
            ready = 0
            while ready < 20:
                ready = ready + 1 if (await probe(port, "/readyz"))[0] == 200 else 0
        async with connected(port) as client:
            assert await client.ask("test:ping") == {"ok": True}
        # And told to end while they wait.
        way.close()
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        await is_away(port)
        process.send_signal(signal.SIGTERM)
        code, _, error = await ending(process)
    assert code == 0
    assert "Traceback" not in error
