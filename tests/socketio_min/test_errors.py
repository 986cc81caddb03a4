"""errors.py: one tree for both packages, so that who embeds them catches one base."""

from __future__ import annotations

import pytest

import engineio_min
import socketio_min
from socketio_min import Client, Server


@pytest.mark.parametrize("name", ["ConnectionFailed", "PacketError", "ProtocolError", "UsageError"])
def test_what_both_packages_raise_is_one_class(name: str) -> None:
    assert getattr(socketio_min, name) is getattr(engineio_min, name)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in socketio_min.__all__
        if isinstance(getattr(socketio_min, name), type)
        and issubclass(getattr(socketio_min, name), Exception)
    ],
)
def test_every_error_has_the_base(name: str) -> None:
    assert issubclass(getattr(socketio_min, name), socketio_min.SocketIOError)


def test_a_wrong_option_of_engineio_is_a_usage_error() -> None:
    with pytest.raises(socketio_min.UsageError, match="ping_interval: got 0"):
        Server(ping_interval=0)
    with pytest.raises(socketio_min.UsageError, match="path: got ''"):
        Client("http://127.0.0.1:1", path="")
