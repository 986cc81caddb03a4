"""foreign_names.py: a name of another implementation says what to write here."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min.foreign_names import MissingName, camel_case, tells_names


@tells_names({"enter_room": "socket.join(room)"})
class Thing:
    """Has a name of its own, and knows one of others."""

    def join_all(self) -> str:
        return "joined"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("enter_room", r"write socket\.join\(room\)"),
        ("enterRoom", r"write socket\.join\(room\)"),
        ("joinAll", "write join_all"),
    ],
)
def test_what_to_write(name: str, advice: str) -> None:
    thing: Any = Thing()
    with pytest.raises(MissingName, match=f"got '{name}', which a Thing does not have: {advice}"):
        getattr(thing, name)
    # It is an AttributeError as well: `hasattr` works.
    assert not hasattr(thing, name)


def test_own_names_stay() -> None:
    assert Thing().join_all() == "joined"
    assert not hasattr(Thing(), "join_none")
    assert camel_case("a_long_name") == "aLongName"
