"""Checks of handlers, made when they are registered and not when the first client comes.

A mistake that is found later costs a client its connection or its answer, and the log names a call
inside this package and not the line to mend. If the event never comes, nobody notices the mistake.

This module is public: a library on top of this one checks its own users' handlers with
`check_event` and `check_call`, and asks `most_arguments` how many arguments they take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any

from socketio_min.errors import UsageError

# What programs written for python-socketio register for all events.
ALL = {"*": "expected the name of one event; on_any hears all, on_other those without a handler"}


def check_event(event: object, elsewhere: Mapping[str, str]) -> None:
    """Refuse a value that is no name of an event. `elsewhere` has the names that have another
    meaning in other implementations, with what to write instead.

    Raises:
        UsageError: it is no str, or one of these.
    """
    if not isinstance(event, str):
        raise UsageError(
            f'got {event!r} as the name of an event, expected a str, as in on("name", function) '
            'or @on("name")'
        )
    if event in elsewhere:
        raise UsageError(f"got the event {event!r}, {elsewhere[event]}")


def check_call(what: str, function: object, *arguments: str, more: bool = False) -> None:
    """Refuse a value that cannot be called with `arguments`; with `more`, others may follow these.

    `what` names the value in the error.

    Raises:
        UsageError: it is no function, or one with other parameters.
    """
    if not callable(function):
        raise UsageError(f"got {function!r} as {what}, expected a function")
    try:
        # The parameters of a decorator itself: `functools.wraps` points to those of the function
        # inside, which the decorator may call with more arguments than it gets.
        parameters = signature(function, follow_wrapped=False)
    except ValueError:
        # Some functions written in C do not tell their parameters.
        return
    try:
        (parameters.bind_partial if more else parameters.bind)(*arguments)
    except TypeError as error:
        expected = ", ".join((*arguments, "...") if more else arguments)
        raise UsageError(
            f"got {_name(function)}{parameters} as {what}, expected a function that can be "
            f"called with ({expected}): {error}"
        ) from None


def check_handler(
    event: str, function: object, lifecycle: Mapping[str, tuple[str, ...]], *first: str
) -> None:
    """Refuse a function that cannot handle `event`.

    `lifecycle` has the arguments of the events that this end raises itself; the arguments of every
    other event begin with `first`.

    Raises:
        UsageError: as `check_call`.
    """
    known = lifecycle.get(event)
    arguments = first if known is None else known
    check_call(f"the handler of {event!r}", function, *arguments, more=known is None)


def most_arguments(function: Callable[..., Any]) -> int | None:
    """Return how many arguments a handler takes at most; None for any number, and if that is not
    known.

    If a decorator takes any number of arguments, the parameters of the function inside count.
    """
    for follow_wrapped in (False, True):
        try:
            parameters = signature(function, follow_wrapped=follow_wrapped).parameters.values()
        except ValueError:
            # Some functions written in C do not tell their parameters.
            return None
        if all(parameter.kind is not Parameter.VAR_POSITIONAL for parameter in parameters):
            positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
            return sum(parameter.kind in positional for parameter in parameters)
    return None


def require_plain(function: Callable[..., Any], what: str, reason: str) -> None:
    """Refuse an asynchronous function where nothing awaits its result.

    Raises:
        UsageError: it is one.
    """
    if iscoroutinefunction(function):
        raise UsageError(f"{what} must be a plain function, not async: {reason}")


def _name(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)
