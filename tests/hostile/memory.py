"""A TCP connection without TCP: bytes go straight into the server's protocol and come out again."""

from __future__ import annotations

import asyncio
from typing import Any


class MemoryTransport(asyncio.Transport):
    """The server's end of a connection whose peer is the test."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.sent = bytearray()
        # The server has ended its side; the connection is gone.
        self.ended = False
        self.lost = False
        self._eof = False
        self.reading = True
        self._protocol: asyncio.BaseProtocol = protocol
        # What has come while the server does not read, as in the kernel's buffer.
        self._unread = bytearray()
        protocol.connection_made(self)

    def receive(self, data: bytes) -> None:
        """The peer sends bytes."""
        self._unread += data
        self._deliver()

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        self.ended = self.lost = True
        protocol = self._protocol
        assert isinstance(protocol, asyncio.Protocol)
        protocol.connection_lost(error)

    def _deliver(self) -> None:
        while self._unread and self.reading and not self.lost:
            data = bytes(self._unread)
            self._unread.clear()
            protocol = self._protocol
            assert isinstance(protocol, asyncio.Protocol)
            protocol.data_received(data)

    # -- asyncio.Transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40_000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._eof:
            raise RuntimeError("cannot write after the end")  # as asyncio's transports
        if not self.ended:
            self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = self._eof = True

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        if not self.reading:
            self.reading = True
            self._deliver()

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    abort = close
