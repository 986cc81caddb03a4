"""A server that is wrong in everything: after two handshakes it serves nobody.

Between it and the mutants every case must fail at least once: a case that cannot fail is no case.
"""

from __future__ import annotations

import asyncio

OPEN = (
    b'0{"sid":"one-for-all","upgrades":["websocket"],'
    b'"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}'
)
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(OPEN), OPEN)


class Refuse:
    """Serves the two handshakes that tell the timings, and then refuses every request."""

    def __init__(self) -> None:
        self.handshakes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.handshakes += 1
            if self.handshakes <= 2:
                writer.write(FOUND)
            else:
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            writer.close()
