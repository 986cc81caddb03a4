"""The cookies of one session: what a server sets is sent back, as load balancers expect.

All requests of a session go to one host and one path, so domains and paths do not matter; names,
ages and `Secure` do. Rejected: `http.cookiejar`, which wants urllib's requests and keeps what a
session has no use for.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

MAX_COOKIES = 50
# Characters of one `Set-Cookie`.
MAX_SIZE = 4_096


class CookieJar:
    """Cookies by name; `time` arguments are seconds since 1970."""

    __slots__ = ("_cookies", "_secure")

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._cookies: dict[str, tuple[str, float | None]] = {}

    def store(self, header: str, time: float) -> None:
        """Take the value of one `Set-Cookie` header; what is malformed or too much is dropped."""
        pair, *attributes = header.split(";")
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not name or not equals or len(header) > MAX_SIZE or not header.isprintable():
            return
        settings = {}
        for attribute in attributes:
            key, _, setting = attribute.partition("=")
            settings[key.strip().lower()] = setting.strip()
        if "secure" in settings and not self._secure:
            return
        expires = _expiry(settings, time)
        if expires is not None and expires <= time:
            self._cookies.pop(name, None)
        elif name in self._cookies or len(self._cookies) < MAX_COOKIES:
            self._cookies[name] = (value, expires)

    def header(self, time: float) -> str:
        """Return the value of the `Cookie` header, empty without cookies."""
        return "; ".join(
            f"{name}={value}"
            for name, (value, expires) in self._cookies.items()
            if expires is None or expires > time
        )


def _expiry(settings: dict[str, str], time: float) -> float | None:
    """Return when a cookie ends; `Max-Age` counts before `Expires` (RFC 6265, section 5.3)."""
    age = settings.get("max-age", "")
    digits = age.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        return time + int(age)
    try:
        return parsedate_to_datetime(settings["expires"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None
