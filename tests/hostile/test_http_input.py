"""Hostile HTTP over raw sockets: each row is what is sent and what must come back.

An answer is written as its statuses in order, then "close" if the connection must end after them or
"keep" if the next request on it must be served. The ids are those of the project's catalogue of
hostile input (H: HTTP). To add a case, add a row.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest

from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.hostile.stage import NEXT_REQUEST, PATH, POLLING, WEBSOCKET, staged
from tests.waiting import until

# A target whose answer is 400 with code 1, whatever the body: the server has to read up to it.
UNKNOWN = f"{POLLING}&sid=unknown"


@dataclass(frozen=True)
class Row:
    """One case: bytes, and the answers to them."""

    id: str
    data: bytes
    expected: str


def get(headers: str = "", line: str = f"GET {UNKNOWN} HTTP/1.1", host: str = "Host: a") -> bytes:
    fields = f"{host}\r\n" if host else ""
    return f"{line}\r\n{fields}{headers}\r\n".encode("latin-1")


def post(headers: str, body: bytes = b"") -> bytes:
    return get(headers, f"POST {UNKNOWN} HTTP/1.1") + body


def chunked(body: bytes) -> bytes:
    return post("Transfer-Encoding: chunked\r\n", body)


def upgrade(target: str = WEBSOCKET, **changed: str | None) -> bytes:
    """A WebSocket handshake with some headers changed, or left out when None."""
    headers = dict(HANDSHAKE)
    for name, value in changed.items():
        key = name.replace("_", "-")
        headers.pop(key, None)
        if value is not None:
            headers[key] = value
    return encode_request("GET", target, headers)


BOTH = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
BOTH_REVERSED = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"

ROWS = [
    Row("H01-length-and-coding", post(BOTH, b"0\r\n\r\n"), "400 close"),
    Row("H01-coding-and-length", post(BOTH_REVERSED, b"0\r\n\r\n"), "400 close"),
    Row("H01-second-request-in-the-body", post(BOTH, b"0\r\n\r\n" + get()), "400 close"),
    Row("H02-two-lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n"), "400 close"),
    Row("H03-equal-lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n"), "400 close"),
    Row("H03-list-of-lengths", post("Content-Length: 2, 2\r\n", b"4a"), "400 close"),
    *[
        Row(f"H04-length-{length!a}", post(f"Content-Length: {length}\r\n"), "400 close")
        for length in ("+2", "-1", "0x2", "0_2", "1e1", "2 2", "", "\xb2", "2;", "2\t2", "\xd9\xa2")
    ],
    Row("H05-length-of-20-digits", post(f"Content-Length: {2**64}\r\n"), "400 close"),
    Row("H05-length-of-5000-digits", post(f"Content-Length: {'9' * 5000}\r\n"), "400 close"),
    *[
        Row(f"H06-coding-{coding!a}", chunked(b"0\r\n\r\n").replace(b"chunked", coding), "501")
        for coding in (b"xchunked", b"identity", b'"chunked"', b"chunked;a=b", b"gzip, chunked")
    ],
    *[
        Row(
            f"H06-coding-{coding!a}",
            chunked(b"0\r\n\r\n").replace(b"chunked", coding),
            "4xx-5xx close",
        )
        for coding in (b"chunked, identity", b"chunked, chunked", b"\x0bchunked", b"chunked\x0b")
    ],
    Row(
        "H06-coding-twice",
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        "4xx-5xx close",
    ),
    Row(
        "H08-coding-in-1.0",
        chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
        "4xx-5xx close",
    ),
    Row("H09-space-before-colon", post("Transfer-Encoding : chunked\r\n"), "400 close"),
    Row("H09-folded-coding", post("Transfer-Encoding:\r\n chunked\r\n"), "400 close"),
    *[
        Row(f"H10-chunk-size-{size!a}", chunked(size + b"\r\n4a\r\n0\r\n\r\n"), "4xx close")
        for size in (b"0x2", b"+2", b"-2", b"2_", b" 2", b"2 ", b"", b"\t2", b"g")
    ],
    Row("H11-size-line-ends-with-lf", chunked(b"2\n4a\r\n0\r\n\r\n"), "4xx close"),
    Row("H11-bare-cr-after-size", chunked(b"2\r4a\r\n0\r\n\r\n"), "4xx close"),
    *[
        Row(
            f"H11-extension-{octet!a}",
            chunked(b"2;a" + octet + b"\r\n4a\r\n0\r\n\r\n"),
            "4xx close",
        )
        for octet in (b"\n", b"\rx", b"\0")
    ],
    Row("H12-no-end-of-chunk", chunked(b"2\r\n4aXX0\r\n\r\n"), "4xx close"),
    Row("H12-chunk-ends-with-lf", chunked(b"2\r\n4a\n0\r\n\r\n"), "4xx close"),
    Row("H13-size-of-17-digits", chunked(b"F" * 17 + b"\r\n"), "4xx close"),
    Row("H13-size-2^63", chunked(b"8000000000000000\r\n"), "4xx close"),
    Row("H13-a-thousand-zeros", chunked(b"0" * 1000 + b"2\r\n4a\r\n0\r\n\r\n"), "4xx close"),
    Row("H14-long-extension", chunked(b"2;" + b"a" * 20_000 + b"\r\n4a\r\n"), "4xx close"),
    Row("H14-trailers", chunked(b"0\r\n" + b"X-A: 1\r\n" * 12_500 + b"\r\n"), "4xx close"),
    Row("H14-trailing-length", chunked(b"0\r\nContent-Length: 9\r\n\r\n"), "4xx close"),
    Row("H17-bare-lf", get().replace(b"\r\n", b"\n"), "400 close"),
    Row("H17-lf-ends-headers", get()[:-2] + b"\n", "400 close"),
    Row("H17-lf-in-headers", get("X-A: 1\nX-B: 2\r\n"), "400 close"),
    *[
        Row(f"H18-header-{line!a}", get(f"{line}\r\n"), "400 close")
        for line in (
            "X-A: 1\x002",
            "X-A: 1\r2",
            "X-A: 1\x7f",
            "X-A: 1\x012",
            "X A: 1",
            "X-A\x01: 1",
            "X-\xe9: 1",
            ": 1",
            "X-A",
            " X-A: 1",
            "X-A: 1\r\n folded",
            "X-A: 1\r\n\tfolded",
            "X(A): 1",
        )
    ],
    Row("H19-no-host", get(host=""), "400 close"),
    Row("H19-two-hosts", get(host="Host: a\r\nHost: a"), "400 close"),
    *[
        Row(f"H19-host-{host!a}", get(host=f"Host: {host}"), "400 close")
        for host in ("a b", "a@b/c", "a?b", "a#b", "\xe9", "a\\b")
    ],
    *[
        Row(f"H20-version-{version}", get(line=f"GET {UNKNOWN} {version}"), "4xx-5xx close")
        for version in ("HTTP/2.0", "HTTP/1.9", "HTTP/01.1", "http/1.1", "HTTP/1.1 ", "HTTP/1")
    ],
    Row("H20-http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "4xx-5xx close"),
    Row("H20-tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32, "400 close"),
    Row("H21-long-target", get(line=f"GET /{'a' * 8200} HTTP/1.1"), "414 close"),
    Row("H21-endless-target", b"GET /" + b"a" * 40_000, "4xx close"),
    Row("H22-101-headers", get("X-A: 1\r\n" * 100), "431 close"),
    Row("H22-10000-headers", get("X: 1\r\n" * 10_000), "431 close"),
    Row("H22-17-KiB-of-headers", get(f"X-A: {'a' * 16_384}\r\n"), "431 close"),
    Row("H28-length-above-limit", post("Content-Length: 100000000\r\n"), "400 close"),
    Row("H31-expectation", post("Expect: foo\r\nContent-Length: 2\r\n", b"4a"), "417 close"),
    Row("H31-obscured-expectation", post("Expect: y 100-continue\r\nContent-Length: 2\r\n"), "417"),
    Row(
        "H32-get-with-a-body",
        get(f"Content-Length: {len(NEXT_REQUEST)}\r\n") + NEXT_REQUEST,
        "400 close",
    ),
    Row("H33-three-at-once", get() * 3, "400 400 400 keep"),
    Row("H35-connection-close", get("Connection: close\r\n"), "400 close"),
    Row("H35-http-1.0", get(line=f"GET {UNKNOWN} HTTP/1.0"), "400 close"),
    *[
        Row(f"H36-target-{target}", get(line=f"GET {target}{query} HTTP/1.1"), "4xx")
        for query in ("?EIO=4&transport=polling",)
        for target in (
            "http://a/other/",
            "http://a@b/socket.io/",
            "//socket.io/",
            "/socket.io/../socket.io/x",
            "/socket.io/%2e%2e",
            "/socket.io/%00",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/../../etc/passwd",
            "*",
        )
    ],
    Row("H37-connect", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405 close"),
    Row("H37-trace", get(line=f"TRACE {POLLING} HTTP/1.1"), "400 keep"),
    Row("H37-delete", get(line=f"DELETE {POLLING} HTTP/1.1"), "400 keep"),
    Row("H37-lower-case", get(line=f"get {POLLING} HTTP/1.1"), "400 close"),
    Row("H38-upgrade-elsewhere", upgrade("/elsewhere"), "404 close"),
    Row(
        "H39-compressed-body",
        post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", b"4a"),
        "415 close",
    ),
    Row("H40-control-in-origin", get("Origin: http://a\x01b\r\n"), "400 close"),
    Row("H40-line-break-in-origin", get("Origin: http://a\r\n\tX-A: 1\r\n"), "400 close"),
    Row("W01-version-12", upgrade(Sec_WebSocket_Version="12"), "426 close"),
    Row("W01-no-version", upgrade(Sec_WebSocket_Version=None), "426 close"),
    Row("W01-no-key", upgrade(Sec_WebSocket_Key=None), "400 close"),
    Row("W01-short-key", upgrade(Sec_WebSocket_Key="YWJj"), "400 close"),
    Row(
        "W01-two-keys",
        upgrade(Sec_WebSocket_Key=f"{HANDSHAKE['Sec-WebSocket-Key']}\r\nSec-WebSocket-Key: YQ=="),
        "400 close",
    ),
    Row("W01-no-upgrade", upgrade(Upgrade=None), "400 keep"),
    Row("W01-another-upgrade", upgrade(Upgrade="websockets"), "400 close"),
    Row("W03-unknown-session", upgrade(f"{WEBSOCKET}&sid=unknown"), "400 close"),
    Row("W04-polling-with-upgrade", upgrade(POLLING), "400 close"),
    Row("upgrade-without-transport", upgrade(f"{PATH}?EIO=4"), "400 close"),
    Row("upgrade-with-two-transports", upgrade(f"{WEBSOCKET}&transport=polling"), "400 close"),
    Row("upgrade-with-another-version", upgrade(f"{PATH}?EIO=3&transport=websocket"), "400 close"),
    Row("upgrade-by-post", upgrade().replace(b"GET", b"POST"), "4xx close"),
]


def matches(status: int, expected: str) -> bool:
    """Whether a status is `expected`: a number, "4xx" or "4xx-5xx"."""
    if expected.isdigit():
        return status == int(expected)
    return status // 100 in {int(part[0]) for part in expected.split("-")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_hostile_request(row: Row) -> None:
    *statuses, last = row.expected.split()
    if last not in ("close", "keep"):
        statuses.append(last)
    async with staged() as stage:
        wire = await stage.wire()
        await wire.send(row.data)
        for expected in statuses:
            answer = await wire.response()
            assert matches(answer.status, expected), answer
        if last == "close":
            assert await wire.ended() == b""
        elif last == "keep":
            await wire.send(NEXT_REQUEST)
            assert (await wire.response()).status == 404


# --- what takes its time


TIMED = [
    Row("H16-no-last-chunk", chunked(b"2\r\n4a\r\n"), "400 close"),
    Row("H20-http-0.9", f"GET {UNKNOWN}\r\n".encode(), "408 close"),
    Row("H24-slow-headers", get()[:-2], "408 close"),
    Row("H24-one-byte", b"G", "408 close"),
    Row("H25-silence", b"", "close"),
]


@pytest.mark.parametrize("row", TIMED, ids=lambda row: row.id)
async def test_a_request_that_does_not_go_on(row: Row, clock: Clock) -> None:
    *statuses, _ = row.expected.split()
    async with staged(ping_interval=1000) as stage:
        connections = stage.io.engine.http.connections
        before = len(connections)
        wire = await stage.wire()
        await wire.send(row.data)
        await until(lambda: len(connections) > before)
        await stage.honest_client_works()
        await clock.advance(10)
        for status in statuses:
            assert (await wire.response()).status == int(status)
        assert await wire.ended() == b""


@pytest.mark.parametrize("coding", ["Content-Length: 9", "Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_go_on_ends_its_session(coding: str, clock: Clock) -> None:
    """H16 and H26: 30 seconds for the whole body, however often a byte comes."""
    async with staged(ping_interval=1000) as stage:
        target = f"{POLLING}&sid={await stage.polling()}"
        wire = await stage.wire()
        body = b"4" if "Length" in coding else b"1\r\n4\r\n"
        await wire.send(get(f"{coding}\r\n", f"POST {target} HTTP/1.1"))
        for _ in range(29):
            await stage.honest_client_works()
            await clock.advance(1)
        await wire.send(body)
        await stage.honest_client_works()
        await clock.advance(1)
        assert (await wire.response()).status == 408
        assert await wire.ended() == b""
        assert stage.records.reasons == ["transport error"]


async def test_an_expected_continue_comes_only_for_a_body_that_is_wanted() -> None:
    """H30."""
    async with staged() as stage:
        target = f"{POLLING}&sid={await stage.polling()}"
        for length, status in ((2, 100), (1_000_001, 413)):
            wire = await stage.wire()
            headers = f"Expect: 100-continue\r\nContent-Length: {length}\r\n"
            await wire.send(get(headers, f"POST {target} HTTP/1.1"))
            assert (await wire.response()).status == status
            if status == 100:
                await wire.send(b"40")
                assert (await wire.response()).text == "ok"


async def test_requests_behind_a_parked_poll_are_bounded() -> None:
    """H34: what comes after the sixteenth is not even parsed; none is answered early."""
    async with staged() as stage:
        sid = await stage.polling()
        wire = await stage.wire()
        await wire.send(get(line=f"GET {POLLING}&sid={sid} HTTP/1.1") + get() * 250)
        for _ in range(3):
            await stage.honest_client_works()
        assert len(stage.io.engine.sessions) == 2
        waiting = [
            len(protocol._queue)
            for transport in stage.io.engine.http.connections
            if isinstance(protocol := transport.get_protocol(), HttpConnection)
        ]
        assert 16 <= max(waiting) <= 16 + 8_192 // len(get())
        stage.io.engine.sessions[sid].send("now")
        assert (await wire.response()).text == "4now"
        assert len({(await wire.response()).status for _ in range(250)}) == 1
        assert (await wire.request("POST", f"{POLLING}&sid={sid}", body=b"1")).status == 200


def reset(sock: socket.socket) -> None:
    """Close so that the peer gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


@pytest.mark.parametrize("end", ["reset", "half-close"])
@pytest.mark.parametrize("name", ["handshake", "upgrade", "refused upgrade", "post"])
async def test_a_connection_that_breaks_at_every_byte(name: str, end: str) -> None:
    """H42: nothing is logged and nothing stays, wherever the peer vanishes."""
    data = {
        "handshake": encode_request("GET", POLLING),
        "upgrade": upgrade() + b"\x81\x82\0\0\0\x0040",
        "refused upgrade": upgrade(f"{WEBSOCKET}&sid=unknown"),
        "post": post("Content-Length: 9\r\n", b"4hello"),
    }[name]
    async with staged() as stage:
        for place in range(len(data)):
            with socket.create_connection(("127.0.0.1", stage.port)) as sock:
                sock.sendall(data[:place])
                if end == "reset":
                    reset(sock)
                else:
                    sock.shutdown(socket.SHUT_WR)
        await until(lambda: len(stage.io.engine.http.connections) <= 1)
