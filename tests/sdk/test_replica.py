"""Copies of one file that several edit at once, and the server's authority over them.

Invariants, over any interleaving of typing, sending, hearing, lost connections, changes from
outside, restarts of the server and losses of its history:
- When all have sent and heard everything, all texts are the same.
- What somebody typed is there once, unless somebody deleted it.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import ai_coding_assistant
import server.documents
from ai_coding_assistant import change_json, utf16
from ai_coding_assistant.changes import Change, joined, replacement
from ai_coding_assistant.replica import Replica, split
from server.documents.authority import Author, Authority, Gone, Update
from server.documents.change_json import parse
from tests.effort import EFFORT
from tests.server.documents.test_changes import STEPS, TEXTS, change_of

COPIED = (
    "change_json.py",
    "changes.py",
    "difference.py",
    "mapping.py",
    "sections.py",
    "utf16.py",
)

COUNT = 3
CLIENTS = st.integers(0, COUNT - 1)
PLACES = st.floats(0, 1)


def test_the_sdk_has_the_servers_changes() -> None:
    """They are the same files: neither may depend on the other."""
    for name in COPIED:
        source = Path(server.documents.__path__[0]) / name
        copy = Path(ai_coding_assistant.__path__[0]) / name
        expected = source.read_text("utf-8").replace("server.documents", "ai_coding_assistant")
        assert copy.read_text("utf-8") == expected, f"copy {source} to {copy}"


class Client:
    """A copy, and what is on its way to it and from it."""

    def __init__(self, number: int) -> None:
        self.user = {"id": f"user-{number}", "name": f"User {number}"}
        self.replica = Replica(self.user["id"], "tab")
        self.is_open = False
        self.up: deque[dict[str, Any]] = deque()
        self.down: deque[dict[str, Any]] = deque()

    @property
    def author(self) -> Author:
        return Author("tab", self.user["id"], self.user["name"])


def told(update: Update) -> dict[str, Any]:
    author = update.author
    return {
        "version": update.version,
        "author": author.id,
        "number": update.number,
        "user": {"id": author.user_id, "name": author.user_name},
        "change": update.change.json,
    }


class Editing(RuleBasedStateMachine):
    """One document. Everything typed is a line of its own, so that it can be counted."""

    def __init__(self) -> None:
        super().__init__()
        self.authority = Authority("epoch", 0, "w0\n")
        self.history: list[Update] = []
        self.clients = [Client(number) for number in range(COUNT)]
        self.typed = {"w0"}
        self.deleted: set[str] = set()

    # -- the server

    def take(self, update: Update) -> None:
        self.authority.take(update)
        self.history.append(update)
        for client in self.clients:
            if client.is_open:
                client.down.append(told(update))

    def receive(self, client: Client, message: dict[str, Any]) -> None:
        author = client.author
        if message["number"] <= self.authority.number(author):
            return
        try:
            change = parse(message["change"])
            update, _ = self.authority.rebased(
                message["version"], author, message["number"], change
            )
        except Gone:
            self.reopen(client)
        else:
            self.take(update)

    def reopen(self, client: Client) -> None:
        client.up.clear()
        client.down.clear()
        since = client.replica.since()
        answer: dict[str, Any] = {
            "epoch": "epoch",
            "version": self.authority.version,
            "number": self.authority.number(client.author),
        }
        kept = None if since is None else self.authority.since(since["version"])
        if kept is None:
            answer["content"] = utf16.plain(self.authority.text)
        else:
            answer["updates"] = [told(update) for update in kept]
        client.replica.opened(answer)
        client.is_open = True
        if client.replica.in_flight is not None:
            self.send_of(client)

    # -- the clients

    def line(self) -> str:
        word = f"w{len(self.typed)}"
        self.typed.add(word)
        return word + "\n"

    def some_line(self, text: str, place: float) -> tuple[int, int]:
        """Where a line begins and ends."""
        lines = text.split("\n")[:-1]
        if not lines:
            return 0, 0
        number = min(int(place * len(lines)), len(lines) - 1)
        start = sum(len(line) + 1 for line in lines[:number])
        return start, start + len(lines[number]) + 1

    def send_of(self, client: Client) -> None:
        outgoing = client.replica.outgoing()
        if outgoing is not None:
            client.up.append(outgoing)

    @initialize()
    def open_all(self) -> None:
        for client in self.clients:
            self.reopen(client)

    @rule(number=CLIENTS, place=PLACES)
    def type(self, number: int, place: float) -> None:
        replica = self.clients[number].replica
        at, _ = self.some_line(replica.text, place)
        replica.edit(replacement(at, 0, self.line(), len(replica.text)))

    @rule(number=CLIENTS, place=PLACES)
    def delete(self, number: int, place: float) -> None:
        replica = self.clients[number].replica
        start, end = self.some_line(replica.text, place)
        if end:
            self.deleted.add(replica.text[start : end - 1])
            replica.edit(replacement(start, end - start, "", len(replica.text)))

    @precondition(lambda self: any(client.is_open and not client.up for client in self.clients))
    @rule(number=CLIENTS)
    def send(self, number: int) -> None:
        client = self.clients[number]
        # While one is in flight, this sends it again.
        if client.is_open and len(client.up) < 2:
            self.send_of(client)

    @rule(number=CLIENTS)
    def arrive(self, number: int) -> None:
        client = self.clients[number]
        if client.up:
            self.receive(client, client.up.popleft())

    @rule(number=CLIENTS, most=st.integers(1, 5))
    def hear(self, number: int, most: int) -> None:
        client = self.clients[number]
        while client.down and most:
            client.replica.hear(client.down.popleft())
            most -= 1

    @rule(number=CLIENTS, arrives=st.booleans())
    def lose(self, number: int, arrives: bool) -> None:
        """What was sent may have arrived; nothing more is heard."""
        client = self.clients[number]
        client.is_open = False
        while arrives and client.up:
            self.receive(client, client.up.popleft())
            client.is_open = False
        client.up.clear()
        client.down.clear()

    @rule(number=CLIENTS)
    def come_back(self, number: int) -> None:
        if not self.clients[number].is_open:
            self.reopen(self.clients[number])

    @rule(place=PLACES, deletes=st.booleans())
    def replace_from_outside(self, place: float, deletes: bool) -> None:
        saved = self.authority.saved
        start, end = self.some_line(saved, place)
        if deletes and end:
            self.deleted.add(saved[start : end - 1])
            text = saved[:start] + saved[end:]
        else:
            text = saved[:start] + self.line() + saved[start:]
        for update in self.authority.replaced(text, Author("", "disk", "Disk")):
            self.take(update)
        self.authority.save()

    @rule()
    def save(self) -> None:
        self.authority.save()

    @rule(forgets=st.booleans())
    def restart(self, forgets: bool) -> None:
        """Memory is lost, and with `forgets` what is kept for late clients as well."""
        old = self.authority
        self.authority = Authority("epoch", old.saved_version, old.saved)
        first = old.saved_version if forgets else 0
        numbers = [(client.author, old.number(client.author)) for client in self.clients]
        self.authority.restore(
            (update for update in self.history if update.version >= first), numbers
        )
        assert (self.authority.text, self.authority.version) == (old.text, old.version)
        for client in self.clients:
            client.is_open = False
            client.up.clear()
            client.down.clear()

    def teardown(self) -> None:
        for client in self.clients:
            if not client.is_open:
                self.reopen(client)
        for _ in range(1_000):
            busy = False
            for client in self.clients:
                while client.down:
                    client.replica.hear(client.down.popleft())
                if not client.replica.is_settled and not client.up:
                    self.send_of(client)
                while client.up:
                    busy = True
                    self.receive(client, client.up.popleft())
            if not busy:
                break
        texts = {client.replica.text for client in self.clients}
        assert texts == {self.authority.text}
        lines = self.authority.text.split("\n")
        assert sorted(set(lines)) == sorted(lines)
        assert self.typed - self.deleted <= {*lines}


Editing.TestCase.settings = settings(
    max_examples=30 * EFFORT, stateful_step_count=40, deadline=None
)
TestEditing = Editing.TestCase


def test_what_is_heard_is_mapped_over_what_is_in_flight_and_what_waits() -> None:
    replica = Replica("ada", "tab")
    replica.opened({"epoch": "e", "version": 3, "content": "one", "number": 0})
    assert replica.outgoing() is None
    replica.edit(replacement(3, 0, " two", 3))
    first = replica.outgoing()
    assert first == {
        "epoch": "e",
        "version": 3,
        "author": "tab",
        "number": 1,
        "change": [3, [0, " two"]],
    }
    replica.edit(replacement(7, 0, " three", 7))
    other = {"version": 3, "author": "x", "number": 1, "user": {"id": "bob"}, "change": [[3, "1"]]}
    assert replica.hear(other)
    assert replica.text == "1 two three"
    # It is sent again as it is by now, with its number.
    assert replica.outgoing() == {**first, "version": 4, "change": [1, [0, " two"]]}
    own = {**other, "author": "tab", "user": {"id": "ada"}, "change": [1, [0, " two"]]}
    # Somebody else with an editor of that name is somebody else.
    stranger = {**own, "user": {"id": "eve"}, "change": [1, [0, "?"]]}
    assert replica.hear(stranger)
    assert not replica.hear({**own, "change": [2, [0, " two"]]})
    assert replica.text == "1? two three"
    assert replica.outgoing() == {**first, "version": 6, "number": 2, "change": [6, [0, " three"]]}
    replica.hear({**own, "number": 2, "change": [6, [0, " three"]]})
    assert replica.is_settled


@pytest.mark.parametrize(
    ("number", "text"), [(1, "zero\none\ntwo\n"), (0, "zero\none\ntwo\ntwo\n")]
)
def test_what_was_taken_before_the_history_went_is_not_taken_again(number: int, text: str) -> None:
    replica = Replica("ada", "tab")
    replica.opened({"epoch": "e", "version": 0, "content": "one\n", "number": 0})
    replica.edit(replacement(4, 0, "two\n", 4))
    replica.outgoing()
    replica.opened({"epoch": "e", "version": 9, "content": "zero\none\ntwo\n", "number": number})
    assert replica.text == text
    assert replica.is_settled is (number == 1)


@settings(max_examples=30 * EFFORT)
@given(TEXTS, STEPS)
def test_what_is_small_is_sent_in_one(text: str, steps: list[tuple[int, str | None]]) -> None:
    change = change_json.read(change_of(len(text), steps).json)
    assert split(change) == (change, None)


@pytest.mark.parametrize(
    "change",
    [
        joined([(2, None), (3, "x\n" * 100_000), (5, None)]),
        joined([part for _ in range(3_000) for part in ((1, None), (1, "y"))]),
        joined([part for _ in range(30) for part in ((1, None), (0, "z" * 10_000))]),
    ],
    ids=["long", "many", "both"],
)
def test_what_is_large_is_sent_in_several(change: Change) -> None:
    text = "a" * change.length
    rest: Change | None = change
    done = text
    count = 0
    while rest is not None:
        first, rest = split(rest)
        # As the server reads it.
        done = parse(first.json).applied(done)
        count += 1
    assert done == change.applied(text)
    assert count > 5
