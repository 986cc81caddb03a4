"""Without the extra `redis` nothing of Redis is imported, and what is missing is named."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import socketio_min.cluster.redis


def run(program: str) -> str:
    """Run a program without hiredis; return what it printed."""
    hidden = "import sys; sys.modules['hiredis'] = None; "
    command = [sys.executable, "-c", hidden + program]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_a_server_needs_no_extra() -> None:
    names = "[name for name in sys.modules if 'msgspec' in name or 'cluster.redis' in name]"
    assert run(f"import socketio_min; socketio_min.Server(); print({names})") == "[]\n"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    expected = r"the adapters for Redis need hiredis: pip install 'socketio-min\[redis\]'"
    with pytest.raises(ImportError, match=expected):
        importlib.reload(socketio_min.cluster.redis)
