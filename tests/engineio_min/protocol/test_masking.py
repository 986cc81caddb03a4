"""masking.py: websockets' C function, found with and without its package."""

from __future__ import annotations

import subprocess
import sys

import pytest
from websockets.speedups import apply_mask as original

from engineio_min.protocol.masking import apply_mask, find_apply_mask


@pytest.mark.parametrize("package", ["websockets", "a package that is not there"])
def test_it_is_the_original(package: str) -> None:
    found = find_apply_mask(package)
    for size in (0, 1, 4, 5, 125, 4_097):
        data, mask = bytes(range(256)) * 17, b"\x37\xfa\x21\x3d"
        assert found(data[:size], mask) == original(data[:size], mask)
        assert apply_mask(found(data[:size], mask), mask) == data[:size]


def test_a_server_imports_nothing_large_that_it_does_not_need() -> None:
    script = """
import sys
import socketio_min
io = socketio_min.Server()
large = ("websockets", "importlib.metadata", "email", "zipfile", "difflib", "http.client", "random")
print([name for name in large if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n", run.stderr
