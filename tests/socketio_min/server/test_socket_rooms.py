"""socket.py over the wire: the rooms of a socket, and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min import Limits, Server, Socket, UsageError
from tests.socketio_min.serving import serving
from tests.waiting import until


async def test_rooms_of_a_socket() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        socket.join("a")
        socket.join(["b", "c"])
        socket.join(room for room in ("c", "d"))
        socket.join([])
        assert socket.rooms == {socket.id, "a", "b", "c", "d"}
        socket.leave("b")
        socket.leave("never joined")
        assert socket.rooms == {socket.id, "a", "c", "d"}
        socket.leave(["c", "never joined", "d"])
        socket.leave([])
        assert socket.rooms == {socket.id, "a"}
        socket.join(("c", "d"))
        rooms = socket.rooms
        await client.send("41")
        await until(lambda: not socket.connected)
        assert rooms == {socket.id, "a", "c", "d"}
        assert await io.in_("a").fetch_sockets() == []


async def test_s48_rooms_are_bounded() -> None:
    io = Server(limits=Limits(max_rooms=3, max_room_name=20))
    async with serving(io) as net:
        _, socket = await net.join()
        with pytest.raises(UsageError, match="cannot join 3 more: at most 3"):
            socket.join(["a", "b", "c"])
        assert socket.rooms == {socket.id}
        socket.join(["a", "b"])
        with pytest.raises(UsageError, match="max_rooms"):
            socket.join("c")
        # It is in these already.
        socket.join(["a", "b", "a", socket.id])
        socket.leave("a")
        socket.join("x" * 20)
        socket.leave("b")
        with pytest.raises(UsageError, match="21 characters, expected at most 20"):
            socket.join("x" * 21)
        assert socket.rooms == {socket.id, "x" * 20}


@pytest.mark.parametrize("how", ["join", "sockets_join"])
async def test_a_client_who_asks_for_too_many_rooms_is_told_of_once(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server(limits=Limits(max_rooms=3))

    @io.on("join")
    def join(socket: Socket, room: str) -> bool:
        if how == "join":
            socket.join(room)
        else:
            io.in_(socket.id).sockets_join(room)
        return True

    @io.on_error
    def answer(_socket: Socket, _event: str, _args: list[Any], error: Exception) -> str:
        return str(error)

    async with serving(io) as net:
        client, socket = await net.join()
        with caplog.at_level("WARNING", "socketio_min"):
            for number in range(5):
                await client.send(f'42{number}["join","room {number}"]')
            answers = [await client.receive() for _ in range(5)]
        refusal = "a socket in 3 rooms cannot join 1 more: at most 3 (max_rooms)"
        assert answers == [
            "430[true]",
            "431[true]",
            *[f'43{number}["{refusal}"]' for number in (2, 3, 4)],
        ]
        assert caplog.messages == [
            "the handler of 'join' in namespace / asked for more than a client may have "
            f"({refusal}); this is told once for each event"
        ]
        assert socket.rooms == {socket.id, "room 0", "room 1"}


async def test_s49_the_id_of_another_socket_is_no_room_to_join() -> None:
    io = Server()
    async with serving(io) as net:
        one, socket = await net.join()
        _, other = await net.join()
        with pytest.raises(UsageError, match="id of another socket"):
            socket.join(["room", other.id])
        assert socket.rooms == {socket.id}
        with pytest.raises(UsageError, match="id of another socket"):
            io.to(socket.id).sockets_join(other.id)
        socket.join(socket.id)
        other.emit("secret")
        await one.nothing_more()


@pytest.mark.parametrize("rooms", [1, b"room", ["a", 1], [b"room"], None])
async def test_the_name_of_a_room_is_a_string(rooms: Any) -> None:
    io = Server()
    async with serving(io) as net:
        _, socket = await net.join()
        for function in (socket.join, socket.leave, io.to, io.except_, socket.to, io.sockets_join):
            with pytest.raises(UsageError, match="as the name of a room, expected a str"):
                function(rooms)
        assert socket.rooms == {socket.id}
