"""What a client sends after our close frame: nothing of it matters but its own close frame.

Until that comes, the rest of what is on its way is passed over by the heads of the frames (RFC
6455, sections 5.2, 5.5.1 and 7.1.1). They need no full check: no message comes of them, and the
deadline ends a stream that has no frames at all. Rejected: to let websockets read them, at the
price of twenty messages a frame. Clients that were closed because they flooded the server would
cost it most.
"""

from __future__ import annotations

from typing import Final

from engineio_min.protocol.frame_heads import OPCODE_BITS, frame_size

_CLOSE: Final = 0x08


class AwaitedClose:
    """The frames up to the peer's close frame; `missing` bytes of the first have not come yet.

    `received` says whether the close frame was there, as a whole.
    """

    __slots__ = ("_is_close", "_missing", "received")

    def __init__(self, missing: int) -> None:
        self._missing = missing
        self._is_close = False
        self.received = False

    def pass_over(self, data: bytes, position: int, share: int) -> int:
        """Pass over what there is of the frames that begin before `share`. Return where that ends:
        at the end of `data`, at `share`, or at a head that is not complete.
        """
        end = len(data)
        while position < end:
            if self._missing:
                there = min(self._missing, end - position)
                self._missing -= there
                position += there
                if self._is_close and not self._missing:
                    self.received = True
                    return end
                continue
            size = frame_size(data, position)
            if position >= share or size is None:
                break
            self._is_close = data[position] & OPCODE_BITS == _CLOSE
            self._missing = size
        return position
