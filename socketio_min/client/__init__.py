"""The client, asynchronous and blocking."""

from socketio_min.client.client import Client

__all__ = ["Client"]
