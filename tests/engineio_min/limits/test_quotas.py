"""quotas.py: how many sessions one address and one user may have."""

from __future__ import annotations

import pytest

from engineio_min.errors import RequestRefused
from engineio_min.limits.quotas import Quotas
from engineio_min.request import Request


def request(client: str, user: str = "") -> Request:
    return Request("GET", "/", {"x-user": user} if user else {}, client)


def user_of(asked: Request) -> str | None:
    return asked.headers.get("x-user")


def test_an_address_has_as_many_as_it_may() -> None:
    quotas = Quotas(None, 2, None, None)
    assert quotas.limited
    first = quotas.take(request("2001:db8::1"))
    quotas.take(request("2001:db8::2"))
    with pytest.raises(RequestRefused, match="max_connections_per_address") as refused:
        quotas.take(request("2001:db8::3"))
    assert (refused.value.status, refused.value.message) == (429, "Too many connections")
    quotas.take(request("2001:db8:0:1::1"))
    quotas.release(first)
    assert quotas.take(request("2001:db8::3")) == (("address", "2001:db8::/64"),)


def test_what_is_refused_for_the_user_is_not_counted_for_the_address() -> None:
    quotas = Quotas(None, 1, user_of, 1)
    seats = quotas.take(request("10.0.0.1", "ada"))
    assert seats == (("address", "10.0.0.1"), ("user", "ada"))
    with pytest.raises(RequestRefused, match="max_connections_per_user"):
        quotas.take(request("10.0.0.2", "ada"))
    quotas.release(quotas.take(request("10.0.0.2", "bob")))
    quotas.release(seats)
    assert len(quotas) == 0


def test_nobody_is_not_counted() -> None:
    quotas = Quotas(lambda _request: None, 1, user_of, 1)
    assert [quotas.take(request("10.0.0.1")) for _ in range(3)] == [(), (), ()]
    assert not Quotas(None, None, user_of, None).limited
