"""The HTTP layer, a strict reading of the standard, and two common proxies agree about requests.

Invariants, for every item of the corpus:
- The server reads no request that the strict reading does not, and reads each as it does: method,
  target, body. Where the strict reading has no objection, the server may refuse but not misread.
- What is read, and every byte answered, is the same however the bytes are split in two, or one by
  one. A run tries a tenth of the places of each item, and another tenth of the next one's.
- Behind nginx and haproxy, the server reads no more requests than the proxy answers, and the next
  client of the proxy gets its own answer: nothing stays behind in the connection between the two.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.effort import EFFORT
from tests.engineio_min.wire import HANDSHAKE, Wire
from tests.hostile.http_corpus import CHUNKS, SMUGGLED, corpus, post
from tests.hostile.http_recorder import Outcome, RecordingServer, outcome
from tests.hostile.stage import POLLING, WEBSOCKET, staged
from tests.hostile.strict_http import OPEN_ENDED, REFUSED, read
from tests.waiting import patient

# It covers nothing that others do not, and counting would make it twice as slow.
pytestmark = [pytest.mark.no_cover, pytest.mark.search]

CORPUS = corpus()
MAX_BODY = 1_000_000
# Every so many places an item is split.
PLACES = 20 if EFFORT == 1 else 1
# Read although the judge refuses it: llhttp skips line feeds before a request and surplus spaces
# after a method. Both are before any framing, and no reader takes them for a request.
DEPARTURES = (b"\nGET / ", b"GET  / ")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: time stands still."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def ours(loop: asyncio.AbstractEventLoop, *pieces: bytes) -> Outcome:
    """What our server makes of these reads."""
    return outcome(loop, pieces, MAX_BODY)


def test_the_corpus_is_large_and_has_both_kinds() -> None:
    assert len(CORPUS) >= 150
    ends = [read(item).end for item in CORPUS]
    assert ends.count(REFUSED) > 100
    assert ends.count(OPEN_ENDED) > 15


def test_the_judge_reads_what_is_plain_and_refuses_what_is_not() -> None:
    plain = post(b"Transfer-Encoding: chunked", CHUNKS[1]) + post(b"Content-Length: 5", b"4abcd")
    reading = read(plain + SMUGGLED)
    assert reading.requests == [
        (b"POST", b"/", b"4abcd"),
        (b"POST", b"/", b"4abcd"),
        (b"GET", b"/smuggled", b""),
    ]
    assert reading.end == OPEN_ENDED
    assert read(plain[:-1]).end == "incomplete"
    both = read(post(b"Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKS[0]))
    assert (both.requests, both.end) == ([], REFUSED)


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_we_read_no_other_requests_than_the_strict_reading(
    number: int, loop: asyncio.AbstractEventLoop
) -> None:
    item = CORPUS[number]
    requests, answered, ended = ours(loop, item)
    strict = read(item.lstrip(b"\n").replace(b"  / ", b" / ") if departs(item) else item)
    assert requests == strict.requests[: len(requests)]
    if len(requests) < len(strict.requests):
        # Stricter than strict, or the client asked to close: then that was the end.
        assert ended
    if strict.end == REFUSED:
        assert ended or len(requests) < len(strict.requests) or answered == b""
    one_by_one = [item[place : place + 1] for place in range(len(item))]
    assert ours(loop, *one_by_one) == (requests, answered, ended)
    for place in range(1 + number % PLACES, len(item), PLACES):
        assert ours(loop, item[:place], item[place:]) == (requests, answered, ended), item[:place]


def departs(item: bytes) -> bool:
    return item.startswith(DEPARTURES)


def test_what_is_plain_is_read(loop: asyncio.AbstractEventLoop) -> None:
    """Otherwise a server that refuses everything would pass."""
    for item in (
        post(b"Content-Length: 5", b"4abcd"),
        post(b"Transfer-Encoding: chunked", CHUNKS[0]),
        post(b"Transfer-Encoding: CHUNKED", CHUNKS[1]),
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n",
    ):
        requests, answered, ended = ours(loop, item + SMUGGLED)
        assert requests == read(item + SMUGGLED).requests
        assert len(requests) == 2
        assert answered.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert not ended


# --- behind proxies

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $wanted {{ default upgrade; '' ''; }}
    upstream behind {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen unix:{folder}/proxy.sock;
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_ignore_client_abort on;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $wanted;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
    http-reuse always
frontend front
    bind unix@{folder}/proxy.sock
    default_backend behind
backend behind
    server one 127.0.0.1:{port}
"""
PROXIES = ["nginx", "haproxy"]


@asynccontextmanager
async def proxied(name: str, folder: Path, port: int) -> AsyncIterator[str]:
    """A proxy in front of a port; yields the path of its Unix socket."""
    user = ""
    if os.geteuid() == 0:
        user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
    configuration = folder / f"{name}.conf"
    template = NGINX if name == "nginx" else HAPROXY
    configuration.write_text(template.format(folder=folder, port=port, user=user))
    command = {
        "nginx": ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c"],
        "haproxy": ["haproxy", "-db", "-f"],
    }[name]
    program = await asyncio.create_subprocess_exec(
        *command,
        str(configuration),
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    path = folder / "proxy.sock"
    try:
        for _ in range(1_000):
            if path.exists() or program.returncode is not None:
                break
            await asyncio.sleep(0.01)
        assert path.exists(), f"{name} did not start: install it, or see its log"
        yield str(path)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def connect(path: str) -> Wire:
    return Wire(*await asyncio.open_unix_connection(path))


async def answers(path: str, data: bytes) -> bytes:
    """All that a proxy answers to these bytes."""
    wire = await connect(path)
    wire.writer.write(data)
    wire.writer.write_eof()
    try:
        return await patient(wire.reader.read())
    except ConnectionError:
        return b""
    finally:
        await wire.close()


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy_and_we_agree_where_a_request_ends(name: str, tmp_path: Path) -> None:
    server = RecordingServer(asyncio.get_running_loop(), MAX_BODY)
    await server.listen(port=0)
    try:
        async with proxied(name, tmp_path, server.port) as path:
            await patient_start(path)
            for number, item in enumerate(CORPUS):
                server.requests.clear()
                answer = await answers(path, item)
                final = len(re.findall(rb"HTTP/1\.[01] [2-5]\d\d", answer))
                assert len(server.requests) <= final, (item, answer, server.requests)
                server.requests.clear()
                canary = f"GET /canary-{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                assert b" 200 " in await answers(path, canary), item
                assert server.requests == [(b"GET", b"/canary-%d" % number, b"")], item
    finally:
        await server.close()


async def patient_start(path: str) -> None:
    """Wait until the proxy accepts connections: its socket may be there first."""
    for _ in range(1_000):
        try:
            await (await connect(path)).close()
        except OSError:
            await asyncio.sleep(0.01)
        else:
            return


@pytest.mark.parametrize("name", PROXIES)
async def test_every_transport_works_through_a_proxy(name: str, tmp_path: Path) -> None:
    async with staged() as stage, proxied(name, tmp_path, stage.port) as path:
        await patient_start(path)
        poller = await connect(path)
        opened = await poller.request("GET", POLLING)
        sid = opened.json["sid"] if opened.body[:1] == b"{" else opened.text.split('"')[3]
        target = f"{POLLING}&sid={sid}"
        assert (await poller.request("POST", target, None, b"40")).text == "ok"
        assert (await poller.request("GET", target)).text.startswith('40{"sid":"')
        assert (await poller.request("POST", target, None, b'421["echo",1]')).text == "ok"
        assert (await poller.request("GET", target)).text == "431[1]"

        wire = await connect(path)
        answer = await wire.request("GET", f"{WEBSOCKET}&sid={sid}", HANDSHAKE)
        assert answer.status == 101
        await wire.send_packet("2probe")
        assert await wire.packet() == "3probe"
        await wire.send_packet("5", '422["echo",2]')
        assert await wire.packet() == "432[2]"
        await wire.send_packet("1")
        assert await wire.close_code() == 1005

        direct = await connect(path)
        assert (await direct.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
        assert str(await direct.packet()).startswith("0{")
        await direct.send_packet("40")
        assert str(await direct.packet()).startswith("40{")
        text = "x" * 100_000
        await direct.send_packet(f'423["echo","{text}"]')
        assert await direct.packet() == f'433["{text}"]'
        for each in (poller, wire, direct):
            await each.close()
