"""The server: namespaces, sockets, broadcasts."""

from socketio_min.server.server import Server

__all__ = ["Server"]
