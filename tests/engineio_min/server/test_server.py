"""`server.py`: which requests are refused, the handlers, ports, the end of it all."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min import (
    Forbidden,
    HttpServer,
    Request,
    RequestRefused,
)
from engineio_min.http.exchange import HttpExchange
from tests.engineio_min.harness import (
    PATH,
    POLLING,
    WEBSOCKET,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import (
    HANDSHAKE,
)

# --- refusals, in the official order of the checks


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 0),
        ("EIO=4", 0),
        ("EIO=4&transport=", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=__proto__", 0),
        ("EIO=4&transport=constructor", 0),
        ("EIO=4&transport=webtransport", 0),
        ("EIO=4&transport=Polling", 0),
        ("EIO=3&transport=abc&sid=x", 0),
        ("EIO=4&transport=polling&sid=x", 1),
        ("EIO=3&transport=polling&sid=x", 1),
        ("EIO=4&transport=polling&sid=__proto__", 1),
        ("EIO=4&transport=polling&sid=", 1),
        ("EIO=4&transport=websocket", 3),
        ("EIO=4&transport=websocket&sid=x", 3),
        ("EIO=4&transport=polling&j=0", 3),
        ("EIO=4&transport=polling&transport=polling", 3),
        ("EIO=4&EIO=4&transport=polling", 3),
        ("EIO=4&transport=polling&sid=a&sid=b", 3),
        ("transport=polling", 5),
        ("EIO=&transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=5&transport=polling", 5),
        ("EIO=abc&transport=polling", 5),
        ("EIO=04&transport=polling", 5),
        ("EIO[]=4&transport=polling", 5),
    ],
)
async def test_refused_requests(harness: Harness, query: str, code: int) -> None:
    assert_refused(await harness.request("GET", f"{PATH}?{query}"), code)
    assert harness.connections == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_a_handshake_by_another_method(harness: Harness, method: str) -> None:
    assert_refused(await harness.request(method, POLLING), 2)
    assert harness.connections == []


async def test_a_handshake_by_head(harness: Harness) -> None:
    wire = await harness.wire()
    response = await wire.request("HEAD", POLLING)
    assert response.status == 400
    assert (await wire.request("GET", POLLING)).status == 200
    assert len(harness.connections) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_session_survives_other_methods(harness: Harness, method: str) -> None:
    poller = await harness.poller()
    assert_refused(await harness.request(method, poller.target), 3)
    await poller.post("4alive")
    assert (await poller.get()).text == "4alive"


async def test_another_version_for_a_session(harness: Harness) -> None:
    poller = await harness.poller()
    target = poller.target.replace("EIO=4", "EIO=3")
    assert_refused(await harness.request("GET", target), 3)
    assert (await harness.request("POST", poller.target.replace("EIO=4&", ""), None, b"4a")).text
    assert harness.received == ["a"]


@pytest.mark.parametrize("query", ["EIO=3&transport=websocket", "transport=websocket"])
async def test_a_websocket_is_refused_before_it_opens(harness: Harness, query: str) -> None:
    assert_refused(await harness.request("GET", f"{PATH}?{query}", HANDSHAKE), 5)


@pytest.mark.parametrize("extra", ["t=" + "x" * 7_000, "b64=1", "a=1&a=2", "%ff=%zz"])
async def test_other_parameters_are_ignored(harness: Harness, extra: str) -> None:
    assert (await harness.request("GET", f"{POLLING}&{extra}")).status == 200


@pytest.mark.parametrize(
    ("transports", "allowed", "refused"),
    [(("polling",), POLLING, WEBSOCKET), (("websocket",), WEBSOCKET, POLLING)],
)
async def test_transports_can_be_switched_off(
    transports: tuple[str, ...], allowed: str, refused: str
) -> None:
    def headers(target: str) -> dict[str, str]:
        return HANDSHAKE if target == WEBSOCKET else {}

    async with serving(transports=transports) as harness:
        assert (await harness.request("GET", allowed, headers(allowed))).status in (200, 101)
        assert_refused(await harness.request("GET", refused, headers(refused)), 0)


async def test_another_path() -> None:
    async with serving(path="/socket.io") as harness:
        response = await harness.request("GET", "/socket.io/?EIO=4&transport=polling")
        assert response.status == 200
        assert (await harness.request("GET", POLLING)).status == 404


async def test_refusals_are_reported() -> None:
    reported: list[tuple[int, str, str]] = []

    def report(error: RequestRefused, request: Request) -> None:
        reported.append((error.code, error.context, request.method))

    async with serving(connection_error=report) as harness:
        await harness.request("GET", f"{POLLING}&sid=x")
        await harness.request("POST", POLLING)
    assert reported == [
        (1, "got the id of no open session", "GET"),
        (2, "got a handshake by POST", "POST"),
    ]


@pytest.mark.parametrize("kind", ["at once", "later", "in a body"])
async def test_a_report_that_fails_changes_no_refusal(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def report(_error: RequestRefused, _request: Request) -> None:
        raise RuntimeError("a mistake")

    async def allow(_request: Request) -> None:
        if kind == "later":
            await asyncio.sleep(0)
            raise Forbidden("no entry")

    async with serving(connection_error=report, allow_request=allow) as harness:
        if kind == "at once":
            assert_refused(await harness.request("GET", f"{POLLING}&sid=x"), 1)
        elif kind == "later":
            response = await harness.request("GET", POLLING)
            assert (response.status, response.json["message"]) == (403, "no entry")
        else:
            poller = await harness.poller()
            assert_refused(await poller.post("x"), 3)
            assert harness.closed == ["parse error"]
    assert "connection_error failed" in caplog.text
    assert "a mistake" in caplog.text


async def test_a_failure_of_the_server_is_not_the_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(HttpServer):
        def handle(self, exchange: HttpExchange) -> None:
            raise RuntimeError("a mistake")

    async with serving(http=Broken()) as harness:
        response = await harness.request("GET", "/elsewhere")
        assert (response.status, response.text) == (500, "the server failed")
        assert "a mistake" in caplog.text
