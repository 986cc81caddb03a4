"""Thousands of idle clients of a server in a process of its own: what they take, and give back."""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.effort import EFFORT
from tests.engineio_min.harness import WEBSOCKET
from tests.engineio_min.wire import HANDSHAKE, encode_request

ROOT = Path(__file__).resolve().parents[2]

IDLE_SERVER = """
import asyncio, gc, json
from engineio_min import HttpServer, Response, Server
from engineio_min.transports.connection import Connection

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

async def main():
    server = Server(ping_interval=300, ping_timeout=300)
    http = HttpServer()
    stop = asyncio.Event()

    def state(request):
        gc.collect()
        objects = sum(isinstance(one, Connection) for one in gc.get_objects())
        counts = {
            "sessions": len(server.sessions), "connections": len(http.connections),
            "timers": len(server.timer) + len(http.timer), "objects": objects,
            "resident": resident(),
        }
        return Response(200, json.dumps(counts).encode())

    def end(request):
        stop.set()
        return Response()

    http.route("/state", state)
    http.route("/end", end)
    await server.listen(port=0, http=http)
    print(server.port, flush=True)
    await stop.wait()
    await server.stop()

asyncio.run(main())
"""

# A leak of 500 bytes for each is a megabyte.
CLIENTS = 2_000 if EFFORT == 1 else 10_000


def control(port: int, path: str) -> dict[str, int]:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(encode_request("GET", path, {"Connection": "close"}))
        answer = b""
        while part := sock.recv(65_536):
            answer += part
    body = answer.partition(b"\r\n\r\n")[2]
    return dict(json.loads(body)) if body else {}


def open_clients(port: int, count: int) -> list[socket.socket]:
    """Idle WebSocket clients that have their open packet, connected some hundred at a time."""
    handshake = encode_request("GET", WEBSOCKET, HANDSHAKE)
    opened: list[socket.socket] = []
    while len(opened) < count:
        selector = selectors.DefaultSelector()
        answers: dict[socket.socket, bytes] = {}
        for _ in range(min(500, count - len(opened))):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(handshake)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
            answers[sock] = b""
        while selector.get_map():
            for key, _ in selector.select():
                client = key.fileobj
                assert isinstance(client, socket.socket)
                answers[client] += client.recv(4_096)
                if b'"maxPayload":1000000}' in answers[client]:
                    assert answers[client].startswith(b"HTTP/1.1 101 ")
                    selector.unregister(client)
        selector.close()
        opened += answers
    return opened


def test_idle_clients_are_held_and_released_without_a_leak() -> None:
    """Invariant: the process holds them at once, and afterwards nothing of them is left. One of two
    more rounds, at least, needs no more memory than the round before.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE_SERVER],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        resident = []
        for _ in range(3):
            clients = open_clients(port, CLIENTS)
            state = control(port, "/state")
            # The control request's own connection comes on top.
            assert state["sessions"] == state["objects"] == CLIENTS
            assert state["connections"] == CLIENTS + 1
            resident.append(state["resident"])
            for client in clients:
                client.close()
            started = time.monotonic()
            # A turn of the event loop writes to some of them.
            # The control request's own connection and timer are left.
            nothing = {"sessions": 0, "connections": 1, "timers": 1, "objects": 0}
            while not nothing.items() <= (state := control(port, "/state")).items():
                assert time.monotonic() - started < 60, f"not released: {state}"
        # What a round had is free for the next one, which the system may see a little later.
        first, second, third = resident
        assert min(second - first, third - second) < CLIENTS * 500
        control(port, "/end")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
