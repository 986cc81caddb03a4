"""TCP connections in memory, with what goes wrong on them.

A `Link` is asyncio's transport as its documentation and its selector transport have it: reads come
one a turn of the loop, writes wait when the peer does not read and pause the protocol above a
limit, `close` flushes, `abort` does not, the end is told by `connection_lost` on a later turn, and
a reset is noticed only by one who reads or writes. The peer's end has the faults: it may stall,
send byte by byte, half-close, reset the connection, or vanish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

READ_SIZE = 262_144
HIGH_WATER = 65_536


class Link(asyncio.Transport):
    """One connection: the server's transport, and the methods of its peer."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        arrived: Callable[[Link], object],
        *,
        half_closes: bool,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._protocol: asyncio.BaseProtocol = protocol
        self._arrived = arrived
        # Over TLS a transport cannot close one direction.
        self._half_closes = half_closes
        # What the peer has got, whether more can come, and whether it takes any.
        self.inbox = bytearray()
        self.ended = False
        self.stalled = False
        # How many bytes the server gets in one read.
        self.slice = READ_SIZE
        self._incoming = bytearray()
        self._peer_ended = False
        self._silent = False
        self._error: Exception | None = None
        self._outgoing = bytearray()
        self._reading = True
        self._writing_paused = False
        self._eof_written = False
        self._closing = False
        # `connection_lost` was called, or is about to be.
        self._losing = False
        self.lost = False
        protocol.connection_made(self)

    # -- the peer's end

    def send(self, data: bytes) -> None:
        """Bytes for the server."""
        if not self._peer_ended and not self._silent:
            self._incoming += data
            self._loop.call_soon(self._read)

    def half_close(self) -> None:
        """Send no more."""
        if not self._silent:
            self._peer_ended = True
            self._loop.call_soon(self._read)

    def reset(self) -> None:
        """Break the connection."""
        self._peer_ended = self.ended = True
        self._error = ConnectionResetError("reset by the peer")
        if self._reading or self._outgoing:
            self._lose(self._error)

    def vanish(self) -> None:
        """Be silent from now on, without a word."""
        self._silent = self.stalled = True
        self._incoming.clear()

    def stall(self) -> None:
        """Take nothing until `unstall`."""
        self.stalled = True

    def unstall(self) -> None:
        """Take what has been waiting."""
        self.stalled = False
        if self._losing or not self._outgoing:
            return
        self._give(bytes(self._outgoing))
        self._outgoing.clear()
        if self._writing_paused:
            self._writing_paused = False
            self._protocol.resume_writing()
        if not self._outgoing:
            if self._closing:
                self._lose(None)
            elif self._eof_written:
                self._end()

    # -- in between

    def _read(self) -> None:
        if not self._reading or self._closing:
            return
        protocol = cast(asyncio.Protocol, self._protocol)
        if self._incoming:
            data = bytes(self._incoming[: self.slice])
            del self._incoming[: self.slice]
            try:
                protocol.data_received(data)
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": "data_received failed", "exception": error, "protocol": protocol}
                )
                self._lose(error)
                return
            if self._incoming or self._peer_ended:
                self._loop.call_soon(self._read)
        elif self._peer_ended:
            self._reading = False
            if not protocol.eof_received():
                self.close()

    def _give(self, data: bytes) -> None:
        self.inbox += data
        self._loop.call_soon(self._arrived, self)

    def _end(self) -> None:
        self.ended = True
        self._loop.call_soon(self._arrived, self)

    def _lose(self, error: Exception | None) -> None:
        if not self._losing:
            self._losing = self._closing = True
            self._reading = False
            self._outgoing.clear()
            self._loop.call_soon(self._connection_lost, error)

    def _connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._end()
        self._protocol.connection_lost(error)

    # -- asyncio.Transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._losing or not data:
            return
        if self._error is not None:
            self._lose(self._error)
        elif not self.stalled:
            self._give(bytes(data))
        else:
            self._outgoing += data
            if len(self._outgoing) > HIGH_WATER and not self._writing_paused:
                self._writing_paused = True
                self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self._outgoing)

    def can_write_eof(self) -> bool:
        return self._half_closes

    def write_eof(self) -> None:
        if self._closing or self._eof_written:
            return
        self._eof_written = True
        if not self._outgoing:
            self._end()

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._closing and not self._reading:
            self._reading = True
            if self._error is not None:
                self._lose(self._error)
            self._loop.call_soon(self._read)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._reading = False
            if not self._outgoing:
                self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40_000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol
