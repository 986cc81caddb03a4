"""Cookies between the requests of one session (RFC 6265, as far as a session needs it)."""

from __future__ import annotations

import pytest

from engineio_min.client.cookies import MAX_COOKIES, CookieJar

# 2026-01-01 00:00:00 UTC
NEW_YEAR = 1_767_225_600.0


def test_cookies_come_back_in_the_order_in_which_they_came() -> None:
    jar = CookieJar(secure=False)
    assert jar.header(NEW_YEAR) == ""
    jar.store("io=abc; Path=/; HttpOnly; SameSite=Lax", NEW_YEAR)
    jar.store(" lb = 1=2 ", NEW_YEAR)
    assert jar.header(NEW_YEAR) == "io=abc; lb=1=2"
    jar.store("io=def", NEW_YEAR)
    assert jar.header(NEW_YEAR) == "io=def; lb=1=2"


@pytest.mark.parametrize(
    "attributes",
    [
        "Max-Age=60",
        "max-age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Thu, 01 Jan 2026 00:01:00 GMT",
        "Max-Age=soon; Expires=Thu, 01 Jan 2026 00:01:00 GMT",
    ],
)
def test_a_cookie_ends(attributes: str) -> None:
    jar = CookieJar(secure=False)
    jar.store(f"a=1; {attributes}", NEW_YEAR)
    assert jar.header(NEW_YEAR + 59) == "a=1"
    assert jar.header(NEW_YEAR + 60) == ""


@pytest.mark.parametrize(
    "attributes", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_cookie_is_taken_back(attributes: str) -> None:
    jar = CookieJar(secure=False)
    jar.store("a=1", NEW_YEAR)
    jar.store(f"a=; {attributes}", NEW_YEAR)
    jar.store(f"b=; {attributes}", NEW_YEAR)
    assert jar.header(NEW_YEAR) == ""


@pytest.mark.parametrize("attributes", ["Expires=never", "Expires", "Max-Age=²", "Expires=, 99999"])
def test_an_end_that_cannot_be_read_is_none(attributes: str) -> None:
    jar = CookieJar(secure=False)
    jar.store(f"a=1; {attributes}", NEW_YEAR)
    assert jar.header(NEW_YEAR * 2) == "a=1"


def test_a_secure_cookie_is_for_tls_only() -> None:
    for secure, header in ((True, "a=1"), (False, "")):
        jar = CookieJar(secure=secure)
        jar.store("a=1; Secure", NEW_YEAR)
        assert jar.header(NEW_YEAR) == header


@pytest.mark.parametrize(
    "header", ["", "a", "=1", "; Path=/", "a=1\x00", "a=1\x1b[2J", "a=" + "b" * 4096]
)
def test_a_malformed_cookie_is_dropped(header: str) -> None:
    jar = CookieJar(secure=True)
    jar.store(header, NEW_YEAR)
    assert jar.header(NEW_YEAR) == ""


def test_there_is_an_end_to_the_number_of_cookies() -> None:
    jar = CookieJar(secure=True)
    for number in range(1000):
        jar.store(f"c{number}=1", NEW_YEAR)
    assert jar.header(NEW_YEAR).count("=") == MAX_COOKIES == 50
    jar.store("c0=2", NEW_YEAR)
    assert jar.header(NEW_YEAR).startswith("c0=2; ")
