"""connect_deadlines.py: a connection joins a namespace in time, or is closed."""

from __future__ import annotations

import pytest

from socketio_min import Server
from tests.socketio_min.server.admitting import REFUSED, refuse
from tests.socketio_min.serving import TRANSPORTS, Transport, advance, serving
from tests.waiting import until


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_that_joins_nothing_is_closed(transport: Transport) -> None:
    io = Server(connect_timeout=0.01)
    async with serving(io) as net:
        client = await net.open(transport)
        assert await client.rest() == []


async def test_refused_connects_do_not_prolong_the_deadline() -> None:
    io = Server(connect_timeout=20.0)
    io.use(refuse)
    async with serving(io) as net:
        client = await net.open()
        deadline = io.connect_deadlines.deadline
        await client.send("40", "40/nope,")
        await client.expect(REFUSED, '44/nope,{"message":"Invalid namespace"}')
        assert io.connect_deadlines.deadline == deadline
        advance(21)
        assert await client.rest() == []


async def test_joining_one_namespace_ends_the_deadline() -> None:
    io = Server(connect_timeout=20.0)
    async with serving(io) as net:
        client = await net.open()
        due = io.connect_deadlines.deadline
        await client.join()
        # Nor does it run again when every namespace has been left.
        await client.send("41", "40/nope,")
        await client.expect('44/nope,{"message":"Invalid namespace"}')
        assert io.connect_deadlines.deadline == due
        advance(21)
        await until(lambda: io.connect_deadlines.deadline == float("inf"))
        await client.join()


async def test_each_connection_has_a_deadline_of_its_own() -> None:
    io = Server(connect_timeout=60.0)
    async with serving(io) as net:
        loop = io.engine.loop
        joining = await net.open()
        silent = [await net.open(), await net.open()]
        due = loop.time() + 60.0
        await until(lambda: loop.time() + 60.0 > due)
        late = await net.open()
        # Whoever has joined is not waited for any more, and the others keep their time.
        await joining.join()
        io.connect_deadlines.handle_timeout(due)
        for client in silent:
            assert await client.rest() == []
        assert due < io.connect_deadlines.deadline <= loop.time() + 60.0
        await late.join()
        await joining.nothing_more()
    # Nothing is watched when all have gone: so says `serving`.
    assert io.connect_deadlines.deadline == float("inf")
