"""The text of an answer.

Invariants:
- What clients hear is the answer, however a provider cuts it, and has no half of a character.
- They hear it in at most 20 events a second, and the first text at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.ai.answer_text import INTERVAL, MAX_ANSWER, AnswerText
from server.ai.blocks import Begin, Block, Piece


class Timer:
    """A call that the test makes when its time has come."""

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when, self.call = when, call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Room:
    """Hears an answer, and has the time: in thousandths of a second, for exactness."""

    def __init__(self) -> None:
        self.now = 0
        self.heard: list[tuple[int, str]] = []
        self.paths: list[str | None] = []
        self.timers: list[Timer] = []
        self.text = AnswerText(self.hear, self.call_later)

    def hear(self, piece: Piece | Begin) -> None:
        self.paths.append(piece.path)
        if isinstance(piece, Piece):
            self.heard.append((self.now, piece.content))

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        self.timers.append(Timer(self.now + round(delay * 1_000), call))
        return self.timers[-1]

    def wait(self, milliseconds: int) -> None:
        end = self.now + milliseconds
        while due := [one for one in self.timers if one.when <= end and not one.cancelled]:
            self.timers.remove(due[0])
            self.now = int(due[0].when)
            due[0].call()
        self.now = end

    @property
    def said(self) -> str:
        return "".join(text for _, text in self.heard)


def test_the_first_text_is_heard_at_once_and_the_rest_every_interval() -> None:
    room = Room()
    for piece in "abcdef":
        room.text.add(piece)
        room.wait(20)
    assert room.heard == [(0, "a"), (50, "bc"), (100, "de")]
    room.wait(200)
    room.text.add("g")
    room.text.add("h")
    room.text.end(is_whole=True)
    assert room.heard[3:] == [(150, "f"), (320, "g"), (320, "h")]
    room.wait(1_000)
    assert len(room.heard) == 6
    assert str(room.text) == "abcdefgh"


def test_nothing_is_no_event() -> None:
    room = Room()
    assert not room.text
    room.text.add("")
    room.text.end(is_whole=True)
    assert room.heard == []
    assert not room.text


def test_halves_of_a_character_are_joined_or_replaced() -> None:
    room = Room()
    for piece in ("a\ud83d", "\ude00b", "\ude00", "\ud83d", "c", "\ud83d\ude00", "\0d\ud83d"):
        room.text.add(piece)
    room.text.end(is_whole=True)
    assert room.said == str(room.text) == "a\U0001f600b\ufffd\ufffdc\U0001f600\ufffdd\ufffd"


def test_an_answer_has_a_limit_in_whole_characters() -> None:
    room = Room()
    full = []
    for piece in ("x" * (MAX_ANSWER - 1), "\ud83d", "\ude00y"):
        room.text.add(piece)
        full.append(room.text.is_full)
    assert full == [False, False, True]
    room.text.add("z")
    room.text.end(is_whole=True)
    assert room.said == str(room.text) == "x" * (MAX_ANSWER - 1) + "\U0001f600"


@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from(["a", "ü", "\U0001f600", "\ud83d", "\ude00"]), max_size=5),
            st.integers(0, 120),
        )
    )
)
def test_what_is_heard_is_the_answer_in_few_events(pieces: list[tuple[str, int]]) -> None:
    room = Room()
    for piece, pause in pieces:
        room.text.add(piece)
        room.wait(pause)
    in_time = list(room.heard)
    assert room.text.told == room.said
    room.text.end(is_whole=True)
    assert room.said == str(room.text)
    room.said.encode()
    whole = "".join(piece for piece, _ in pieces).encode("utf-16", "surrogatepass")
    assert room.said == whole.decode("utf-16", "replace").replace("\0", "\ufffd")
    for (before, _), (after, _) in itertools.pairwise(in_time):
        assert after - before >= INTERVAL * 1_000


def test_the_text_of_a_file_is_told_apart() -> None:
    room = Room()
    blocks = room.text.add("Here:\n```a.py\nx = 1\n")
    room.wait(10)
    blocks += room.text.add("y = 2\n```\nThere.\n")
    blocks += room.text.end(is_whole=True)
    assert blocks == [Block("a.py", content="x = 1\ny = 2\n")]
    assert [text for _, text in room.heard] == [
        "Here:\n```a.py\n",
        "x = 1\n",
        "y = 2\n",
        "```\nThere.\n",
    ]
    # Where the block begins is told between the first two.
    assert room.paths == [None, "a.py", "a.py", "a.py", None]
