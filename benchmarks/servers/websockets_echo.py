"""websockets alone, echoing what it gets, on uvloop: `python websockets_echo.py PORT`.

It knows nothing of Socket.IO, so it shows what the library below leaves to be gained.
"""

from __future__ import annotations

import contextlib
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def echo(websocket: ServerConnection) -> None:
    # A client that is gone without a close frame is nothing to report.
    with contextlib.suppress(ConnectionClosed):
        async for message in websocket:
            await websocket.send(message)


async def main(port: int) -> None:
    async with serve(echo, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
