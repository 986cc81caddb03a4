"""A Socket.IO client of the tests' own: JSON literals over one WebSocket.

It shares no code with the server, so a mistake made twice cannot hide. Everything waits at most
`PATIENCE` seconds; that bounds a failure and decides nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.waiting import PATIENCE


class Client:
    """One connected client. `heard` holds the events that nobody has asked for yet."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._asked = 0
        self.heard: list[list[Any]] = []
        self.id = ""
        # The id of the Engine.IO session.
        self.session = ""

    async def start(self, auth: Any = None) -> None:
        opened = await self._text()
        assert opened.startswith('0{"sid":'), opened
        self.session = json.loads(opened[1:])["sid"]
        await self._websocket.send("40" if auth is None else "40" + json.dumps(auth))
        welcome = await self._text()
        assert welcome.startswith('40{"sid":'), welcome
        self.id = json.loads(welcome[2:])["sid"]

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event without an acknowledgement."""
        await self._send_event("", event, *args)

    async def ask(self, event: str, *args: Any) -> Any:
        """Send an event and return the one argument of its acknowledgement."""
        self._asked += 1
        await self._send_event(f"{self._asked}", event, *args)
        return await self.acknowledged(self._asked)

    async def _send_event(self, number: str, event: str, *args: Any) -> None:
        """Send an event; each value of bytes is an attachment."""
        attachments: list[bytes] = []

        def attached(data: bytes) -> dict[str, Any]:
            attachments.append(data)
            return {"_placeholder": True, "num": len(attachments) - 1}

        text = json.dumps([event, *args], default=attached)
        await self.send(
            f"45{len(attachments)}-{number}{text}" if attachments else f"42{number}{text}"
        )
        for data in attachments:
            await self.send(data)

    async def acknowledged(self, number: int) -> Any:
        """The one argument of the acknowledgement with this number; its `data` may be bytes."""
        text, binary = f"43{number}[", f"461-{number}["
        while not (packet := await self._text()).startswith((text, binary)):
            self._event(packet)
        [answer] = json.loads(packet[packet.index("[") :])
        if packet.startswith(binary):
            assert answer["data"] == {"_placeholder": True, "num": 0}
            async with asyncio.timeout(PATIENCE):
                answer["data"] = await self._websocket.recv()
        return answer

    async def ask_with(self, event: str, payload: dict[str, Any], data: bytes) -> Any:
        """Send an event whose payload has `data` as an attachment; returns as `ask` does."""
        return await self.ask(event, {**payload, "data": data})

    async def ask_for_data(self, event: str, payload: dict[str, Any]) -> tuple[Any, bytes]:
        """Send an event; returns the acknowledgement, and the attachment that is its `data`."""
        answer = await self.ask(event, payload)
        data = answer.pop("data")
        assert isinstance(data, bytes)
        return answer, data

    async def hear(self, event: str) -> tuple[Any, Any]:
        """The data and the envelope of the next event of that name; the library's own have none."""
        while True:
            for index, (name, data, *envelope) in enumerate(self.heard):
                if name == event:
                    del self.heard[index]
                    return data, envelope[0] if envelope else None
            self._event(await self._text())

    async def more(self) -> None:
        """Wait for the next event, whatever it is; it is in `heard` then."""
        self._event(await self._text())

    async def news(self) -> list[tuple[str, Any]]:
        """Name and data of all that was heard and not asked for.

        A round trip makes "nothing came" a fact: messages keep their order, so whatever the server
        sent before this call is there when it answers.
        """
        await self.ask("nothing of that name")
        heard, self.heard = self.heard, []
        return [(name, data) for name, data, _ in heard]

    async def send(self, packet: str | bytes) -> None:
        """Send a packet as it is; bytes are an attachment."""
        await self._websocket.send(packet)

    async def ended(self) -> None:
        """Wait until the server has ended the connection."""
        async with asyncio.timeout(PATIENCE):
            await self._websocket.wait_closed()

    def abort(self) -> None:
        """Reset the connection, as when the client is killed."""
        self._websocket.transport.abort()

    async def close(self) -> None:
        await self._websocket.close()

    def _event(self, packet: str) -> None:
        assert packet.startswith("42["), packet
        self.heard.append(json.loads(packet[2:]))

    async def _text(self) -> str:
        async with asyncio.timeout(PATIENCE):
            while (packet := await self._websocket.recv()) == "2":
                await self._websocket.send("3")
        assert isinstance(packet, str)
        return packet


@asynccontextmanager
async def connected(
    port: int, auth: Any = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Client]:
    """A client of the server on that port, with this payload of its CONNECT."""
    url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    # Whoever has sent too much is not read, so that a close frame of theirs is not answered.
    async with connect(
        url,
        proxy=None,
        ping_interval=None,
        max_size=None,
        additional_headers=headers,
        close_timeout=0.5,
    ) as websocket:
        client = Client(websocket)
        await client.start(auth)
        yield client


async def http_get(
    port: int,
    target: str,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "localhost",
    address: str = "127.0.0.1",
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower-case names) and body of a GET request."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address, port)
        fields = {"Host": host, "Connection": "close", **(headers or {})}
        request = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"GET {target} HTTP/1.1\r\n{request}\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), headers, body
