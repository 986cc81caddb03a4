"""The same server under any ASGI 3 host."""

from engineio_min.asgi.application import AsgiApplication

__all__ = ["AsgiApplication"]
