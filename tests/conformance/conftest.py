"""The targets that the cases of both suites talk to.

The suites have the target ping every 300 ms and leave 200 ms for the answer. Here that is so where
a slow client changes nothing; a target with more patience serves the others, so that a session of a
busy machine ends only by what its case is about.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.suites import running


@pytest.fixture(scope="package")
def hasty() -> Iterator[int]:
    """The suites' settings."""
    with running() as port:
        yield port


@pytest.fixture(scope="package")
def pinging() -> Iterator[int]:
    """The suites' pings, and as long for the answer as a busy machine takes."""
    with running("--ping-timeout", "60000") as port:
        yield port


@pytest.fixture(scope="package")
def leaving() -> Iterator[int]:
    """The suites' pings; who does not answer has had time to fetch them, and is put out."""
    with running("--ping-timeout", "3000", "--connect-timeout", "60000") as port:
        yield port


@pytest.fixture(scope="package")
def port() -> Iterator[int]:
    """Nobody is pinged, and there is a minute to join."""
    with running(
        "--ping-interval", "60000", "--ping-timeout", "60000", "--connect-timeout", "60000"
    ) as port:
        yield port
