"""What the other nodes of a cluster have told of their users, in memory.

Each node tells what changes, and from time to time all that there is, in pieces. What a whole round
does not name is gone. What was lost on the way comes with the next round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from server.live.node_messages import LiveMessage, Whereabouts

MOST_NODES: Final = 1_000
MOST_USERS: Final = 100_000
"""Users of one node."""

Changed = Callable[[str, Whereabouts | None, Whereabouts | None], object]


@dataclass(slots=True)
class _Node:
    """What a node has told. `told` is the round in which each user was last named."""

    silent_since: float
    users: dict[str, Whereabouts] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    round: int = -1
    pieces: int = 0


class OtherNodes:
    """The users of each other node.

    `changed(node, before, after)` is called for each user of whom something has changed.
    """

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._nodes: dict[str, _Node] = {}
        self._by_user: dict[str, dict[str, Whereabouts]] = {}
        # The user and the project of each answer that is being made.
        self._answers: dict[str, tuple[str, str]] = {}

    # -- what nodes tell

    def take(self, message: LiveMessage, now: float) -> bool:
        """Keep what a node tells at the time `now`. Return False if there are too many nodes."""
        node = self._nodes.get(message.node)
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                return False
            node = self._nodes[message.node] = _Node(now)
        node.silent_since = now
        if message.round is not None and message.round.number != node.round:
            node.round, node.pieces = message.round.number, 0
        for after in message.users:
            self._put(message.node, node, after)
        if message.round is not None:
            node.pieces += 1
            if node.pieces == message.round.pieces:
                for user_id in [one for one, at in node.told.items() if at != node.round]:
                    self._remove(message.node, node, user_id)
        return True

    def silent(self, since: float) -> list[str]:
        """Return the nodes that have told nothing since a time."""
        return [name for name, node in self._nodes.items() if node.silent_since < since]

    def drop(self, name: str) -> None:
        """Forget a node."""
        node = self._nodes.pop(name, None)
        for user_id in [] if node is None else [*node.users]:
            self._remove(name, node, user_id)

    def _put(self, name: str, node: _Node, after: Whereabouts) -> None:
        user_id = after.person.id
        if not after.is_here and not after.answers:
            self._remove(name, node, user_id)
            return
        before = node.users.get(user_id)
        if before is None and len(node.users) >= MOST_USERS:
            return
        node.users[user_id] = after
        node.told[user_id] = node.round
        self._by_user.setdefault(user_id, {})[name] = after
        if after != before:
            self._index(before, after)
            self._changed(name, before, after)

    def _remove(self, name: str, node: _Node | None, user_id: str) -> None:
        before = None if node is None else node.users.pop(user_id, None)
        if node is None or before is None:
            return
        del node.told[user_id]
        del self._by_user[user_id][name]
        if not self._by_user[user_id]:
            del self._by_user[user_id]
        self._index(before, None)
        self._changed(name, before, None)

    def _index(self, before: Whereabouts | None, after: Whereabouts | None) -> None:
        for request_id in () if before is None else before.answers:
            self._answers.pop(request_id, None)
        if after is not None:
            for request_id, project_id in after.answers.items():
                self._answers[request_id] = (after.person.id, project_id)

    # -- what is known of them

    def users(self) -> Iterator[str]:
        """Yield the ids of those who are connected to another node."""
        return (user_id for user_id in self._by_user if self.has(user_id))

    def has(self, user_id: str) -> bool:
        """Return whether a user is connected to another node."""
        return any(one.is_here for one in self._by_user.get(user_id, {}).values())

    def projects(self, user_id: str) -> set[str]:
        """Return the projects that a user is in on other nodes."""
        found = self._by_user.get(user_id, {}).values()
        return {project_id for one in found for project_id in one.projects}

    def answers_of(self, user_id: str) -> int:
        """Return how many answers other nodes make for a user."""
        return sum(len(one.answers) for one in self._by_user.get(user_id, {}).values())

    def is_answering(self, project_id: str) -> bool:
        """Return whether another node makes an answer in a project."""
        return any(project == project_id for _, project in self._answers.values())

    def answer(self, request_id: str) -> tuple[str, str] | None:
        """Return the user and the project of an answer that another node makes."""
        return self._answers.get(request_id)
