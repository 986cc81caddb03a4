"""The URL of a Redis: one server, one that Sentinels know, or a Redis Cluster."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from socketio_min.errors import UsageError

PORT = 6379
SENTINEL_PORT = 26379

EXPECTED = (
    "expected redis://[user:password@]host[:port][/database], rediss://… for TLS, "
    "unix:///path, redis+sentinel://host[:port],host[:port]/name[/database] or "
    "redis+cluster://host[:port],host[:port]"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis is, and how to log in.

    `hosts` are the server, or the Sentinels that know the server `service`, or some nodes of a
    `cluster`. `path` is that of a Unix socket, without hosts. `tls` is used with servers and not
    with Sentinels.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    service: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    cluster: bool = False
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        places = self.path or ",".join(f"{host}:{port}" for host, port in self.hosts)
        if self.cluster:
            return f"the cluster of {places}"
        return places if self.service is None else f"{self.service} of {places}"


def parse_url(url: str, tls: ssl.SSLContext | None = None) -> Address:
    """Return the address of a URL; `tls` replaces the default context of URLs with TLS.

    Raises:
        UsageError: it is no URL of Redis. The message does not show the password.
    """
    if not isinstance(url, str):
        raise UsageError(f"got {url!r} as the URL of Redis, {EXPECTED}")
    try:
        parts = urlsplit(url)
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return _address(parts, username, password, tls)
    except ValueError as error:
        shown = url.rpartition("@")[2]
        raise UsageError(f"got {shown!r} as the URL of Redis ({error}), {EXPECTED}") from None


def _address(
    parts: SplitResult, username: str | None, password: str | None, tls: ssl.SSLContext | None
) -> Address:
    if parts.scheme == "unix":
        database = parse_qs(parts.query).get("db", ["0"])[0]
        if not parts.path:
            raise ValueError("there is no path")
        return Address(
            path=unquote(parts.path),
            username=username,
            password=password,
            database=_database(database),
        )
    kind, _, topology = parts.scheme.partition("+")
    if kind not in ("redis", "rediss") or topology not in ("", "sentinel", "cluster"):
        raise ValueError("the scheme is unknown")
    port = SENTINEL_PORT if topology == "sentinel" else PORT
    places = parts.netloc.rpartition("@")[2].split(",")
    if topology == "" and len(places) > 1:
        raise ValueError("there are several hosts")
    hosts = tuple(_host(place, port) for place in places)
    service = None
    database = parts.path.strip("/")
    if topology == "sentinel":
        service, _, database = database.partition("/")
        if not service:
            raise ValueError("the name of the server is missing")
    if topology == "cluster" and _database(database):
        raise ValueError("a cluster has no database but 0")
    return Address(
        hosts=hosts,
        service=unquote(service) if service else None,
        username=username,
        password=password,
        database=_database(database),
        cluster=topology == "cluster",
        tls=(tls or ssl.create_default_context()) if kind == "rediss" else None,
    )


def _host(place: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, default if parts.port is None else parts.port


def _database(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal():
        raise ValueError("the database is no number")
    return int(text)
