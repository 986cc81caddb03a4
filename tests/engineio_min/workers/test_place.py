"""place.py: what a worker is told travels in the environment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engineio_min.workers.place import Place, is_worker, take_place


def test_a_place_travels_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_worker()
    assert take_place() is None
    one, two = socket.socketpair()
    place = Place("AA", tmp_path, [one], two)
    assert place.descriptors == [two.fileno(), one.fileno()]
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    assert is_worker()
    taken = take_place()
    assert taken is not None
    assert (taken.name, taken.folder) == ("AA", tmp_path)
    assert [taken.control.detach(), *(one.detach() for one in taken.listeners)] == place.descriptors
    assert not is_worker()
    one.close()
    two.close()
