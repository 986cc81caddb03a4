"""limits.py: limits are numbers above 0, and one may be left out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engineio_min import HttpLimits, UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_line", 0),
        ("header_count", -1),
        ("body_timeout", math.nan),
        ("linger", "1"),
        ("connections", None),
        ("connections_per_address", 0),
    ],
)
def test_what_is_no_limit(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name):
        HttpLimits(**{name: value})


def test_an_address_may_have_no_limit() -> None:
    assert HttpLimits(connections_per_address=None).connections_per_address is None
    assert HttpLimits().connections_per_address == 512
