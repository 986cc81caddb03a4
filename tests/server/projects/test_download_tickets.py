"""Tickets for downloads: good once, for a minute, and few."""

from __future__ import annotations

import pytest

from server.api.errors import EventError
from server.projects.download_tickets import (
    AT_ONCE,
    AT_ONCE_OF_ONE,
    MOST,
    MOST_OF_ONE,
    Ticket,
    Tickets,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ticket(user_id: str = "ada", path: str = "a") -> Ticket:
    return Ticket(user_id, "p", path, "a", True)


def test_a_ticket_is_good_once_and_for_a_minute() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    secret, other = tickets.issue(ticket()), tickets.issue(ticket())
    assert len(secret) == 43
    assert tickets.redeem(secret) == ticket()
    assert tickets.redeem(secret) is None
    assert tickets.redeem("") is None
    clock.now = 60.0
    assert tickets.redeem(other) is None


def test_the_oldest_of_a_user_gives_way() -> None:
    tickets = Tickets(Clock())
    issued = [tickets.issue(ticket(path=f"{number}")) for number in range(MOST_OF_ONE + 1)]
    assert tickets.redeem(issued[0]) is None
    assert tickets.redeem(issued[1]) == ticket(path="1")


def test_all_together_have_a_limit() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    for number in range(MOST):
        tickets.issue(ticket(f"user-{number}"))
    with pytest.raises(EventError, match="too many downloads are about to begin"):
        tickets.issue(ticket())
    clock.now = 60.0
    assert tickets.issue(ticket())


def test_what_other_nodes_issue_has_a_limit_too() -> None:
    tickets = Tickets(Clock())
    for number in range(2 * MOST + 1):
        tickets.add(f"{number}", ticket())
    assert tickets.redeem(f"{2 * MOST}") is None
    assert tickets.redeem(f"{2 * MOST - 1}") == ticket()


def test_a_user_has_few_under_way_and_so_have_all() -> None:
    tickets = Tickets(Clock())
    with tickets.running("ada"):
        for _ in range(2):
            assert not tickets.is_busy("ada")
            with tickets.running("ada"):
                assert tickets.is_busy("ada")
                assert not tickets.is_busy("eve")
    assert AT_ONCE_OF_ONE == 2
    running = [tickets.running(f"user-{number}") for number in range(AT_ONCE)]
    for one in running:
        one.__enter__()
    assert tickets.is_busy("eve")
