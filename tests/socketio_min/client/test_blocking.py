"""The client for scripts and threads: real threads, and programs that end in every way."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    BlockingClient,
    ConnectionFailed,
    ConnectionRefused,
    Disconnected,
    UsageError,
)
from tests.socketio_min.server_processes import ROOT, ServerProcess
from tests.waiting import PATIENCE, block_until


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess("this")
    process.start()
    yield process
    process.stop()


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if "socketio" in thread.name)


def test_events_and_calls(server: ServerProcess) -> None:
    with BlockingClient(server.url) as client:
        assert client.connected
        assert not client.recovered
        assert client.name == "/"
        assert client.id
        assert repr(client) == "<BlockingClient / connected>"
        assert threads() == ["socketio-handlers", "socketio-loop"]
        echoes: list[Any] = []
        client.on("echo", lambda *args: echoes.append((threading.current_thread().name, args)))
        client.emit("echo", 1, b"x")
        assert client.call("acknowledge", 1, b"x") == (1, b"x")
        block_until(lambda: echoes)
        assert echoes == [("socketio-handlers", (1, b"x"))]
        block_until(lambda: client.transport == "websocket")
        client.emit_volatile("echo", 2)
        block_until(lambda: len(echoes) == 2)
        client.off("echo")
        with pytest.raises(AcknowledgementTimeout):
            client.call("nobody listens", timeout=0.01)
        with pytest.raises(UsageError, match="keeps for itself"):
            client.emit("connect")
        client.disconnect()
        assert repr(client) == "<BlockingClient / closed>"
        assert client.transport is None
        client.connect()
    assert threads() == []
    with pytest.raises(Disconnected, match="the client is closed"):
        client.emit("echo")
    client.close()


def test_a_handler_may_call_and_its_result_acknowledges(server: ServerProcess) -> None:
    with BlockingClient(server.url) as client:

        @client.on("question")
        def question(number: int) -> int:
            assert client.call("acknowledge", "inside") == "inside"
            return number * 2

        @client.on("fails")
        def fails() -> None:
            raise ValueError("handler")

        assert client.call("call", "question", [21], 5000) == {"answer": 42}
        assert client.call("call", "fails", [], 50) == {"timedOut": True}
        assert client.call("call", "question", [1], 5000) == {"answer": 2}


@pytest.mark.parametrize(
    "error",
    [
        *(SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()),
        *(StopIteration(), concurrent.futures.CancelledError(), pytest.fail.Exception("no")),
    ],
    ids=repr,
)
def test_whatever_a_handler_raises_costs_its_own_event_only(
    error: BaseException, server: ServerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise error

    with BlockingClient(server.url, transports=["websocket"]) as client:
        client.on("fails", fail)
        client.on("works", lambda number: number * 2)
        assert client.call("call", "fails", [], 50) == {"timedOut": True}
        assert client.call("call", "works", [2], 5000) == {"answer": 4}
        client.on_any(fail)
        assert client.call("call", "works", [3], 5000) == {"answer": 6}
        client.disconnect()
        client.on_connection("open", fail)
        client.connect()
        with pytest.raises(ConnectionFailed, match="the application's auth failed"):
            client.of("/chat", auth=fail).connect()
        assert client.call("acknowledge", 4) == 4
        assert threads() == ["socketio-handlers", "socketio-loop"]
    for told in ("the handler of 'fails' failed", "a listener of on_any failed"):
        assert told in caplog.text


def test_an_auth_that_exits_is_told(server: ServerProcess) -> None:
    client = BlockingClient(server.url, auth=sys.exit)
    with pytest.raises(ConnectionFailed, match=r"a handler raised SystemExit\(\), which ends nei"):
        client.connect(PATIENCE)
    client.close()
    assert threads() == []


def test_connecting_again_after_a_timeout(server: ServerProcess) -> None:
    given_up = threading.Event()

    async def slow() -> None:
        await asyncio.to_thread(given_up.wait)

    with contextlib.closing(BlockingClient(server.url, auth=slow)) as client:
        with pytest.raises(TimeoutError):
            client.connect(timeout=0.05)
        given_up.set()
        client.connect(timeout=PATIENCE)
        assert client.call("acknowledge", 1) == 1


@pytest.mark.parametrize("event", ["disconnect", "connect_error"])
def test_a_handler_may_connect_again_without_reconnection(
    event: str, server: ServerProcess
) -> None:
    back: list[Any] = []
    with BlockingClient(server.url, reconnection=False) as client:

        @client.on("disconnect")
        def disconnect(_reason: str) -> None:
            if event == "disconnect" and not back:
                client.connect(PATIENCE)
                back.append(client.call("acknowledge", 1))

        @client.on("connect_error")
        def connect_error(_error: Exception) -> None:
            client._client.auth = None
            client.connect(PATIENCE)
            back.append(client.call("acknowledge", 1))

        if event == "disconnect":
            client._runner.loop.call_soon_threadsafe(_lose, client)
        else:
            client.disconnect()
            client._client.auth = _fail
            with pytest.raises(ConnectionFailed):
                client.connect(PATIENCE)
        block_until(lambda: back)
        assert back == [1]


def _fail() -> dict[str, Any]:
    raise LookupError("no token")


def _lose(client: BlockingClient) -> None:
    """Lose the connection, in the loop's thread."""
    engine = client._client._manager.engine
    assert engine is not None
    engine.session.fail("transport error", "cut")


FORKING = """
import os, sys, time
from socketio_min import BlockingClient, UsageError
client = BlockingClient(sys.argv[1], transports=["websocket"])
client.connect()
child = os.fork()
if child == 0:
    try:
        client.emit("echo")
    except UsageError as error:
        print(error, flush=True)
    print(client.connected, flush=True)
    sys.exit(7)
began = time.monotonic()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("quick" if time.monotonic() - began < 4 else "slow", client.call("acknowledge", 1))
"""


def test_a_forked_child_exits_at_once_and_leaves_the_connection_alone(
    server: ServerProcess,
) -> None:
    program = subprocess.run(
        [sys.executable, "-c", FORKING, server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert program.stdout.splitlines() == [
        "this client was made before the process forked, and its threads are in the parent only: "
        "make another one in the child",
        "True",
        "quick 1",
    ], program.stderr
    assert program.returncode == 0


def test_a_client_of_another_process_does_nothing(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the forked child above is told, in this process."""
    client = BlockingClient(server.url, transports=["websocket"])
    client.connect()
    runner = client._runner
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(runner, "_process", 0)
        with pytest.raises(UsageError, match="made before the process forked"):
            client.emit("echo")
        client.close()
        assert threads() == ["socketio-handlers", "socketio-loop"]
    assert client.call("acknowledge", 1) == 1
    runner.close(client._client)
    assert threads() == []


def test_handlers_run_in_the_order_of_their_events(server: ServerProcess) -> None:
    with BlockingClient(server.url) as client:
        numbers: list[int] = []

        @client.on("number")
        def number(value: int, *_: Any) -> None:
            if value % 10 == 0:
                time.sleep(0.001)
            numbers.append(value)

        client.emit("burst", 100)
        block_until(lambda: len(numbers) == 100)
        assert numbers == list(range(100))


def test_many_threads_use_one_client(server: ServerProcess) -> None:
    with BlockingClient(server.url, transports=["websocket"]) as client:
        answers: dict[int, list[Any]] = {}

        def work(number: int) -> None:
            answers[number] = [client.call("acknowledge", number, step) for step in range(20)]

        workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)
        assert answers == {number: [(number, step) for step in range(20)] for number in range(8)}


def test_namespaces_and_listeners(server: ServerProcess) -> None:
    with BlockingClient(server.url) as client:
        seen: list[Any] = []
        client.on_any(lambda *args: seen.append(args))
        client.on_connection("close", lambda *args: seen.append(args))
        chat = client.of("/chat")
        chat.connect()
        chat.emit("echo", 1)
        assert chat.call("acknowledge", 2) == 2
        with pytest.raises(ConnectionRefused, match="not authorized"):
            client.of("/admin", auth={"token": "wrong"}).connect()
        client.emit("echo", 3)
        block_until(lambda: seen)
        assert seen == [("echo", 3)]
    assert seen[1:] == [("forced close", "closed by the client")]


def test_blocking_the_loop_is_refused(server: ServerProcess) -> None:
    with BlockingClient(server.url) as client:
        caught: list[Exception] = []

        @client.on_any
        def on_any(*_: Any) -> None:
            try:
                client.call("acknowledge")
            except UsageError as error:
                caught.append(error)

        client.emit("echo")
        block_until(lambda: caught)
        assert "called in the event loop's thread" in str(caught[0])


def test_a_handler_may_close_the_client(server: ServerProcess) -> None:
    client = BlockingClient(server.url)
    closed = threading.Event()

    @client.on("echo")
    def echo() -> None:
        client.close()
        closed.set()

    client.connect()
    client.emit("echo")
    assert closed.wait(PATIENCE)
    block_until(lambda: not threads())


def test_the_last_handlers_come_to_their_end(server: ServerProcess) -> None:
    ended: list[Any] = []
    with BlockingClient(server.url) as client:

        @client.on("disconnect")
        def disconnect(reason: str) -> None:
            time.sleep(0.02)
            ended.append(reason)

    assert ended == ["io client disconnect"]


async def test_a_client_that_is_dropped_is_closed(server: ServerProcess) -> None:
    client = BlockingClient(server.url)
    client.connect()
    sid = client.id
    assert threads()
    del client
    gc.collect()
    assert threads() == []
    report = await server.report(event="disconnect", id=sid)
    assert report["reason"] == "client namespace disconnect"


def test_a_goodbye_that_fails_is_logged(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("socketio_min.client.blocking.CLOSE_TIMEOUT", 0.2)
    own = ServerProcess("this")
    own.start()
    client = BlockingClient(own.url, transports=["polling"], close_timeout=60)
    client.connect()
    own.suspend()
    client.close()
    assert "the connection could not be closed properly" in caplog.text
    own.resume()
    own.stop()


# -X dev tells of tasks that are left behind, and of steps that take 0.1 s, as all do on a busy
# machine: the second is not what is tested.
UNHURRIED = "client._runner.loop.slow_callback_duration = 60"
PROGRAM = f"""
import sys, threading
from socketio_min import BlockingClient
client = BlockingClient(sys.argv[1])
{UNHURRIED}
client.on("disconnect", lambda reason: print("disconnected:", reason))
client.on("question", lambda number: client.call("acknowledge", number))
client.connect()
print(client.call("call", "question", [7], 5000))
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1), ("client.close()", 0)],
)
async def test_a_program_that_ends_says_goodbye(
    server: ServerProcess, end: str, status: int
) -> None:
    server.reports.clear()
    program = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PROGRAM + end, server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert program.returncode == status
    assert program.stdout == "{'answer': 7}\ndisconnected: io client disconnect\n"
    assert ("ZeroDivisionError" in program.stderr) == (status == 1)
    assert "pending" not in program.stderr
    report = await server.report(event="disconnect")
    assert report["reason"] == "client namespace disconnect"


def test_a_program_ends_without_a_server() -> None:
    server = ServerProcess("this")
    server.start()
    server.kill()
    program = subprocess.run(
        [
            sys.executable,
            "-X",
            "dev",
            "-c",
            "import sys, socketio_min\n"
            "client = socketio_min.BlockingClient(sys.argv[1])\n"
            f"{UNHURRIED}\n"
            "try: client.connect(timeout=0.05)\n"
            "except TimeoutError as error: print(error)\n"
            "client._runner.loop.call_soon_threadsafe(client._client.open)\n",
            server.url,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert program.stdout == "got no connection within 0.05 seconds: is the server running?\n"
    # As often as there was time for it.
    assert re.fullmatch(r"(could not connect to .*; trying again .*\n)*", program.stderr)
    assert program.returncode == 0


def test_connecting_has_a_timeout() -> None:
    server = ServerProcess("this")
    server.start()
    server.kill()
    client = BlockingClient(server.url)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        client.connect(timeout=0.05)
    assert time.monotonic() - began < PATIENCE
    client.close()
    with (
        pytest.raises(ConnectionFailed, match="could not connect"),
        BlockingClient(server.url, reconnection=False),
    ):
        pass
    assert threads() == []
