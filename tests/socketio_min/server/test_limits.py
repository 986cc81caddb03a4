"""limits.py: what one client may make the server keep is a number above 0."""

from __future__ import annotations

from typing import Any

import pytest

from engineio_min.limits.rate_limit import RateLimit
from socketio_min import Limits, UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_namespaces", 0),
        ("max_rooms", -1),
        ("max_pending_acks", "many"),
        ("attachment_timeout", 0),
        ("max_handlers", None),
        ("rate", 5),
        ("byte_rate", 100),
    ],
)
def test_what_is_no_limit(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name):
        Limits(**{name: value})


def test_a_rate_may_be_left_out() -> None:
    assert (Limits().rate, Limits().address_rate, Limits().byte_rate) == (None, None, None)
    assert Limits(rate=RateLimit(rate=1, burst=2)).rate is not None
