"""What a mutant may change of what passes through the proxy: nothing, unless it overrides a hook.

A mutant overrides one or two hooks; packets are hooked once for both transports. Each case gets a
mutant of its own, which may remember what it saw.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from conformance.packets import encode_payload
from tests.conformance.messages import Gone, Incoming, Message

Packet = str | bytes
SEPARATOR = b"\x1e"


class Mutant:
    """Changes nothing; mutants override hooks. `frames` is true for those that hook packets of
    WebSockets: only then are frames taken apart.
    """

    frames = False
    # Whether a WebSocket that the server closes stays open for the client.
    keeps_open = False
    # Whether the connection stays open behind the server's close frame.
    lingers = False

    async def opened(self, client: Incoming) -> None:
        """Called with a new connection; returns once it has sent something. `Gone` closes it."""
        await client.fill()
        first = self.raw(bytes(client.buffer))
        if first is None:
            raise Gone
        client.buffer[:] = first

    async def ended(self, client: Incoming) -> None:
        """Called when the client has ended its side, or has reset the connection."""

    def request(self, request: Message) -> Message | None:
        """Change a request in place, or answer it instead of the server."""
        return None

    async def arrived(self, request: Message) -> None:
        """Called before a request is passed on."""

    async def answered(self, request: Message, reply: Message) -> None:
        """Called before the server's answer is passed on."""

    def reply(self, request: Message, reply: Message) -> None:
        """Change an answer in place."""

    def inward(self, packet: Packet) -> list[Packet]:
        """What reaches the server of a client's packet."""
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        """What reaches the client of a server's packet."""
        return [packet]

    def raw(self, data: bytes) -> bytes | None:
        """Change what was read first on a connection; None closes it."""
        return data

    def segment(self, data: bytes) -> bytes:
        """Change what was read at once from a client's WebSocket."""
        return data

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        """The frames that reach the server for a client's; None for the usual way."""
        return None

    def outgoing_pong(self, payload: bytes) -> bytes:
        """Change the payload of a server's pong frame."""
        return payload

    def outgoing_close(self, payload: bytes) -> bytes | None:
        """Change the payload of a server's close frame; None breaks the connection instead."""
        return payload

    def websocket_opened(self, send: Callable[[Packet], None]) -> None:
        """Called with a way to send to a client whose WebSocket has been opened."""

    def read_text(self, data: bytes) -> str:
        """Decode UTF-8; what raises `UnicodeError` is passed on as it is."""
        return data.decode()

    def done(self, request: Message) -> bool:
        """Whether the connection is closed after this answer."""
        return False

    # -- payloads

    def decode(self, body: bytes) -> list[Packet]:
        return [
            base64.b64decode(part[1:], validate=True) if part[:1] == b"b" else self.read_text(part)
            for part in body.split(SEPARATOR)
        ]

    def encode(self, packets: list[Packet]) -> bytes:
        """The body that reaches the client."""
        return encode_payload(packets)
