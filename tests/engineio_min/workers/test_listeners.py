"""The listening sockets of the slots."""

from __future__ import annotations

import socket

import pytest

from engineio_min.errors import UsageError
from engineio_min.workers.listeners import bind_all, close_all


def test_each_slot_has_its_own_on_the_same_port() -> None:
    slots = bind_all("127.0.0.1", 0, 3)
    try:
        assert [len(slot) for slot in slots] == [1, 1, 1]
        addresses = {slot[0].getsockname() for slot in slots}
        assert len(addresses) == 1
        assert len({slot[0].fileno() for slot in slots}) == 3
        # Before a worker serves nobody has to wait for it.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(*addresses)
        slots[1][0].listen()
        with socket.create_connection(*addresses):
            pass
    finally:
        close_all(slots)


def test_one_for_all_where_the_kernel_does_not_spread() -> None:
    slots = bind_all("127.0.0.1", 0, 3, spread=False)
    try:
        assert len({slot[0].fileno() for slot in slots}) == 1
    finally:
        close_all(slots)


def test_every_address_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known)
    slots = bind_all("localhost", 0, 2)
    try:
        assert [[one.family for one in slot] for slot in slots] == [
            [socket.AF_INET, socket.AF_INET6]
        ] * 2
        assert len({one.getsockname()[1] for slot in slots for one in slot}) == 1
    finally:
        close_all(slots)


def test_an_address_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            bind_all("127.0.0.1", port, 2)


def test_a_port_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^port: got 70000"):
        bind_all("127.0.0.1", 70_000, 2)
