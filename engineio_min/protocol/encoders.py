"""The encoders of one server: which of them makes the frames of a connection.

Each makes a frame once in a turn of the event loop, for all connections that use it: one for those
who have agreed on nothing, and one for each agreement, of compression (RFC 7692) and of text
instead of binary (Engine.IO v4, "Packet encoding").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from engineio_min.protocol.frame_compression import AgreedEncoder
from engineio_min.protocol.frame_encoding import Encoder, FrameEncoder

if TYPE_CHECKING:
    from websockets.extensions import Extension
    from websockets.extensions.permessage_deflate import (
        PerMessageDeflate,
        ServerPerMessageDeflateFactory,
    )

# Bytes from which a message is compressed, unless an option says otherwise.
THRESHOLD: Final = 1024


class Encoders:
    """The encoders of a server with the option `per_message_deflate`.

    `plain` is for the connections that have agreed on nothing. `deflate` negotiates compression
    with a client, None without the option. `all` are those that have a turn's frames to forget.
    """

    __slots__ = ("_agreed", "_threshold", "all", "deflate", "plain")

    def __init__(self, per_message_deflate: bool | int) -> None:
        self.plain: Encoder = FrameEncoder()
        self.all: list[Encoder] = [self.plain]
        self.deflate: ServerPerMessageDeflateFactory | None = None
        self._agreed: dict[tuple[int | None, bool], Encoder] = {}
        self._threshold = THRESHOLD
        if per_message_deflate is not False:
            from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

            # So that a message is compressed once for all its receivers.
            self.deflate = ServerPerMessageDeflateFactory(server_no_context_takeover=True)
            if per_message_deflate is not True:
                self._threshold = per_message_deflate

    def agreed(self, extensions: Sequence[Extension], *, base64: bool) -> Encoder:
        """Return the encoder for all who have agreed on `extensions`, those of `deflate`.

        With `base64` binary messages leave as text.
        """
        bits = None
        for extension in extensions:
            bits = cast("PerMessageDeflate", extension).local_max_window_bits
        encoder = self._agreed.get((bits, base64))
        if encoder is None:
            encoder = AgreedEncoder(bits, self._threshold, base64=base64)
            self._agreed[bits, base64] = encoder
            self.all.append(encoder)
        return encoder
