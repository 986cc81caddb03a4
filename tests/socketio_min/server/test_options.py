"""options.py: what a server can be told besides Engine.IO's options, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min import Limits, Recovery, UsageError
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.server.options import SocketIOOptions


def test_the_defaults() -> None:
    own = SocketIOOptions()
    assert (own.connect_timeout, own.parser, own.limits) == (45.0, JSON_PARSER, Limits())
    assert own.adapter is None
    assert own.connection_state_recovery is None
    assert SocketIOOptions(connection_state_recovery=Recovery()).connection_state_recovery


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"parser": None}, "parser: got None"),
        ({"limits": {}}, "limits: got a value of type dict"),
        ({"adapter": "redis"}, "adapter: got 'redis', expected a function"),
        (
            {"connection_state_recovery": True},
            "connection_state_recovery: got a value of type bool",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SocketIOOptions(**options)
