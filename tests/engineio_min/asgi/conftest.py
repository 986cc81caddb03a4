"""The hosts that the tests of ASGI run under."""

from __future__ import annotations

import pytest

from tests.engineio_min.asgi.real_host import (
    HOSTS,
    HttpKind,
    WebSocketKind,
)


@pytest.fixture(params=HOSTS, ids="-".join)
def host(request: pytest.FixtureRequest) -> tuple[HttpKind, WebSocketKind]:
    kind: tuple[HttpKind, WebSocketKind] = request.param
    return kind
