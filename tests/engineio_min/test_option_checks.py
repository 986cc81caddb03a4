"""option_checks.py: what each check lets pass and refuses, and that a secret is not repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from engineio_min.errors import UsageError
from engineio_min.option_checks import (
    check_compression,
    check_flag,
    check_function,
    check_names,
    check_node,
    check_path,
    check_port,
    check_positive,
    check_threshold,
    check_transports,
    check_type,
    take_options,
)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_path, ("/", "/a/b"), ("", "a", "/a b", "/\n", None)),
        (check_port, (0, 3000, 65_535), (-1, 65_536, 70_000, True, 80.0, "80", None)),
        (check_node, ("", "a-", "_9"), ("a", "abc", "a.", None)),
        (check_transports, (["polling"], ("websocket", "polling")), ("polling", [], ["x"], 1)),
        (lambda value: check_flag("x", value), (True, False), (1, None, "yes")),
        (lambda value: check_function("x", value), (None, len), (1, "len")),
        (lambda value: check_compression("x", value), (True, False, 0, 9), (-1, 1.5, None)),
        (lambda value: check_threshold("x", value), (None, 0, 9), (-1, True, 1.5)),
        (lambda value: check_positive("x", value), (1, 0.5), (0, -1, None, "1")),
    ],
)
def test_what_is_let_pass_and_refused(
    check: Callable[[Any], None], good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(UsageError, match=r"got .*expected"):
            check(value)


def test_a_name_that_there_is_not() -> None:
    check_names(["path"], {"path", "cors"})
    with pytest.raises(UsageError, match="'pingInterval', which does not exist: expected ping_in"):
        check_names(["pingInterval"], {"ping_interval", "cors"})
    with pytest.raises(UsageError, match="expected one of cors, path"):
        check_names(["zzz"], {"path", "cors"})


def test_a_value_of_the_wrong_type_is_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"^x: got a value of type str, expected a dict$"):
        check_type("x", "secret", dict, "a dict")


def test_options_are_taken_out_of_what_is_given() -> None:
    @dataclass
    class Own:
        size: int = 1
        name: str = "a"

    given = {"name": "b", "other": 2}
    assert take_options(Own, given) == Own(1, "b")
    assert given == {"other": 2}
