"""The handshake: what a client presented when it connected to this server, or to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client presented when it connected.

    `headers` have lower-case names; `time` is a date string and `issued` the same in milliseconds
    since 1970; `address` is the peer's; `xdomain` tells whether there was an `Origin`; `secure`
    whether TLS ended here; `query` is the request's, `auth` the CONNECT packet's payload ({}
    without one, and from the CONNECT reply on if it takes more than 8 KB).
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
