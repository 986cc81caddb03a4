"""Packets in MessagePack, as socket.io-msgpack-parser writes them; needs the extra `msgpack`."""

try:
    import msgspec  # noqa: F401
except ImportError:
    raise ImportError(
        "packets in MessagePack need msgspec: pip install 'socketio-min[msgpack]'"
    ) from None

from socketio_min.protocol.msgpack.parser import MsgpackParser

__all__ = ["MsgpackParser"]
