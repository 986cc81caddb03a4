"""SHA-1, which the answer to a WebSocket handshake needs (RFC 6455, section 4.2.2).

It comes from Python's own module for it, where there is one: hashlib asks OpenSSL for the names of
everything that it can do, which takes 0.7 MB of every process and more time than the hash.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def find_sha1(module: str = "_sha1") -> Callable[..., Any]:
    """Return the SHA-1 of a module, or that of hashlib if this Python is built without it."""
    try:
        found: Any = import_module(module)
    except ImportError:
        found = import_module("hashlib")
    function: Callable[..., Any] = found.sha1
    return function


sha1 = find_sha1()
