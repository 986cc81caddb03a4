"""How the text of a setting is read.

A reader takes the text and returns the value, or raises ValueError. `expected` says what the reader
takes, for the message and the help.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of something, within bounds."""

    unit: str
    lowest: int
    highest: int

    @property
    def expected(self) -> str:
        return f"{self.unit}, a whole number from {self.lowest} to {self.highest}"

    def __call__(self, text: str) -> int:
        # The specification of the events writes 1e8.
        match = re.fullmatch(r"([0-9]{1,12})(?:e([0-9]))?", text)
        if match is None:
            raise ValueError
        number = int(match[1] + "0" * int(match[2] or 0))
        if not self.lowest <= number <= self.highest:
            raise ValueError
        return number


class Milliseconds:
    """A time of at most a day, read as seconds."""

    _whole = Whole("milliseconds", 1, 86_400_000)
    expected = _whole.expected

    def __call__(self, text: str) -> float:
        return self._whole(text) / 1_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return " or ".join(self.words)

    def __call__(self, text: str) -> str:
        if text not in self.words:
            raise ValueError
        return text


class Origins:
    """ "*", or origins separated by commas."""

    expected = "* or origins such as https://app.example.com, separated by commas, without a path"
    _pattern = re.compile(
        r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])"
        r"(:(?P<port>[0-9]{1,5}))?"
    )
    _default_ports: Final = {("http", 80), ("https", 443)}

    def __call__(self, text: str) -> tuple[str, ...]:
        parts = [part.strip().lower() for part in text.split(",")]
        return ("*",) if parts == ["*"] else tuple(map(self._origin, parts))

    def _origin(self, text: str) -> str:
        match = self._pattern.fullmatch(text)
        if match is None:
            raise ValueError
        scheme, host, port = match["scheme"], match["host"], int(match["port"] or 0)
        if port > 65_535:
            raise ValueError
        # A browser leaves out the port that the scheme implies.
        implied = match["port"] is None or (scheme, port) in self._default_ports
        return f"{scheme}://{host}" if implied else f"{scheme}://{host}:{port}"


class Host:
    """A host name or an address."""

    expected = "a host name or an IP address, such as localhost or 0.0.0.0"

    def __call__(self, text: str) -> str:
        host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}", host):
            raise ValueError
        return host


class Directory:
    """A directory."""

    expected = "a directory, such as data"

    def __call__(self, text: str) -> Path:
        if not text or not text.isprintable():
            raise ValueError
        return Path(text)


class Address:
    """The address of an HTTP API."""

    expected = "an address such as http://localhost:11434/v1"

    def __call__(self, text: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
            raise ValueError
        return text


class DatabaseUrl:
    """Where a PostgreSQL is, and how to log in. Characters with a meaning in a URL are escaped in
    it.
    """

    expected = "postgresql://user:password@localhost:5432/name, with %40 for an @ and so on"
    _part = r"[\w.~%!$&'()*+,;=:-]*"
    _pattern = re.compile(
        rf"postgres(ql)?://({_part}@)?(\[[\w:.%]+\](:\d+)?|{_part})(/{_part})?(\?[!-~]*)?", re.ASCII
    )

    def __call__(self, text: str) -> str:
        if not self._pattern.fullmatch(text):
            raise ValueError
        return text


class RedisUrl:
    """Where a Redis is, and how to log in. The adapter reads which kind of Redis it is."""

    expected = "redis://user:password@localhost:6379/0, rediss:// for TLS, or unix:///path"
    _pattern = re.compile(
        r"rediss?(\+sentinel|\+cluster)?://([!-.0-?A-~]*@)?[\w.,:\[\]%-]+(/[\w./%-]*)?"
        r"|unix://(([!-.0-?A-~]*)@)?/[!-~]+",
        re.ASCII,
    )

    def __call__(self, text: str) -> str:
        if not self._pattern.fullmatch(text):
            raise ValueError
        return text


class NodeName:
    """The name that tells this node of a cluster from the others."""

    expected = "two letters or digits, such as AA"

    def __call__(self, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9]{2}", text):
            raise ValueError
        return text


class Word:
    """A name or a key, without spaces."""

    expected = "1 to 1000 printable characters without spaces"

    def __call__(self, text: str) -> str:
        if not re.fullmatch(r"[!-~]{1,1000}", text):
            raise ValueError
        return text


Reader = (
    Whole
    | Milliseconds
    | Choice
    | Origins
    | Host
    | Directory
    | Address
    | DatabaseUrl
    | RedisUrl
    | NodeName
    | Word
)
