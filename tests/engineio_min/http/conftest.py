"""A plain HTTP server with one route, for the tests of our own HTTP."""

from __future__ import annotations

import pytest

from engineio_min import HttpServer
from tests.engineio_min.http.requests import hello


@pytest.fixture
def http() -> HttpServer:
    """A server with one route; serve it with `serving(http=http)`."""
    http = HttpServer()
    http.route("/hello", hello)
    return http
