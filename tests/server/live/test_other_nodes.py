"""What other nodes have told of their users: rounds, deaths, bounds."""

from __future__ import annotations

import msgspec
import pytest

from server.live import other_nodes
from server.live.node_messages import LiveMessage, Person, Round, Whereabouts, read
from server.live.other_nodes import OtherNodes

Change = tuple[str, str, list[str] | None, list[str] | None]


class Heard:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.others = OtherNodes(self._changed)

    def _changed(self, node: str, before: Whereabouts | None, after: Whereabouts | None) -> None:
        named = after or before
        assert named is not None
        projects = [None if one is None else one.projects for one in (before, after)]
        self.changes.append((node, named.person.id, projects[0], projects[1]))

    def news(self) -> list[Change]:
        changes, self.changes = self.changes, []
        return changes


@pytest.fixture
def heard() -> Heard:
    return Heard()


def there(name: str, *projects: str, is_here: bool = True, **answers: str) -> Whereabouts:
    return Whereabouts(Person(name, name), is_here, list(projects), answers=answers)


def test_what_changes_is_told_once(heard: Heard) -> None:
    for _ in range(2):
        assert heard.others.take(LiveMessage("a", users=[there("ada", "p")]), 0.0)
    assert heard.news() == [("a", "ada", None, ["p"])]
    heard.others.take(LiveMessage("b", users=[there("ada", "q")]), 0.0)
    assert heard.others.projects("ada") == {"p", "q"}
    assert heard.others.has("ada")
    heard.news()
    heard.others.take(LiveMessage("a", users=[there("ada", is_here=False)]), 0.0)
    assert heard.news() == [("a", "ada", ["p"], None)]
    heard.others.take(LiveMessage("a", users=[there("ada", is_here=False)]), 0.0)
    assert heard.news() == []
    assert [*heard.others.users()] == ["ada"]
    heard.others.drop("b")
    assert heard.news() == [("b", "ada", ["q"], None)]
    assert not heard.others.has("ada")


def test_whom_a_whole_round_does_not_name_is_gone(heard: Heard) -> None:
    heard.others.take(LiveMessage("a", users=[there("ada"), there("bob"), there("eve")]), 0.0)
    heard.news()
    heard.others.take(LiveMessage("a", users=[there("ada")], round=Round(1, 2)), 0.0)
    # A change between two pieces is newer than the round.
    heard.others.take(LiveMessage("a", users=[there("joe")]), 0.0)
    heard.others.take(LiveMessage("a", users=[there("bob")], round=Round(1, 2)), 0.0)
    assert [change[1] for change in heard.news()] == ["joe", "eve"]
    assert sorted(heard.others.users()) == ["ada", "bob", "joe"]


def test_a_round_of_which_a_piece_is_lost_takes_nobody_away(heard: Heard) -> None:
    heard.others.take(LiveMessage("a", users=[there("ada"), there("bob")]), 0.0)
    heard.others.take(LiveMessage("a", users=[there("ada")], round=Round(1, 2)), 0.0)
    heard.others.take(LiveMessage("a", users=[there("bob")], round=Round(2, 2)), 0.0)
    assert sorted(heard.others.users()) == ["ada", "bob"]
    heard.others.take(LiveMessage("a", round=Round(2, 2)), 0.0)
    assert sorted(heard.others.users()) == ["bob"]


def test_silence_is_noticed(heard: Heard) -> None:
    heard.others.take(LiveMessage("a"), 1.0)
    heard.others.take(LiveMessage("b"), 2.0)
    heard.others.take(LiveMessage("a"), 3.0)
    assert heard.others.silent(2.5) == ["b"]
    heard.others.drop("b")
    heard.others.drop("b")
    assert heard.others.silent(9.0) == ["a"]


def test_an_answer_is_known_until_it_ends(heard: Heard) -> None:
    others = heard.others
    # Its user's connection is lost.
    others.take(LiveMessage("a", users=[there("ada", is_here=False, request="p")]), 0.0)
    assert others.answer("request") == ("ada", "p")
    assert (others.is_answering("p"), others.is_answering("q")) == (True, False)
    assert (others.answers_of("ada"), others.answers_of("bob")) == (1, 0)
    assert not others.has("ada")
    others.take(LiveMessage("a", users=[there("ada")]), 0.0)
    assert others.answer("request") is None
    assert not others.is_answering("p")


def test_nodes_and_users_are_bounded(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_nodes, "MOST_NODES", 1)
    monkeypatch.setattr(other_nodes, "MOST_USERS", 2)
    assert heard.others.take(LiveMessage("a", users=[there(one) for one in "xyz"]), 0.0)
    assert [*heard.others.users()] == ["x", "y"]
    assert not heard.others.take(LiveMessage("b", users=[there("z")]), 0.0)
    assert not heard.others.has("z")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"node": ""},
        {"node": "a", "users": [{}]},
        {"node": "a", "users": [{"person": {"id": "x\n", "name": "x"}, "isHere": True}]},
        {"node": "a", "users": [{"person": {"id": "x", "name": "x"}, "isHere": 1}]},
        {"node": "a", "users": [{"person": {"id": "x", "name": "x"}, "isHere": True}] * 201},
        {"node": "a", "round": {"number": 1, "pieces": 0}},
        {"node": "a", "typing": [{"person": {"id": "x", "name": "x"}, "projectId": "p"}]},
    ],
)
def test_what_is_no_message_is_refused(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(value)


def test_a_message_travels() -> None:
    message = LiveMessage("a", users=[there("ada", "p", request="p")], round=Round(1, 1))
    assert read(msgspec.to_builtins(message)) == message
