"""sha1.py: the hash of a WebSocket handshake, with and without Python's own module for it."""

from __future__ import annotations

import hashlib

import pytest

from engineio_min.http.sha1 import find_sha1, sha1


@pytest.mark.parametrize("module", ["_sha1", "a module that is not there"])
def test_every_python_has_the_hash(module: str) -> None:
    expected = hashlib.sha1(b"abc", usedforsecurity=False).digest()
    assert find_sha1(module)(b"abc", usedforsecurity=False).digest() == expected
    assert sha1(b"abc", usedforsecurity=False).digest() == expected
