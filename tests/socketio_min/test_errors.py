"""errors.py: one tree for both packages, so that who embeds them catches one base."""

from __future__ import annotations

import pytest

import engineio_min
import socketio_min
from socketio_min import Client, Server
from socketio_min.errors import (
    AcknowledgementTimeout,
    ConnectionRefused,
    EncodeError,
    PacketError,
    ProtocolError,
    SocketIOError,
    UsageError,
)


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


def test_every_error_is_under_one_of_two_roots_and_one_base() -> None:
    assert issubclass(PacketError, ProtocolError)
    assert issubclass(EncodeError, UsageError)
    assert issubclass(EncodeError, TypeError)
    assert not issubclass(UsageError, ProtocolError)
    assert not issubclass(ProtocolError, UsageError)
    for error in (ProtocolError, UsageError, ConnectionRefused, AcknowledgementTimeout):
        assert issubclass(error, SocketIOError)


def test_a_refused_connection_says_why() -> None:
    error = ConnectionRefused()
    assert (str(error), error.message, error.data) == ("not authorized", "not authorized", None)
    error = ConnectionRefused("no seat left", {"code": "E1"})
    assert (str(error), error.message, error.data) == (
        "no seat left",
        "no seat left",
        {"code": "E1"},
    )


def test_a_timeout_keeps_the_answers_that_came() -> None:
    assert issubclass(AcknowledgementTimeout, TimeoutError)
    error = AcknowledgementTimeout()
    assert error.responses == []
    assert "give a longer timeout" in str(error)
    error = AcknowledgementTimeout("2 of 3 answered", ["a", "b"])
    assert (str(error), error.responses) == ("2 of 3 answered", ["a", "b"])
