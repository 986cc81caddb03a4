"""The beginning of a message as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.people.excerpts import LENGTH, excerpt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@ada: the **report** is *late*", "@ada: the report is late"),
        ("see `x * y * z` and [the page](https://example.com/a)", "see x * y * z and the page"),
        ("# Title\n\n- one\n* two\n3. three", "Title one two 3. three"),
        ("So:\n```js\nconst a = `b`;\n```\nand on", "So: const a = b; and on"),
        ("[a](https://example.com)", "a"),
        # What the page draws as it is.
        ("2 * 3 * 4, a_b_c, **open", "2 * 3 * 4, a_b_c, **open"),
        ("word", "word"),
        (" \n", ""),
        ("x" * 1_000, "x" * LENGTH),
        ("**" + "x" * 300 + "** y", "x" * LENGTH),
    ],
)
def test_an_excerpt(text: str, expected: str) -> None:
    assert excerpt(text) == expected


@given(st.text(st.sampled_from("a`*[]()~#- \n"), max_size=LENGTH))
def test_it_only_takes_away(text: str) -> None:
    rest = iter(text.replace("\n", " "))
    found = excerpt(text)
    assert all(character in rest for character in found if character != " ")
    assert (len(found) <= LENGTH, "\n" in found) == (True, False)
