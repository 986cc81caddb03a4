"""Three members and a Redis in virtual time, under every order of what may happen to them.

Each planted fault is one that a run of chance finds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_min.cluster.cluster_adapter import ClusterAdapter
from socketio_min.cluster.redis import RedisAdapter
from socketio_min.cluster.redis.connection import Connection
from tests.effort import examples
from tests.socketio_min.cluster.simulated_cluster import Action, Step, simulate

ACTIONS = get_args(Action)
PEACEFUL = ACTIONS[:6]


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Let outages go without their log lines."""
    logger = logging.getLogger("socketio_min")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def steps(actions: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    one = st.builds(
        Step,
        st.sampled_from(actions),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from([0, 1, 7, 30, 200, 3_000]),
    )
    return st.lists(one, max_size=40)


@settings(max_examples=examples(20))
@given(steps(PEACEFUL), st.integers(0, 2**32))
def test_in_peace_nothing_is_lost(plan: list[Step], seed: int) -> None:
    simulate(plan, seed)


@settings(max_examples=examples(20))
@given(steps(ACTIONS), st.integers(0, 2**32))
def test_faults_cost_messages_only(plan: list[Step], seed: int) -> None:
    simulate(plan, seed)


def by_chance(seed: int) -> list[Step]:
    chance = Random(seed)
    return [
        Step(
            chance.choice(ACTIONS),
            chance.randrange(3),
            chance.randrange(3),
            chance.choice([0, 1, 7, 30, 200, 3_000]),
        )
        for _ in range(40)
    ]


def found(first: int) -> bool:
    """Return whether some run of chance does not hold; begin with a seed that may be known."""
    for seed in (first, *range(60)):
        try:
            simulate(by_chance(seed), seed)
        except Exception:
            return True
    return False


def echo(self: RedisAdapter, channel: bytes, data: bytes) -> None:
    """Take one's own broadcasts, too."""
    uid, self.uid, self._own_head = self.uid, "another", b"no"
    original_take(self, channel, data)
    self.uid = uid


original_take = RedisAdapter._take_broadcast
original_lost = Connection.connection_lost
original_send = Connection.send
SENT: dict[Connection, list[bytes]] = {}


def remember(self: Connection, command: bytes, reply: Any = None) -> None:
    """Keep what is sent without a wish for a reply."""
    if reply is None:
        SENT.setdefault(self, []).append(command)
    original_send(self, command, reply)


def send_again(self: Connection, exc: Exception | None) -> None:
    """Have the next connection send what had no answer."""
    link: Any = self._writable.__self__  # type: ignore[attr-defined]
    unanswered = self._replies.count(None)
    original_lost(self, exc)
    for command in SENT.get(self, [])[-unanswered:] if unanswered else ():
        link._waiting.append((command, None))
        link._waiting_size += len(command)


def backwards(self: Connection) -> None:
    """Write what was sent in one turn the wrong way round."""
    out, self._out = self._out[::-1], []
    self._replies.reverse()
    if self._transport is not None:
        self._transport.write(b"".join(out))


async def without_end(self: ClusterAdapter, *args: Any) -> None:
    """Wait for answers as long as it takes."""
    message, request_id, answers, _ = args
    self._pending[request_id] = lambda response, *_: answers.take(response)
    self.publish(message)
    await answers.wait(await self.server_count() - 1)


def everybody(self: ClusterAdapter, options: Any) -> Any:
    """Forget whom a broadcast is for."""
    return [*self._namespace.sockets.values()]


FAULTS: dict[str, list[tuple[type, str, Any]]] = {
    "one's own messages come twice": [(RedisAdapter, "_take_broadcast", echo)],
    "what was lost is sent again": [
        (Connection, "connection_lost", send_again),
        (Connection, "send", remember),
    ],
    "the order of a turn is lost": [(Connection, "_flush", backwards)],
    "a question waits for ever": [(ClusterAdapter, "_ask", without_end)],
    "rooms are ignored": [(ClusterAdapter, "_receivers", everybody)],
    "what is published is forgotten": [(RedisAdapter, "publish", lambda self, message: None)],
}


# The seed that finds a fault which few others find.
FIRST = {"what was lost is sent again": 45}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name, replacement in FAULTS[fault]:
        monkeypatch.setattr(owner, name, replacement)
    assert found(FIRST.get(fault, 0))


def test_what_finds_faults_finds_none_without() -> None:
    for seed in range(10):
        simulate(by_chance(seed), seed)
