"""Attachments: the binary messages that follow a packet's text, and take their places in it
(Socket.IO v5, "Packet encoding").
"""

from __future__ import annotations

from typing import Any, Final

from socketio_min.errors import PacketError
from socketio_min.protocol.packets import Packet

MAX_ATTACHMENT_BYTES: Final = 1_000_000
MAX_REFERENCES_PER_ATTACHMENT: Final = 2


class Reconstructor:
    """A BINARY_EVENT or BINARY_ACK that waits for its attachments.

    Make a reconstructor from a decoded packet whose `attachments` is not 0, then `add` each binary
    message that follows, in order of arrival. The placeholders are found and checked at once, so a
    packet with a wrong one is refused before any attachment is kept for it. A placeholder is an
    object whose `_placeholder` is exactly `true`; its `num` is the index of the attachment, an
    integer. Several placeholders may have the same `num`, as the official parser allows, but there
    are at most twice as many placeholders as attachments: the size of the packet stays bounded when
    it is encoded again. An attachment without a placeholder is dropped.

    `max_attachment_bytes` is for all attachments together. `size` is the weight of the packet's
    text in bytes; `received_size` adds the bytes of the attachments that have come.

    Raises:
        PacketError: a placeholder is out of range, or there are too many.
    """

    __slots__ = ("_attachments", "_bytes_left", "_packet", "_slots", "received_size")

    def __init__(
        self, packet: Packet, max_attachment_bytes: int = MAX_ATTACHMENT_BYTES, size: int = 0
    ) -> None:
        self._packet = packet
        self.received_size = size
        self._bytes_left = max_attachment_bytes
        self._attachments: list[bytes] = []
        self._slots: list[tuple[Any, Any, int]] = []
        self._find_placeholders(packet[2], packet[4])

    def add(self, attachment: str | bytes) -> Packet | None:
        """Take the next attachment; return the whole packet when it was the last, else None.

        The whole packet has type EVENT or ACK and no attachments to come; its data is the list
        given to the constructor, with the binary values in their places. Do not call again then.

        Raises:
            PacketError: it is text, or the attachments together exceed `max_attachment_bytes`.
        """
        if isinstance(attachment, str):
            raise PacketError("got text while a packet's attachments were due")
        self._bytes_left -= len(attachment)
        if self._bytes_left < 0:
            raise PacketError(
                f"got attachments of {-self._bytes_left} bytes more than the limit: "
                "expected less binary data in one packet; close the connection"
            )
        self.received_size += len(attachment)
        self._attachments.append(attachment)
        type_, namespace, data, ack_id, count = self._packet
        if len(self._attachments) < count:
            return None
        for container, key, num in self._slots:
            container[key] = self._attachments[num]
        return type_ - 3, namespace, data, ack_id, 0

    def _find_placeholders(self, data: list[Any], count: int) -> None:
        containers: list[Any] = [data]
        while containers:
            container = containers.pop()
            is_dict = type(container) is dict
            for key, value in container.items() if is_dict else enumerate(container):
                if type(value) is dict:
                    if value.get("_placeholder") is not True:
                        containers.append(value)
                        continue
                    num = value.get("num")
                    if type(num) is not int or not 0 <= num < count:
                        raise PacketError(
                            f"got a placeholder with num {ascii(num)[:40]}: expected an integer "
                            f"from 0 to {count - 1}; close the connection"
                        )
                    self._slots.append((container, key, num))
                    if len(self._slots) > count * MAX_REFERENCES_PER_ATTACHMENT:
                        raise PacketError(
                            f"got more than {count * MAX_REFERENCES_PER_ATTACHMENT} placeholders "
                            f"for {count} attachments; close the connection"
                        )
                elif type(value) is list:
                    containers.append(value)
