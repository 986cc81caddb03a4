"""`io.run` and `python -m socketio_min serve`: one process, a supervisor, a worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engineio_min.request import Request
from engineio_min.transports.polling import Polling
from engineio_min.workers.handover import WorkerHandover
from engineio_min.workers.place import Place
from socketio_min import MemoryAdapter, Server
from socketio_min.cluster.worker_rooms import WorkerAdapter
from socketio_min.serve import load, main
from tests.listening import free_port
from tests.waiting import PATIENCE, block_until

PROGRAM = str(Path(__file__).with_name("workers_program.py"))


def when_it_listens(port: int, act: Callable[[], object]) -> threading.Thread:
    """Act as soon as somebody listens on the port."""

    def wait() -> None:
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                act()
                return

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_one_process() -> None:
    port = free_port()
    thread = when_it_listens(port, terminate)
    assert main(["tests.socketio_min.workers_program:io", "--port", str(port)]) == 0
    thread.join()


@pytest.mark.parametrize("run", ["io.run", "serve"])
def test_a_supervisor(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, PROGRAM, str(port), "1"])
    # The socket is bound before there is a worker: this one asks until it is answered.
    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
            peer.sendall(request)
            assert peer.recv(100).startswith(b"HTTP/1.1 404")
        terminate()

    thread = when_it_listens(port, ask)
    if run == "serve":
        assert main(["nothing:io", "--port", str(port), "--workers", "2"]) == 0
    else:
        Server().run(port=port, workers=2)
    thread.join()


@pytest.mark.parametrize("adapter", [None, lambda namespace: MemoryAdapter(namespace)])
def test_a_worker(adapter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, control = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    place = Place("AA", tmp_path, [listener], own)
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    io = Server() if adapter is None else Server(adapter=adapter)
    lines: list[bytes] = []

    def supervise() -> None:
        lines.append(control.recv(100))
        control.sendall(b"workers AA\n")
        lines.append(control.recv(100))
        control.sendall(b"stop\n")

    thread = threading.Thread(target=supervise)
    thread.start()
    io.run()
    thread.join()
    assert lines == [b"here\n", b"ready\n"]
    assert isinstance(io.adapter, WorkerAdapter) == (adapter is None)
    assert io.engine.sid_prefix == "AA"
    # The server has closed what it was given.
    listener.detach()
    own.detach()
    control.close()


def test_a_worker_that_is_replaced_lets_newcomers_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, control = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    for name, value in Place("AA", tmp_path, [listener], own).environment().items():
        monkeypatch.setenv(name, value)
    asked, decided = threading.Event(), asyncio.Event()

    async def allow(request: Request) -> None:
        if "slow" in request.query:
            asked.set()
            await decided.wait()

    io = Server(allow_request=allow)
    joined: list[str] = []
    io.on("connect", lambda socket: joined.append(socket.id))
    successor = socket.socket(socket.AF_UNIX)
    successor.bind(str(tmp_path / "AB"))
    successor.listen()
    url = "/socket.io/?EIO=4&transport=polling"

    def ask(peer: socket.socket, method: str, target: str, body: str = "") -> bytes:
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        peer.sendall((head + body).encode())
        return peer.recv(4096)

    def sid_in(response: bytes) -> str:
        return str(json.loads(response.rpartition(b"\r\n0")[2])["sid"])

    def join(peer: socket.socket, response: bytes) -> None:
        target = f"{url}&sid={sid_in(response)}"
        assert ask(peer, "POST", target, "40").endswith(b"ok")
        assert b'40{"sid":' in ask(peer, "GET", target)

    def is_posting(sid: str) -> bool:
        carrier = io.engine.sessions[sid].carrier
        return isinstance(carrier, Polling) and carrier._posting is not None

    def is_retired() -> bool:
        handover = io.engine.http.handover
        return isinstance(handover, WorkerHandover) and list(handover._successors) == ["AB"]

    def supervise() -> None:
        assert control.recv(100) == b"here\n"
        control.sendall(b"workers AA AB\n")
        assert control.recv(100) == b"ready\n"
        with (
            socket.create_connection(address, timeout=PATIENCE) as one,
            socket.create_connection(address, timeout=PATIENCE) as slow,
        ):
            # Whether it may come is not decided yet when the worker is told to end.
            slow.sendall(f"GET {url}&slow=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            sid = sid_in(ask(one, "GET", url))
            assert asked.wait(PATIENCE)
            with socket.create_connection(address, timeout=PATIENCE) as other:
                # Half a request: it is not idle, and stays while the rest is to come.
                target = f"{url}&sid={sid}"
                head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
                other.sendall(head.encode())
                block_until(lambda: is_posting(sid))
                control.sendall(b"retire AB\n")
                block_until(is_retired)
                other.sendall(b"40")
                assert other.recv(4096).endswith(b"ok")
                # What it was sent is fetched before the worker ends.
                assert b'40{"sid":' in ask(other, "GET", target)
                io.engine.loop.call_soon_threadsafe(decided.set)
                join(slow, slow.recv(4096))

    thread = threading.Thread(target=supervise)
    thread.start()
    io.run(drain=PATIENCE)
    thread.join()
    assert len(joined) == 2
    listener.detach()
    own.detach()
    control.close()
    successor.close()


def test_workers_that_do_not_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "raise SystemExit('no wonder')"])
    assert main(["nothing:io", "--port", "0", "--workers", "2"]) == 1
    assert "socketio_min serve: the workers die" in capfd.readouterr().err


def test_an_address_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["tests.socketio_min.workers_program:io", "--port", port]) == 1
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--port=70000", "got 70000, expected a port from 0 to 65535"),
        ("--port=-1", "got -1, expected a port from 0 to 65535"),
        ("--port=٣", "expected a port from 0 to 65535"),
        ("--drain=-1", "got -1, expected a number of seconds, 0 or more"),
        ("--drain=nan", "got nan, expected a number of seconds, 0 or more"),
        ("--drain=inf", "got inf, expected a number of seconds, 0 or more"),
        ("--drain=soon", "got soon, expected a number of seconds, 0 or more"),
    ],
)
def test_numbers_that_an_option_cannot_have(
    option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # There is no such module: a number that passed would be told of that.
    with pytest.raises(SystemExit, match="2"):
        main(["nowhere:io", option])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "0.5"])
def test_numbers_of_seconds_that_pass(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere:io", "--port=65535", "--drain", number]) == 2
    assert "No module named 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere:io", "No module named 'nowhere'"),
        ("tests.socketio_min.workers_program:nothing", "has no attribute 'nothing'"),
        ("tests.socketio_min.workers_program:echo", "expected module:name of a Server"),
        ("tests.socketio_min.workers_program", "expected module:name of a Server"),
        (":io", "expected module:name of a Server"),
    ],
)
def test_what_is_no_server(place: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([place]) == 2
    assert message in capsys.readouterr().err


def test_what_is_a_server() -> None:
    assert isinstance(load("tests.socketio_min.workers_program:io"), Server)
