"""origins.py: which pages may use a server, and what the log says to the others."""

from __future__ import annotations

import pytest

from engineio_min.cors import CorsOptions
from tests.engineio_min.harness import ERROR, POLLING, WEBSOCKET, Harness, serving
from tests.engineio_min.wire import HANDSHAKE

ALLOWED = "http://allowed.example"


FOREIGN = "http://foreign.example"


def allowed_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control")}


async def test_without_cors_only_the_same_origin_and_no_origin_pass(harness: Harness) -> None:
    for headers in ({}, {"Origin": "http://localhost"}, {"Origin": "https://localhost"}):
        response = await harness.request("GET", POLLING, headers)
        assert response.status == 200
        assert allowed_headers(response.headers) == {}
        assert "vary" not in response.headers


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://localhost:81", "http://localhost.evil", "x", ""]
)
async def test_a_foreign_origin_is_refused_on_every_transport(
    harness: Harness, origin: str
) -> None:
    poller = await harness.poller()
    for method, target, headers in (
        ("GET", POLLING, {}),
        ("GET", poller.target, {}),
        ("POST", poller.target, {}),
        ("GET", WEBSOCKET, HANDSHAKE),
        ("GET", poller.upgrade_target, HANDSHAKE),
    ):
        response = await harness.request(method, target, {**headers, "Origin": origin})
        assert response.status == 403
        assert response.json == {"code": 4, "message": "Origin not allowed"}
    assert len(harness.connections) == 1


async def test_a_refused_origin_is_named_once_in_the_log(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await harness.request("GET", POLLING, {"Origin": FOREIGN})
    assert [record.getMessage() for record in caplog.records] == [
        f"refused the origin '{FOREIGN}'; allow it with the option cors=['{FOREIGN}']"
    ]


async def test_an_application_names_its_own_setting(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(cors=CorsOptions(ALLOWED, setting="PAGES")) as harness:
        await harness.request("GET", POLLING, {"Origin": FOREIGN})
        assert caplog.messages == [f"refused the origin '{FOREIGN}'; allow it with PAGES"]
        poller = await harness.poller()
        await harness.request("POST", poller.target, {"Origin": FOREIGN})
        assert caplog.messages[-1].endswith("if the page is another host's, PAGES allows it")


@pytest.mark.parametrize("origin", ["null", "file://", "http://localhost:81", "app://x"])
async def test_what_the_log_advises_is_accepted(
    harness: Harness, caplog: pytest.LogCaptureFixture, origin: str
) -> None:
    await harness.request("GET", POLLING, {"Origin": origin})
    assert caplog.messages[-1].endswith(f"allow it with the option cors=['{origin}']")
    assert CorsOptions(origin=[origin]).allows(origin)


async def test_the_log_advises_nothing_for_what_is_no_origin(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.request("GET", POLLING, {"Origin": "http://x/y"})
    assert caplog.messages == ["refused the origin 'http://x/y', which is none"]


async def test_the_log_does_not_grow_with_the_origins(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await harness.wire()
    for number in range(110):
        response = await wire.request("GET", POLLING, {"Origin": f"http://{number}.example"})
        assert response.status == 403
    assert len(caplog.records) == 100


def test_the_refusal_has_its_own_words() -> None:
    assert ERROR[4] == "Forbidden"


@pytest.mark.parametrize("target", [POLLING, WEBSOCKET])
async def test_a_predicate_that_fails_allows_nothing(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    def rule(origin: str) -> bool:
        raise RuntimeError("a mistake")

    async with serving(cors=CorsOptions(origin=rule)) as harness:
        headers = {"Origin": "http://a.com"} | (HANDSHAKE if target == WEBSOCKET else {})
        response = await harness.request("GET", target, headers)
        assert (response.status, response.json["message"]) == (403, "Origin not allowed")
        assert "access-control-allow-origin" not in response.headers
        assert "cors failed for the origin 'http://a.com', which is refused" in caplog.text


@pytest.mark.parametrize("cors", [None, "*", "http://a.com"])
async def test_an_image_of_another_site_opens_no_session(cors: str | None) -> None:
    """A GET that needs no permission has no Origin; with many of them a page would use up what one
    address may have.
    """
    async with serving(cors=cors) as harness:
        response = await harness.request("GET", POLLING, {"Sec-Fetch-Site": "cross-site"})
        assert response.status == 403
        assert response.json == {"code": 4, "message": "Origin not allowed"}
        assert not harness.connections
        for site in ("same-origin", "same-site", "none"):
            assert (await harness.request("GET", POLLING, {"Sec-Fetch-Site": site})).status == 200


async def test_a_page_of_another_site_that_names_an_allowed_origin_may_begin() -> None:
    async with serving(cors=FOREIGN) as harness:
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": FOREIGN}
        assert (await harness.request("GET", POLLING, headers)).status == 200
