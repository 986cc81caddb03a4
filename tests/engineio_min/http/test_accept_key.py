"""accept_key.py: the answer to a WebSocket handshake's key."""

from __future__ import annotations

import hashlib

import pytest

from engineio_min.http.accept_key import accept_key, find_sha1


def test_it_is_the_example_of_the_specification() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("module", ["_sha1", "a module that is not there"])
def test_every_python_has_the_hash(module: str) -> None:
    expected = hashlib.sha1(b"abc", usedforsecurity=False).digest()
    assert find_sha1(module)(b"abc", usedforsecurity=False).digest() == expected
