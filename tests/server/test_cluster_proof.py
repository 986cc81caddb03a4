"""The judges of `make cluster-test`: what they let pass, and what they find."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.server.cluster.linearizable import NEVER, Operation, is_linearizable
from tests.server.cluster_proof.deeds import DEEDS
from tests.server.cluster_proof.ledger import Ledger, Save
from tests.server.cluster_proof.lock_rules import FREE, falling_tokens, step, violations
from tests.server.cluster_proof.people import identity
from tests.server.cluster_proof.planted import FAULTS, FOUND_BY
from tests.server.cluster_proof.proof import Counts
from tests.server.cluster_proof.state import lost


def lock(who: str, token: object, call: float, returned: float | None = None) -> Operation:
    end = call + 1 if returned is None else returned
    return Operation("lock", (who,), token, call, NEVER if token is None else end)


def save(who: str, token: int, result: bool, call: float) -> Operation:
    return Operation("save", (who, token), result, call, call + 1)


def unlock(who: str, result: object, call: float) -> Operation:
    return Operation("unlock", (who,), result, call, NEVER if result is None else call + 1)


def may_be_lost(who: str, token: int, since: float) -> list[Operation]:
    return [Operation(name, (who, token), None, since) for name in ("orphan", "expire")]


@pytest.mark.parametrize(
    ("history", "is_sound"),
    [
        ([lock("a", 1, 0), save("a", 1, True, 2), unlock("a", True, 4), lock("b", 2, 6)], True),
        ([lock("a", 1, 0), lock("b", False, 2), lock("a", 1, 4)], True),
        # Two have it.
        ([lock("a", 1, 0), lock("b", 2, 2)], False),
        # Nobody has it, and it is refused.
        ([lock("a", False, 0)], False),
        # The token is below that of one before.
        ([lock("a", 5, 0), unlock("a", True, 2), lock("b", 4, 4)], False),
        # A fault: the connection is lost, and its user takes the lock over, or somebody else later.
        ([lock("a", 1, 0), *may_be_lost("a", 1, 1), lock("a", 2, 4)], True),
        ([lock("a", 1, 0), *may_be_lost("a", 1, 1), lock("b", 2, 4)], True),
        ([lock("a", 1, 0), *may_be_lost("a", 1, 1), unlock("a", False, 4)], True),
        # Not without a fault.
        ([lock("a", 1, 0), lock("a", 2, 4)], False),
        ([lock("a", 1, 0), unlock("a", False, 4)], False),
        # What is written with the token of before is refused.
        (
            [
                lock("a", 1, 0),
                *may_be_lost("a", 1, 1),
                lock("b", 2, 4),
                unlock("b", True, 6),
                save("a", 1, False, 8),
            ],
            True,
        ),
        (
            [
                lock("a", 1, 0),
                *may_be_lost("a", 1, 1),
                lock("b", 2, 4),
                unlock("b", True, 6),
                save("a", 1, True, 8),
            ],
            False,
        ),
        # Nobody knows what became of it.
        ([lock("a", None, 0), lock("b", False, 2), lock("a", 1, 4)], True),
        ([lock("a", None, 0), lock("b", 1, 2)], True),
        ([lock("a", 1, 0), unlock("a", None, 2), unlock("a", False, 4), lock("b", 2, 6)], True),
    ],
)
def test_the_histories_of_a_lock(history: list[Operation], is_sound: bool) -> None:
    assert is_linearizable(history, FREE, step) is is_sound
    assert violations({"a.txt": history[::-1]}) == (
        []
        if is_sound
        else [f"the history of the lock on a.txt is not linearizable ({len(history)} operations)"]
    )


def test_tokens_grow_over_all_files() -> None:
    # At the same time, in either order.
    assert falling_tokens([(0, 3, 2), (1, 2, 1)]) == []
    assert falling_tokens([(2, 3, 1), (0, 1, 2)]) == ["the lock with the token 1 was given after 2"]


def state(**changed: Any) -> dict[str, Any]:
    return {"documents": {}, "files": {}, "messages": [], **changed}


@pytest.mark.parametrize(
    ("ledger", "there", "found"),
    [
        (Ledger(typed={"a": {"x": True, "y": False}}), state(documents={"a": "x\n"}), []),
        (
            Ledger(typed={"a": {"x": True}}),
            state(documents={"a": ""}),
            ["'x' is 0 times in a, acknowledged: True"],
        ),
        (
            Ledger(typed={"a": {"y": False}}),
            state(documents={"a": "y y"}),
            ["'y' is 2 times in a, acknowledged: False"],
        ),
        (Ledger(said={"Hi": "1", "Ho": None}), state(messages=[("Hi", "1")]), []),
        (
            Ledger(said={"Hi": "1"}),
            state(messages=[("Hi", "1"), ("Hi", "2")]),
            ["the message 'Hi' was said as 1, there is ['1', '2']"],
        ),
        (
            Ledger(said={"Hi": "1"}),
            state(),
            ["the message 'Hi' was said as 1, there is []"],
        ),
    ],
)
def test_what_is_lost(ledger: Ledger, there: dict[str, Any], found: list[str]) -> None:
    assert lost(ledger, there) == found


def test_a_save_is_the_last_one_or_one_of_which_nobody_knows() -> None:
    one, two = Save("a", "one", 1, 0, 1), Save("a", "two", None, 2, 3)
    ledger = Ledger(saves=[one, two])
    assert lost(ledger, state(files={"a": (1, one.hash)})) == []
    assert lost(ledger, state(files={"a": (2, two.hash)})) == []
    assert len(lost(ledger, state(files={"a": (2, one.hash)}))) == 1
    assert len(lost(ledger, state())) == 1
    again = Save("a", "other", 1, 4, 5)
    assert "the same revision" in lost(Ledger(saves=[one, again]), state())[0]


def test_what_nobody_may_hear_twice() -> None:
    held = {"token": 7, "orphaned": False}
    assert identity("file:locked", {"lock": held}) == (7, False)
    assert identity("chat:message", {"message": {"id": "m"}}) == ("m",)
    assert identity("user:typing", {}) is None


def test_what_is_noticed_where_nothing_is_to_be() -> None:
    ledger = Ledger()
    proof: Any = SimpleNamespace(ledger=ledger, everybody=[])
    before = Counts(proof)
    # Others have the file, which is no news.
    ledger.refused["FILE_LOCKED"] = 3
    ledger.delays = [0.1] * 99 + [2.75]
    assert before.noticed() == ["one request in a hundred took longer than 2.75 s"]
    ledger.delays = [0.1] * 200
    assert before.noticed() == []
    ledger.refused["no answer"] = 1
    assert before.noticed() == ["requests failed: {'no answer': 1}"]


def test_each_planted_fault_is_found_by_something() -> None:
    assert FOUND_BY.keys() == FAULTS.keys()
    assert {deed for deed, _ in FOUND_BY.values()} <= DEEDS.keys()
