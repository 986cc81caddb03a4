"""The Engine.IO server, from the routing of a request to the writes at the end of a turn."""

from engineio_min.server.server import Server

__all__ = ["Server"]
