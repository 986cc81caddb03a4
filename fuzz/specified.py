"""The specification of both ends' streams: every frame goes through websockets.

Only what a client sends after the server's close frame is not looked at by anybody, up to its own
close frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.frames import Opcode
from websockets.protocol import SERVER, Side

from engineio_min.protocol.frame_heads import frame_size
from engineio_min.protocol.frame_reader import FrameReader
from engineio_min.protocol.packets import Packet


class WebsocketsReader(FrameReader):
    """A reader that leaves large frames to websockets, too."""

    def _begin_large(self, data: bytes, position: int, size: int) -> None:
        return None

    @property
    def side(self) -> Side:
        """Return whose end it is."""
        return self._protocol.side


class SpecifiedStream:
    """One end of a WebSocket after its handshake, without a fast path."""

    def __init__(
        self,
        side: Side,
        max_size: int,
        extensions: Sequence[Extension] = (),
        *,
        max_text: int | None = None,
    ) -> None:
        self._reader = WebsocketsReader(side, max_size, max_text or max_size, extensions)
        self._head = b""
        # What has come after the server's close frame, and whether a close frame was there.
        self._late: bytearray | None = None
        self._awaited_came = False

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes; return the messages that are complete with them."""
        messages: list[Packet] = []
        if self._late is not None:
            self._receive_late(data)
            return messages
        data, self._head = self._head + data, b""
        position = 0
        while position < len(data) and not self.closed:
            if not self._reader.missing:
                size = frame_size(data, position)
                if size is None:
                    self._head = data[position:]
                    return messages
                position = self._reader.begin(data, position, size, messages)
            else:
                position = self._reader.read(data, position, messages)
        if position < len(data):
            self._reader.await_close(data[position:])
        return messages

    def close(self) -> None:
        """Send a close frame."""
        if not self.closed:
            self._reader.close()
            if self._reader.side is SERVER:
                # What is left of the frame that was begun counts as another one.
                self._late = bytearray(self._head)
                if self._reader.missing:
                    self._late += b"\x82\x7f" + self._reader.missing.to_bytes(8, "big")

    def _receive_late(self, data: bytes) -> None:
        assert self._late is not None
        self._late += data
        size = frame_size(self._late, 0)
        while size is not None and size <= len(self._late):
            self._awaited_came |= self._late[0] & 0x0F == Opcode.CLOSE
            del self._late[:size]
            size = frame_size(self._late, 0)

    def control(self) -> list[bytes]:
        """Return pongs and close frames to be written."""
        return self._reader.control()

    @property
    def failure(self) -> str | None:
        """Return why the connection failed."""
        return self._reader.failure

    @property
    def close_received(self) -> bool:
        """Return whether the peer has sent a close frame."""
        return self._awaited_came or self._reader.close_received

    @property
    def closed(self) -> bool:
        """Return whether a close frame was sent or received."""
        return self._reader.closed

    @property
    def assembling(self) -> bool:
        """Return whether a message or a frame has begun and is not complete."""
        return bool(self._head) or self._reader.assembling

    @property
    def held(self) -> int:
        """Count the bytes kept of what is not complete."""
        return len(self._head) + self._reader.held
