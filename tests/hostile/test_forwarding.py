"""Pages behind a real nginx whose configuration changes Host, as two that are widely copied do.

A page's GETs to its own host carry no Origin, its POSTs and its WebSocket do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from socketio_min import Server, Socket
from tests.engineio_min.wire import HANDSHAKE, Wire, connect
from tests.nginx import nginx
from tests.waiting import until

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"

LOCATION = """
        location /socket.io/ {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            {lines}
        }}
"""
CONFIGURATIONS = {
    "the host without its port": "proxy_set_header Host $host;",
    "no line for the host": "",
}
FORWARDING = """
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
"""


@asynccontextmanager
async def page(io: Server, folder: Path, lines: str) -> AsyncIterator[tuple[Wire, dict[str, str]]]:
    """A connection of a browser to nginx, and the headers of what has an Origin."""
    await io.listen(port=0)
    try:
        async with (
            nginx(folder, LOCATION.format(behind=io.port, lines=lines)) as port,
            connect(port) as wire,
        ):
            host = {"Host": f"127.0.0.1:{port}"}
            yield wire, {**host, "Origin": f"http://127.0.0.1:{port}"}
    finally:
        await io.close()


@pytest.mark.parametrize("lines", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
async def test_a_page_that_cannot_work_is_told_of_once(
    lines: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    async with page(io, tmp_path, lines) as (wire, origin):
        for _ in range(3):
            response = await wire.request("GET", POLLING, {"Host": origin["Host"]})
            assert response.status == 200
            (sid,) = io.engine.sessions
            response = await wire.request("POST", f"{POLLING}&sid={sid}", origin, b"40")
            assert response.status == 403
            await until(lambda: not io.engine.sessions)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("a page opens sessions and may not use them, over and")
    assert f"come from '{origin['Origin']}' while Host is" in caplog.messages[0]
    assert "trusted_proxies=['127.0.0.1']" in caplog.messages[0]


@pytest.mark.parametrize("lines", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
async def test_with_trusted_proxies_the_page_works(lines: str, tmp_path: Path) -> None:
    """Also its WebSocket; and the client's own X-Forwarded-For is not believed."""
    io = Server(trusted_proxies=["127.0.0.0/8"])
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    async with page(io, tmp_path, lines + FORWARDING) as (wire, origin):
        forged = {"X-Forwarded-For": "203.0.113.9"}
        response = await wire.request("GET", POLLING, {"Host": origin["Host"], **forged})
        assert response.status == 200
        (sid,) = io.engine.sessions
        response = await wire.request("POST", f"{POLLING}&sid={sid}", {**origin, **forged}, b"40")
        assert (response.status, response.text) == (200, "ok")
        # nginx has added the address that it sees, which is a trusted one here: the next counts.
        assert sockets[0].handshake.address == "203.0.113.9"
        response = await wire.request("GET", WEBSOCKET, {**HANDSHAKE, **origin})
        assert response.status == 101
        assert not io.engine.sessions[sid].request.secure
    async with page(Server(), tmp_path, lines + FORWARDING) as (wire, origin):
        response = await wire.request("GET", WEBSOCKET, {**HANDSHAKE, **origin})
        assert response.status == 403
