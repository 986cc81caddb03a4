"""Where the server listens, and what its plain pages say.

Invariant: "localhost" is one port on every loopback address that this machine has.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import threading
from pathlib import Path

import pytest

from server.api.all_announcements import ANNOUNCEMENTS
from server.application import Application
from server.events import EVENTS
from server.http import pages
from server.http.listening import ListenError, bind, url
from server.http.metrics import Family
from server.reference import page as reference
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import http_get


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


LOOPBACK = ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_localhost_is_every_loopback_address_on_one_port() -> None:
    sockets = bind("localhost", 0)
    try:
        assert [one.getsockname()[0] for one in sockets] == LOOPBACK
        assert len({one.getsockname()[1] for one in sockets}) == 1
    finally:
        close(sockets)


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::")]
)
def test_an_address_is_itself(host: str, address: str) -> None:
    if host == "::" and not has_ipv6():
        host = address = "127.0.0.1"
    sockets = bind(host, 0)
    try:
        assert [one.getsockname()[0] for one in sockets] == [address]
    finally:
        close(sockets)


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_used_port_is_refused_whichever_address_has_it(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as used:
        port = used.getsockname()[1]
        before = set(os.listdir("/proc/self/fd"))
        with pytest.raises(ListenError) as caught:
            bind("localhost", port)
        assert str(caught.value) == (
            f"cannot listen on http://localhost:{port}: the port is in use; "
            "stop the other program, or choose another with PORT or --port"
        )
        # Nothing is left half open.
        assert set(os.listdir("/proc/self/fd")) == before


def test_an_address_of_another_machine_is_refused() -> None:
    # 192.0.2.0/24 is reserved for documentation.
    with pytest.raises(ListenError) as caught:
        bind("192.0.2.1", 0)
    assert str(caught.value) == (
        "cannot listen on http://192.0.2.1:0: the address is none of this machine's; "
        "correct HOST or --host"
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", "http://localhost:3001"), ("::1", "http://[::1]:3001")],
)
def test_urls(host: str, expected: str) -> None:
    assert url(host, 3001) == expected


@pytest.mark.parametrize("address", LOOPBACK)
async def test_every_address_serves(
    application: Application, connect: Connect, address: str
) -> None:
    await connect()
    status, headers, body = await http_get(application.port, "/healthz", address=address)
    assert status == 200
    assert headers["content-type"] == "application/json"
    health = json.loads(body)
    assert health.pop("uptime") >= 0
    assert health == {"status": "ok", "connections": 1}


async def test_the_docs_are_a_page(application: Application) -> None:
    status, headers, body = await http_get(application.port, "/docs")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    for event in EVENTS:
        assert f"<code>{event}</code> (sent)</h3>" in body
    for event in ANNOUNCEMENTS:
        assert f"<code>{event}</code> (heard)</h3>" in body
    assert '<td><a href="#project">Project</a></td>' in body
    anchors = set(re.findall(r' id="([^"]+)"', body))
    assert set(re.findall(r'href="#([^"]+)"', body)) <= anchors
    # Nothing of the Markdown is left.
    text = re.sub(r"<[^>]+>", "", body.partition("<main>")[2])
    assert not re.search(r"`|\]\(|^\||^#", text, re.MULTILINE)
    assert "&lt;id&gt;" in body


async def test_the_docs_are_made_once_and_beside_the_loop(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in = []

    def render() -> str:
        made_in.append(threading.get_ident())
        return "the reference"

    pages._reference.cache_clear()
    monkeypatch.setattr(reference, "render", render)
    try:
        answers = [http_get(application.port, "/docs") for _ in range(5)]
        assert [body for _, _, body in await asyncio.gather(*answers)] == ["the reference"] * 5
    finally:
        pages._reference.cache_clear()
    assert len(made_in) == 1
    assert made_in[0] != threading.get_ident()


async def test_metrics_that_are_asked_for_at_once_are_made_once() -> None:
    """Made for each of fifty connections, they kept the event loop for 75 ms."""
    asked: list[None] = []

    async def processes() -> list[list[Family]]:
        asked.append(None)
        if len(asked) == 2:
            raise OSError("the other workers are gone")
        return [[Family("rooms", "Rooms.", "gauge", [" 2"])]]

    handler = pages.metrics(processes)
    answers = await asyncio.gather(*(handler(None) for _ in range(50)))
    assert len(asked) == 1
    assert {answer.body.splitlines()[-1] for answer in answers} == {b"rooms 2"}
    # Another one is made for who asks later, also after one that failed.
    failed = await asyncio.gather(*(handler(None) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in failed] == [OSError, OSError]
    assert (await handler(None)).status == 200
    assert len(asked) == 3


@pytest.mark.parametrize("path", ["/docs", "/healthz", "/readyz", "/metrics"])
async def test_no_answer_is_taken_for_something_else(application: Application, path: str) -> None:
    _, headers, _ = await http_get(application.port, path)
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


async def test_other_paths_are_not_found(application: Application) -> None:
    assert (await http_get(application.port, "/nothing"))[0] == 404


async def test_a_rebound_host_name_is_refused(application: Application) -> None:
    target = "/socket.io/?EIO=4&transport=polling"
    assert (await http_get(application.port, target, host="localhost"))[0] == 200
    status, _, body = await http_get(application.port, target, host="rebound.example:3001")
    assert status == 403
    assert json.loads(body) == {
        "code": 4,
        "message": "this server does not answer to the host 'rebound.example': use localhost, "
        "or add its origin to SOCKET_CORS_ORIGIN",
    }


async def test_connections_have_a_limit(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections=1) as application:
        target = "/socket.io/?EIO=4&transport=polling"
        assert (await http_get(application.port, target))[0] == 200
        status, _, body = await http_get(application.port, target)
        assert status == 503
        assert json.loads(body) == {"code": 4, "message": "Too many connections"}


async def test_the_settings_reach_the_handshake(tmp_path: Path) -> None:
    async with running(
        tmp_path, ping_timeout=1.5, ping_interval=2.5, max_http_buffer_size=12_345
    ) as application:
        _, _, body = await http_get(application.port, "/socket.io/?EIO=4&transport=polling")
        opened = json.loads(body[1:])
        assert (opened["pingTimeout"], opened["pingInterval"]) == (1500, 2500)
        assert opened["maxPayload"] == 12_345
