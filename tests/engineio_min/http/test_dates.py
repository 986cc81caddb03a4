"""dates.py: dates as HTTP writes them."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from engineio_min.http.dates import http_date


def test_it_is_the_example_of_the_specification() -> None:
    assert http_date(784111777.9) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("seconds", [0, 951_782_400, 1_735_689_599, 4_102_444_800])
def test_it_agrees_with_the_standard_library(seconds: int) -> None:
    assert http_date(seconds) == formatdate(seconds, usegmt=True)
