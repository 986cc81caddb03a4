"""rooms.py: literals, and a state machine against a set of pairs."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from socketio_min.protocol.rooms import Rooms

ROOMS = ("a", "b", "c")


@pytest.fixture
def rooms() -> Rooms[str]:
    registry = Rooms[str]()
    registry.add("s1", ["s1", "red"])
    registry.add("s2", ["s2", "red", "blue"])
    registry.add("s3", ["s3", "blue"])
    registry.add("s4", [])
    return registry


def test_add_reports_the_rooms_joined_and_which_of_them_are_new() -> None:
    registry = Rooms[str]()
    assert registry.add("s1", ["a", "b", "a"]) == [("a", True), ("b", True)]
    assert registry.add("s1", ["a"]) == []
    assert registry.add("s2", ["b", "c"]) == [("b", False), ("c", True)]


def test_remove_reports_the_room_left_and_whether_it_is_gone(rooms: Rooms[str]) -> None:
    assert rooms.remove("s1", "red") == [("red", False)]
    assert rooms.remove("s1", "red") == []
    assert rooms.remove("s2", "red") == [("red", True)]
    assert rooms.remove("s2", "nowhere") == []
    assert rooms.remove("nobody", "blue") == []
    assert rooms.add("s3", ["red"]) == [("red", True)]


def test_remove_all_forgets_the_member(rooms: Rooms[str]) -> None:
    assert rooms.remove_all("s2") == [("s2", True), ("red", False), ("blue", False)]
    assert rooms.remove_all("s2") == []
    assert rooms.remove_all("s3") == [("s3", True), ("blue", True)]
    assert rooms.remove_all("s4") == []
    assert rooms.select() == ("s1",)


def test_both_sides_can_be_read(rooms: Rooms[str]) -> None:
    assert list(rooms.members("red")) == ["s1", "s2"]
    assert list(rooms.members("nowhere")) == []
    assert list(rooms.rooms("s2")) == ["s2", "red", "blue"]
    assert list(rooms.rooms("s4")) == []
    assert list(rooms.rooms("nobody")) == []


def test_reading_an_unknown_name_creates_nothing(rooms: Rooms[str]) -> None:
    rooms.members("nowhere")
    rooms.rooms("nobody")
    rooms.select(["nowhere"], ["nowhere"])
    assert rooms.add("s1", ["nowhere"]) == [("nowhere", True)]
    assert "nobody" not in rooms.select()


@pytest.mark.parametrize(
    ("to", "except_", "selected"),
    [
        ([], [], ("s1", "s2", "s3", "s4")),
        (["red"], [], ("s1", "s2")),
        ({"red"}, set(), ("s1", "s2")),
        (["nowhere"], [], ()),
        (["blue", "red"], [], ("s2", "s3", "s1")),
        (["red", "blue", "nowhere"], [], ("s1", "s2", "s3")),
        ([], ["s2"], ("s1", "s3", "s4")),
        (["red"], ["s2"], ("s1",)),
        (["red"], ["nowhere"], ("s1", "s2")),
        (["red"], ["red"], ()),
        (["red", "blue"], ["s1", "s3"], ("s2",)),
        ([], ["red", "blue"], ("s4",)),
    ],
)
def test_select(
    rooms: Rooms[str], to: list[str], except_: list[str], selected: tuple[str, ...]
) -> None:
    assert rooms.select(to, except_) == selected


def test_a_member_that_left_its_last_room_is_still_selected_by_no_room() -> None:
    registry = Rooms[int]()
    registry.add(1, ["a"])
    assert registry.remove(1, "a") == [("a", True)]
    assert registry.select() == (1,)


@pytest.mark.parametrize(
    ("to", "except_"), [([], []), (["red"], []), (["red", "blue"], []), (["red"], ["s2"])]
)
def test_the_registry_may_change_while_a_selection_is_iterated(
    rooms: Rooms[str], to: list[str], except_: list[str]
) -> None:
    expected = list(rooms.select(to, except_))
    seen = []
    for member in rooms.select(to, except_):
        seen.append(member)
        rooms.remove_all(member)
        rooms.add(f"new {member}", ["red", "blue"])
    assert seen == expected


def test_joining_again_after_leaving_goes_to_the_end(rooms: Rooms[str]) -> None:
    rooms.remove("s1", "red")
    rooms.add("s1", ["red"])
    assert rooms.select(["red"]) == ("s2", "s1")


def test_the_own_room_of_a_member_alone_in_it_takes_no_entry(rooms: Rooms[str]) -> None:
    assert not {"s1", "s2", "s3"} & set(rooms._members)
    assert list(rooms.members("s1")) == ["s1"]
    assert list(rooms.members("s4")) == []
    assert sorted(rooms.names()) == ["blue", "red", "s1", "s2", "s3"]
    assert rooms.add("s4", ["s1"]) == [("s1", False)]
    assert rooms.select(["s1"]) == ("s1", "s4")
    assert rooms.remove("s4", "s1") == [("s1", False)]
    assert rooms.add("s4", ["s4"]) == [("s4", True)]
    assert rooms.remove("s4", "s4") == [("s4", True)]
    assert rooms.remove_all("s1") == [("s1", True), ("red", False)]


def test_a_room_may_be_there_before_the_member_that_it_is_named_as(rooms: Rooms[str]) -> None:
    assert rooms.add("s1", ["s5"]) == [("s5", True)]
    assert rooms.add("s5", ["s5"]) == [("s5", False)]
    assert rooms.select(["s5"]) == ("s1", "s5")
    assert rooms.remove_all("s1") == [("s1", True), ("red", False), ("s5", False)]
    assert rooms.remove_all("s5") == [("s5", True)]


# Two of them have the names of rooms, as every socket has.
MEMBERS = ("a", "b", "x", "y", "z")
members = st.sampled_from(MEMBERS)
some_rooms = st.lists(st.sampled_from(ROOMS), max_size=3)


class RoomsMachine(RuleBasedStateMachine):
    """After any sequence of changes both directions and every selection agree with a set of pairs,
    and a change reports exactly the pairs and the rooms that it made or ended."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms = Rooms[str]()
        self.known: set[str] = set()
        self.pairs: set[tuple[str, str]] = set()

    def occupied(self) -> set[str]:
        return {room for _, room in self.pairs}

    @rule(member=members, rooms=some_rooms)
    def add(self, member: str, rooms: list[str]) -> None:
        pairs, occupied = set(self.pairs), self.occupied()
        self.known.add(member)
        self.pairs |= {(member, room) for room in rooms}
        changes = self.rooms.add(member, rooms)
        assert len(changes) == len(dict(changes))
        assert {(member, room) for room, _ in changes} == self.pairs - pairs
        assert {room for room, created in changes if created} == self.occupied() - occupied

    @rule(member=members, room=st.sampled_from(ROOMS))
    def remove(self, member: str, room: str) -> None:
        pairs, occupied = set(self.pairs), self.occupied()
        self.pairs.discard((member, room))
        changes = self.rooms.remove(member, room)
        assert len(changes) <= 1
        assert {(member, room) for room, _ in changes} == pairs - self.pairs
        assert {room for room, emptied in changes if emptied} == occupied - self.occupied()

    @rule(member=members)
    def remove_all(self, member: str) -> None:
        pairs, occupied = set(self.pairs), self.occupied()
        self.known.discard(member)
        self.pairs = {pair for pair in self.pairs if pair[0] != member}
        changes = self.rooms.remove_all(member)
        assert len(changes) == len(dict(changes))
        assert {(member, room) for room, _ in changes} == pairs - self.pairs
        assert {room for room, emptied in changes if emptied} == occupied - self.occupied()

    @rule(to=some_rooms, except_=some_rooms)
    def select(self, to: list[str], except_: list[str]) -> None:
        selected = self.rooms.select(to, except_)
        assert len(selected) == len(set(selected))
        wanted = {member for member, room in self.pairs if room in to} if to else self.known
        unwanted = {member for member, room in self.pairs if room in except_}
        assert set(selected) == wanted - unwanted

    @invariant()
    def both_directions_agree(self) -> None:
        assert set(self.rooms.names()) == self.occupied()
        assert len(self.rooms.names()) == len(self.occupied())
        for room in ROOMS:
            assert set(self.rooms.members(room)) == {m for m, r in self.pairs if r == room}
        for member in MEMBERS:
            assert set(self.rooms.rooms(member)) == {r for m, r in self.pairs if m == member}


TestRooms = RoomsMachine.TestCase
