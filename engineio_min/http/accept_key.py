"""The answer to a WebSocket handshake's key (RFC 6455, section 4.2.2).

SHA-1 comes from Python's own module for it, where there is one: hashlib asks OpenSSL for the names
of everything that it can do, which takes 0.7 MB of every process and more time than the hash.
"""

from __future__ import annotations

import binascii
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def find_sha1(module: str = "_sha1") -> Callable[..., Any]:
    """Return the SHA-1 of a module, or that of hashlib if this Python is built without it."""
    try:
        found: Any = import_module(module)
    except ImportError:
        found = import_module("hashlib")
    function: Callable[..., Any] = found.sha1
    return function


_sha1 = find_sha1()


def accept_key(key: bytes) -> bytes:
    """Return the value of Sec-WebSocket-Accept for that of Sec-WebSocket-Key."""
    digest: bytes = _sha1(key + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)
