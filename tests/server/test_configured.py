"""The parts of the application that settings decide on."""

from __future__ import annotations

import sys

import pytest

from server.configured import adapter_of
from server.settings import Settings, SettingsError
from socketio_min.cluster.redis import RedisAdapter
from socketio_min.server.server import Server


def test_a_redis_is_what_servers_share() -> None:
    assert adapter_of(Settings()) is None
    server = Server(adapter=adapter_of(Settings(redis_url="redis://localhost")))
    assert isinstance(server.adapter, RedisAdapter)


def test_a_url_that_only_looks_like_one_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        adapter_of(Settings(redis_url="redis://ada:secret@localhost:123456"))
    message = str(caught.value)
    assert message.startswith("REDIS_URL: got 'localhost:123456' as the URL of Redis (Port ")
    assert "secret" not in message


def test_packages_that_lack_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "socketio_min.cluster.redis")
    monkeypatch.setitem(sys.modules, "hiredis", None)
    with pytest.raises(SettingsError) as caught:
        adapter_of(Settings(redis_url="redis://localhost"))
    assert str(caught.value) == (
        "REDIS_URL: its packages are not installed: pip install 'hiredis>=3.2,<4'"
    )
