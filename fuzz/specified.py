"""The specification of both ends' streams: every frame goes through websockets."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.protocol import Side

from engineio_min.protocol.frame_reader import FrameReader, frame_size
from engineio_min.protocol.packets import Packet


class WebsocketsReader(FrameReader):
    """A reader that leaves large frames to websockets, too."""

    def _begin_large(self, data: bytes, position: int, size: int) -> None:
        return None

    @property
    def is_readable(self) -> bool:
        """Return whether all that came was frames, in an order that they may have."""
        return self._protocol.parser_exc is None


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

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes; return the messages that are complete with them."""
        messages: list[Packet] = []
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
        return self._reader.close_received

    @property
    def is_readable(self) -> bool:
        """Return whether all that came was frames, in an order that they may have."""
        return self._reader.is_readable

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
