"""Fixtures of several files."""

from __future__ import annotations

from tests.engineio_min.conftest import clock
from tests.socketio_min.client_servers import complete, server, servers
from tests.socketio_min.loop_turn import new_loop
from tests.socketio_min.official_parser import oracle

__all__ = ["clock", "complete", "new_loop", "oracle", "server", "servers"]
