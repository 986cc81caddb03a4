"""Whom a text names with an @."""

from __future__ import annotations

import pytest

from server.api.records import User
from server.people.mentions import LOOKED_AT, mentioned

ADA, BOB, LONG = User("u1", "Ada"), User("bob", "bob"), User("u2", "Ada Lovelace")
HERE = User("guest-1", "guest-1")


def named(text: str) -> list[User]:
    return mentioned(text, [ADA, BOB, LONG], lambda name: HERE if name == HERE.id else None)


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("@bob look", [BOB]),
        ("look, @BOB!", [BOB]),
        ("@ada's file, (@bob). @u1", [ADA, BOB]),
        ("@Ada Lovelace and @ada lovelace", [LONG]),
        ("@Ada Love", [ADA]),
        ("@guest-1: hello @guest-1.", [HERE]),
        ("@nobody @", []),
        # Addresses and paths name nobody.
        ("ada@bob bob@example.org @@bob @bob/x.py @bob.py @bob-2 @bobby @bob_", []),
        ("\N{LATIN SMALL LETTER SHARP S}@bob", []),
        ("", []),
    ],
)
def test_a_text_names_people(text: str, users: list[User]) -> None:
    assert named(text) == users


def test_two_of_one_name_are_both_named() -> None:
    other = User("u3", "ada")
    assert mentioned("@ada", [ADA, other], lambda _: None) == [ADA, other]


def test_no_more_signs_are_looked_at() -> None:
    assert named("@x " * LOOKED_AT + "@bob") == []
    assert named("@x " * (LOOKED_AT - 1) + "@bob") == [BOB]
