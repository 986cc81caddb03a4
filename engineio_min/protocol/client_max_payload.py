"""How much a client may send at once, by the `maxPayload` of the open packet (Engine.IO v4,
"Handshake").

`limit` is `maxPayload`, in bytes. On polling it limits a whole payload, where a binary packet is
base64; on WebSocket it limits a frame. The server's own checks are where it reads: a larger body is
answered with 413 in `transports/polling.py`, and a larger message fails the WebSocket with the code
1009 in `frame_reader.py`.
"""

from __future__ import annotations

from engineio_min.errors import UsageError
from engineio_min.protocol.packets import CLOSE, SEPARATOR, Packet


def check_size(packet: Packet, limit: int, *, is_framed: bool) -> None:
    """Refuse a packet that the server would end the session for.

    Raises:
        UsageError: the packet is larger than the server takes.
    """
    size = len(packet) if is_framed and isinstance(packet, bytes) else encoded_size(packet)
    if size > limit:
        raise UsageError(
            f"got a message of {size} bytes, and the server takes at most {limit}: send less, "
            "or have it raise max_http_buffer_size (maxHttpBufferSize)"
        )


def count_fitting(packets: list[Packet], most: int, limit: int | None) -> int:
    """Return how many packets one POST takes, from the first of `packets` on: `most` at most.

    At least one packet is counted, whatever its size: it is for the server to refuse.
    """
    count = min(len(packets), most)
    if limit is not None:
        size = 0
        for index, packet in enumerate(packets[:count]):
            size += encoded_size(packet)
            if index and size > limit:
                count = index
                break
            size += len(SEPARATOR)
    if 1 < count == len(packets) and packets[-1] == CLOSE:
        # The official server acts on "1" before it delivers what came with it: so the close packet
        # is the only one of its payload.
        count -= 1
    return count


def encoded_size(packet: Packet) -> int:
    """Count the bytes of a packet in a payload (Engine.IO v4, "Packet encoding")."""
    if isinstance(packet, str):
        return len(packet) if packet.isascii() else len(packet.encode("utf-8", "replace"))
    return 1 + (len(packet) + 2) // 3 * 4
