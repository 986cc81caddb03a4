"""The other end of a connection, with its own HTTP."""

from engineio_min.client.client import Client

__all__ = ["Client"]
