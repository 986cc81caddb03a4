"""Names of python-socketio's clients, tried here."""

from __future__ import annotations

import contextlib
import copy
import inspect
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]  # it has no types

from socketio_min import BlockingClient, Client, UsageError
from socketio_min.client.foreign_names import ASYNCHRONOUS, BLOCKING

# What is told elsewhere, or concerns nobody: python-socketio's own constants and log.
UNTOLD = {"logger", "packet_class", "reason", "reserved_events", "is_asyncio_based"}


@pytest.mark.parametrize("kind", ["Client", "BlockingClient", "ClientNamespace"])
def test_each_name_is_answered_with_what_to_write(kind: str) -> None:
    with contextlib.closing(BlockingClient("http://127.0.0.1:1")) as blocking:
        client: Any = blocking if kind == "BlockingClient" else Client("http://127.0.0.1:1")
        if kind == "ClientNamespace":
            client = client.of("/chat")
        here = BLOCKING if kind == "BlockingClient" else ASYNCHRONOUS
        for name, advice in here.items():
            with pytest.raises(AttributeError) as caught:
                getattr(client, name)
            assert isinstance(caught.value, UsageError)
            assert str(caught.value) == (
                f"got {name!r}, which a {kind} does not have: write {advice}"
            )


@pytest.mark.parametrize(
    ("theirs", "ours", "here"),
    [
        (socketio.AsyncClient, Client, ASYNCHRONOUS),
        (socketio.Client, BlockingClient, BLOCKING),
        (socketio.AsyncSimpleClient, Client, ASYNCHRONOUS),
        (socketio.SimpleClient, BlockingClient, BLOCKING),
    ],
)
def test_no_public_name_of_the_other_clients_is_forgotten(
    theirs: type, ours: type, here: dict[str, str]
) -> None:
    public = {name for name, _ in inspect.getmembers(theirs) if not name.startswith("_")}
    assert public - {*dir(ours), *here} - UNTOLD == set()


def test_any_other_name_is_missing_as_ever() -> None:
    client: Any = Client("http://127.0.0.1:1")
    with pytest.raises(AttributeError, match="'Client' object has no attribute 'emitt'") as caught:
        _ = client.emitt
    assert (caught.value.name, caught.value.obj) == ("emitt", client)
    # Python itself looks for names that are not there.
    assert copy.copy(client).name == "/"
