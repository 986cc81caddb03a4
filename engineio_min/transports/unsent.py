"""How many of the bytes that were written have not reached the peer, as far as the system tells."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

# Fields of Linux's struct tcp_info (linux/tcp.h): segments that are not confirmed, the bytes
# confirmed since the connection opened, and the bytes in the kernel that were never sent.
_TCP_INFO = struct.Struct("=24xI92xQ16xI")


def unsent_and_confirmed(transport: asyncio.Transport) -> tuple[int, int]:
    """Return what waits for the peer and how many bytes it has confirmed; see `Progress`.

    Both are in bytes. The kernel's part of the first is a rough number; the second is 0 where there
    is no TCP_INFO, or no TCP.
    """
    unsent = transport.get_write_buffer_size()
    sock: Any = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_INFO", None)
    if sock is None or option is None:
        return unsent, 0
    try:
        # A twin: uvloop's sockets have no `getsockopt`.
        with socket.socket(fileno=socket.dup(sock.fileno())) as twin:
            info = twin.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO.size)
        unconfirmed, confirmed, in_kernel = _TCP_INFO.unpack(info)
    except (OSError, struct.error):
        # No TCP, or an old kernel.
        return unsent, 0
    return unsent + unconfirmed + in_kernel, confirmed
