"""registration.py: what one namespace registers, and what its heirs get of it."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_min.client.namespace import RULES
from socketio_min.errors import UsageError
from socketio_min.registration import Handlers


def one(_value: Any) -> None:
    """Handle an event with one argument."""


def another(_value: Any) -> None:
    """Handle it otherwise."""


def test_an_event_has_one_handler() -> None:
    handlers = Handlers(RULES)
    assert handlers.on("a", one) is one
    with pytest.raises(UsageError, match="'a' has a handler already; take it off first"):
        handlers.on("a", another)
    decorate: Any = handlers.on("b", None)
    assert decorate(another) is another
    assert handlers.by_event == {"a": one, "b": another}


def test_an_heir_begins_as_a_copy_and_gets_what_comes_later() -> None:
    handlers = Handlers(RULES)
    handlers.on("a", one)
    heir = handlers.heir("/x")
    assert heir == handlers
    handlers.on("b", one)
    handlers.on_any(lambda *_event: None)
    assert heir == handlers
    # What it has of its own stays.
    heir.on("c", another)
    handlers.on("c", one)
    assert heir.by_event["c"] is another
    assert heir != handlers


def test_the_last_of_two_is_asked() -> None:
    handlers = Handlers(RULES)
    heir = handlers.heir("/x")

    def own(_event: str, _args: list[Any], _acknowledged: bool) -> None:
        """Handle what nobody does, in the heir."""

    def first(_event: str, _args: list[Any], _acknowledged: bool) -> None:
        """Handle what nobody does."""

    def last(_event: str, _args: list[Any], _acknowledged: bool) -> None:
        """Handle what nobody does, later."""

    handlers.on_other(first)
    assert heir.other is first
    heir.on_other(own)
    handlers.on_other(last)
    assert (handlers.other, heir.other) == (last, own)
