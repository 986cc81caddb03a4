"""Messages from the data frames of a WebSocket (RFC 6455, sections 5.4 and 5.6).

The assembler is the same for both ends. It knows neither masks nor control frames: the frame reader
gives it data frames that websockets has checked, or that need no such check. What websockets leaves
to its user is here: UTF-8, and a limit on the frames of a message.
"""

from __future__ import annotations

import codecs
import io

from engineio_min.errors import ProtocolError
from engineio_min.protocol.frame_heads import (
    CONT,
    INVALID_DATA,
    MESSAGE_TOO_BIG,
    POLICY_VIOLATION,
    TEXT,
)
from engineio_min.protocol.packets import LONG, LongText, Packet

# Frames of one message: empty ones cost memory too, and never reach a limit on bytes.
MAX_FRAMES = 1_024
NOT_UTF8 = "got text that is not UTF-8"


class MessageRefused(ProtocolError):
    """A message that fails the connection with a close frame of `code` (RFC 6455, 7.1.7)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class MessageAssembler:
    """One message at a time, from its first frame to its last.

    `size` counts the bytes of the message that is not complete. `max_text` is the most bytes of a
    text message. With `long_texts` a text message of `LONG` bytes or more is not decoded.
    """

    __slots__ = ("_decoder", "_frames", "_is_text", "_long_texts", "_max_text", "_message", "size")

    def __init__(self, max_text: int, *, long_texts: bool = False) -> None:
        self._max_text = max_text
        self._long_texts = long_texts
        # What it has is given away without being copied.
        self._message: io.BytesIO | None = None
        self._is_text = False
        # Checks text as it comes, so that a bad byte is refused where it is and not at the end.
        self._decoder: codecs.IncrementalDecoder | None = None
        self._frames = 0
        self.size = 0

    @property
    def begun(self) -> bool:
        """Return whether a message has begun and is not complete."""
        return self._message is not None

    def add(self, opcode: int, data: bytes, *, fin: bool) -> Packet | None:
        """Add a data frame; return the message if `fin` completes it.

        The frames come in an order that RFC 6455, section 5.4, allows.

        Raises:
            MessageRefused: the message is too large, has too many frames, or is no UTF-8.
        """
        if fin and opcode != CONT:
            if opcode != TEXT:
                return data
            self.check_text(len(data))
            text = decode_text(data)
            return LongText(data) if self._is_long(data) else text
        self.begin(opcode, len(data))
        self.extend(data, is_last=fin)
        return self.end() if fin else None

    def begin(self, opcode: int, size: int) -> None:
        """Begin a data frame of `size` bytes, which are given to `extend`.

        Raises:
            MessageRefused: the message is too large, or has too many frames.
        """
        if opcode != CONT:
            self._is_text = opcode == TEXT
            self._message = io.BytesIO()
            self._decoder = codecs.getincrementaldecoder("utf-8")() if self._is_text else None
            self._frames = 0
        if self._is_text and self.size + size > self._max_text:
            self.check_text(self.size + size)
        self._frames += 1
        if self._frames > MAX_FRAMES:
            raise MessageRefused(
                POLICY_VIOLATION,
                f"got a message of more than {MAX_FRAMES} frames, expected fewer and larger ones",
            )

    def extend(self, data: bytes, *, is_last: bool) -> None:
        """Add bytes to the message, of which these may be the last.

        Raises:
            MessageRefused: they are no UTF-8.
        """
        assert self._message is not None
        self.size += self._message.write(data)
        if self._decoder is not None:
            try:
                self._decoder.decode(data, is_last)
            except UnicodeDecodeError:
                raise MessageRefused(INVALID_DATA, NOT_UTF8) from None

    def end(self) -> Packet:
        """Return the message, which is complete."""
        assert self._message is not None
        message = self._message.getvalue()
        self.give_up()
        if not self._is_text:
            return message
        return LongText(message) if self._is_long(message) else message.decode()

    def _is_long(self, message: bytes) -> bool:
        return self._long_texts and len(message) >= LONG

    def check_text(self, size: int) -> None:
        """Refuse a text message of `size` bytes or more if these are too many.

        Raises:
            MessageRefused: `size` is above the limit.
        """
        if size > self._max_text:
            raise MessageRefused(
                MESSAGE_TOO_BIG,
                f"got a text message of at least {size} bytes, expected at most {self._max_text}",
            )

    def give_up(self) -> None:
        """Forget the message that is not complete."""
        self._message = self._decoder = None
        self.size = 0


def decode_text(data: bytes) -> str:
    """Return the text of a whole text message (RFC 6455, section 8.1).

    Raises:
        MessageRefused: `data` is no UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MessageRefused(INVALID_DATA, NOT_UTF8) from None
