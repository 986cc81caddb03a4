"""options.py: what a client can be told besides Engine.IO's options, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min import ClientLimits, UsageError
from socketio_min.client.options import (
    ReconnectionOptions,
    SocketIOClientOptions,
    check_auth,
)
from socketio_min.protocol.json_parser import JSON_PARSER


def test_the_defaults_are_those_of_the_official_client() -> None:
    own = SocketIOClientOptions()
    assert (own.auth, own.retries, own.ack_timeout, own.parser) == (None, 0, None, JSON_PARSER)
    assert own.limits == ClientLimits()
    coming_back = ReconnectionOptions()
    assert coming_back.reconnection
    assert coming_back.reconnection_attempts is None
    assert (coming_back.reconnection_delay, coming_back.reconnection_delay_max) == (1.0, 5.0)
    assert coming_back.randomization_factor == 0.5


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SocketIOClientOptions, {"auth": "token"}, "auth: got a value of type str"),
        (SocketIOClientOptions, {"retries": -1}, "retries: got -1, expected a number, 0 or more"),
        (SocketIOClientOptions, {"retries": 1}, "retries need an ack_timeout"),
        (SocketIOClientOptions, {"ack_timeout": 0}, "ack_timeout"),
        (SocketIOClientOptions, {"limits": {}}, "limits: got a value of type dict"),
        (SocketIOClientOptions, {"parser": "json"}, "parser: got 'json'"),
        (ReconnectionOptions, {"reconnection": 1}, "reconnection: got 1"),
        (ReconnectionOptions, {"reconnection_attempts": 0}, "reconnection_attempts"),
        (ReconnectionOptions, {"reconnection_delay": 0}, "reconnection_delay"),
        (ReconnectionOptions, {"randomization_factor": 2}, "randomization_factor: got 2"),
        (ClientLimits, {"max_handlers": 0}, "max_handlers"),
    ],
)
def test_what_cannot_be_is_refused(kind: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kind(**options)


def test_a_secret_is_not_repeated() -> None:
    check_auth({"token": "secret"})
    check_auth(lambda: None)
    with pytest.raises(UsageError) as refused:
        check_auth("secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "attempts", "last"),
    [
        (ReconnectionOptions(), 1_000, False),
        (ReconnectionOptions(reconnection_attempts=2), 1, False),
        (ReconnectionOptions(reconnection_attempts=2), 2, True),
        (ReconnectionOptions(reconnection=False), 0, True),
    ],
)
def test_the_last_attempt_is_known(options: ReconnectionOptions, attempts: int, last: bool) -> None:
    backoff = options.backoff()
    for _ in range(attempts):
        backoff.next_delay()
    assert options.is_last(backoff) is last


def test_the_delays_are_those_of_the_options() -> None:
    options = ReconnectionOptions(
        reconnection_delay=2.0, reconnection_delay_max=5.0, randomization_factor=0
    )
    backoff = options.backoff()
    assert [backoff.next_delay() for _ in range(3)] == [2.0, 4.0, 5.0]
