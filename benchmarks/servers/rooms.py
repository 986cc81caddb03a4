"""This project's server, with clients that are alone in ROOMS rooms each, besides what they join:
`python -m benchmarks.servers.rooms ROOMS PORT`.
"""

from __future__ import annotations

import sys

from benchmarks.servers.this import make_server, serve
from engineio_min.runner import run
from socketio_min import Server, Socket


def make_crowded_server(rooms: int) -> Server:
    """Return the server of the benchmarks, with more rooms."""
    io = make_server()

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.join([f"{socket.id} {number}" for number in range(rooms)])

    return io


if __name__ == "__main__":
    run(serve(int(sys.argv[2]), make_crowded_server(int(sys.argv[1]))))
