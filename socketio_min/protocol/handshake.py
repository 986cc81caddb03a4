"""What a client presented when it connected, to this server or to another one of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client presented when it connected.

    `headers` have lower-case names. `time` is when that was, as a date in words, and `issued` the
    same in milliseconds since 1970. `address` is the client's. `xdomain` tells whether there was a
    header `Origin`, `secure` whether TLS ended at the server. `url` and `query` are the request's.
    `auth` is the payload of CONNECT: {} without one, and from the answer to CONNECT on if it takes
    more than 8 KB.
    """

    headers: Mapping[str, str]
    time: str
    address: str
    xdomain: bool
    secure: bool
    issued: int
    url: str
    query: Mapping[str, str]
    auth: Mapping[str, Any]
