"""scale.py: what is measured of one process as its clients and rooms grow."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from benchmarks.generator import Run
from benchmarks.scale import CROWDED, PLAIN, cases, cost_of
from benchmarks.servers.rooms import make_crowded_server
from tests.benchmarks.test_load import listening
from tests.benchmarks.test_report import RESULT
from tests.waiting import PATIENCE


def test_each_part_begins_with_what_the_others_are_compared_with() -> None:
    found = [(case.part, case.title, case.peer.name) for case in cases()]
    for part in ("echo", "fan", "ping"):
        titles = [title for name, title, _ in found if name == part]
        assert titles[:2] == ["1,000 connections", "10,000 connections"]
        assert len(titles) <= 3
    rooms = [(title, peer) for name, title, peer in found if name == "rooms"]
    assert rooms == [
        ("2,000 rooms of 5", PLAIN.name),
        ("2,000 rooms of 5 among 100,000 others", CROWDED.name),
    ]


def test_a_ping_is_a_unit_of_an_idle_client() -> None:
    by_part = {case.part: case for case in cases()}
    result = replace(RESULT, units=10, pings=4, server_seconds=0.00002)
    assert cost_of(by_part["echo"], result) == pytest.approx(2)
    assert cost_of(by_part["ping"], result) == pytest.approx(5)
    assert cost_of(by_part["ping"], replace(result, pings=0)) == float("inf")


async def test_each_client_of_the_crowded_server_is_alone_in_many_rooms() -> None:
    io = make_crowded_server(3)
    rooms = []
    io.on("disconnecting", lambda socket, _: rooms.append(len(socket.rooms)))
    async with listening(io):
        options = ["chat", "--clients", "10", "--room-size", "5", "--seconds", "0.05"]
        started = Run(options, io.port, [os.getpid()])
        result = await asyncio.to_thread(started.result, PATIENCE)
    assert result.error == ""
    # Its own, three that nobody else is in, and that of its five.
    assert rooms == [5] * 10
