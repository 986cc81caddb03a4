"""Users by the beginnings of their names. Invariant: what is found is what a look at all finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.api.records import User
from server.people.directory import Directory
from server.people.names import Names

WORDS = st.text(alphabet="aAb@ß", min_size=1, max_size=3)
USERS = st.lists(st.builds(User, WORDS, WORDS), max_size=8, unique_by=lambda user: user.id)


@given(USERS, USERS, WORDS)
def test_all_and_no_others_are_found(loaded: list[User], added: list[User], prefix: str) -> None:
    names = Names()
    names.load(loaded)
    for user in added:
        names.add(user)
    for user in loaded:
        names.remove(user)
    expected = {
        user.id
        for user in added
        for name in (user.id, user.name)
        if "@" not in name and name.casefold().startswith(prefix.casefold())
    }
    assert set(names.find(prefix)) == expected


def test_a_directory_finds_whom_it_has() -> None:
    directory = Directory()
    ada, eve = User("u1", "Ada"), User("eve@example.org", "eve@example.org")
    directory.load([ada, eve, User("bob", "bob")], [])
    # The same again changes nothing; another name is instead of the one before.
    for user in (ada, User("bob", "Adam")):
        directory.add_user(user)

    def found(prefix: str) -> list[User]:
        return list(directory.begin_with(prefix))

    assert found("ada") == [ada, User("bob", "Adam")]
    assert found("BO") == [User("bob", "Adam")]
    assert found("bob") == [User("bob", "Adam")]
    # An address is known to whoever has it in full, and to nobody else.
    assert found("e") == []
    assert found("eve@") == []
    assert found("eve@example.org") == [eve]


def test_a_directory_that_is_loaded_again_has_the_names_of_now() -> None:
    directory = Directory()
    directory.load([User("u1", "Ada"), User("u2", "Bob")], [])
    # What was missed while the database was away: a new name, and a new account.
    directory.load([User("u1", "Adele"), User("u2", "Bob"), User("u3", "Cleo")], [])
    assert directory.user("u1") == User("u1", "Adele")
    assert list(directory.begin_with("ad")) == [User("u1", "Adele")]
    assert list(directory.begin_with("c")) == [User("u3", "Cleo")]
