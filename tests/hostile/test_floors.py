"""Slow and silent peers by the hundred, and a process that runs out of file descriptors."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engineio_min.http.server import ACCEPTS_PER_TURN
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import encode_frame
from tests.hostile.stage import POLLING, WEBSOCKET, staged
from tests.listening import program_listening
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import until

CROWD = 300
DESCRIPTORS = 64
OUT_OF_DESCRIPTORS = b"out of system resource"

SERVER = f"""
import asyncio, logging, resource
from socketio_min import Server

logging.basicConfig(format="%(message).200s")

async def main():
    io = Server()
    io.on("echo", lambda socket, *args: args)
    await io.listen(port=0)
    # After `listen`, which would take no more connections than leave some descriptors free.
    resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
    print(io.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

CROWDS = {
    "silent": b"",
    "slow headers": encode_request("GET", POLLING)[:20],
    "slow body": encode_request("POST", f"{POLLING}&sid=x", {"Content-Length": "9"}) + b"4",
    "handshakes": encode_request("GET", POLLING),
    "websockets": encode_request("GET", WEBSOCKET, HANDSHAKE),
    "half messages": encode_request("GET", WEBSOCKET, HANDSHAKE)
    + encode_frame(2, b"a" * 100, fin=False),
    "joined": encode_request("GET", WEBSOCKET, HANDSHAKE) + encode_frame(1, b"40"),
}


@pytest.mark.parametrize("kind", CROWDS)
async def test_a_crowd_that_says_no_more(kind: str, clock: Clock) -> None:
    """Each of them is let go in its time, and the honest client never waits for them."""
    async with staged() as stage:
        before = stage.kept()
        crowd = []
        for number in range(CROWD):
            peer = socket.create_connection(("127.0.0.1", stage.port))
            peer.sendall(CROWDS[kind])
            crowd.append(peer)
            if number % 50 == 0:
                await stage.honest_client_works()
        await stage.honest_client_works()
        # Long enough for every deadline: the heartbeat's 45 seconds, the idle connection's 75.
        for _ in range(20):
            await clock.advance(5)
            await stage.honest_client_works()
        await until(lambda: all(stage.kept()[name] <= before[name] for name in STATE))
        for peer in crowd:
            peer.close()


STATE = ("sessions", "connections", "clients", "sockets", "members", "deadlines")


async def test_descriptors_run_out(tmp_path: Path) -> None:
    """Those who are there go on, nothing spins, and there is room again when somebody leaves."""
    complaints = tmp_path / "stderr"
    async with program_listening(SERVER, complaints) as (_, port):
        honest = await WebSocketClient.open(port)
        await honest.join()
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * DESCRIPTORS)]
        await until(lambda: OUT_OF_DESCRIPTORS in complaints.read_bytes())
        for number in range(100):
            await honest.send(f'42{number}["echo",1]')
            await honest.expect(f"43{number}[1]")
        for peer in crowd:
            peer.close()
        late = await WebSocketClient.open(port)
        await late.join()
        late.abort()
        honest.abort()
    # It tries again once a second, so many times at most, and in between it works.
    assert complaints.read_bytes().count(OUT_OF_DESCRIPTORS) < 20 * ACCEPTS_PER_TURN
