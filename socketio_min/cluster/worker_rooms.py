"""Rooms that the workers of one machine share by themselves, over the Unix sockets between them.

Each worker is a server of a cluster. It sends its messages to every other worker, and knows which
namespaces each has, so that it knows how many will answer. Only the workers' user reaches their
sockets; their messages are read as strictly as those that come from Redis all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Protocol

from socketio_min.cluster.adapter import LocalNamespace
from socketio_min.cluster.cluster_adapter import ClusterAdapter
from socketio_min.cluster.messages import Request, Response
from socketio_min.cluster.worker_wire import (
    decode,
    decode_head,
    encode,
    encode_namespaces,
)
from socketio_min.errors import PacketError


class Post(Protocol):
    """Carries messages to the other workers. `name` is this worker's; `peers` are all workers."""

    name: str
    peers: Sequence[str]

    def send(self, name: str, content: bytes) -> bool:
        """Send a message to a worker. Return False if that worker is gone or does not read."""


class WorkerRooms:
    """Shares the rooms of one worker with the others: makes its adapters, and carries messages."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self._adapters: dict[str, WorkerAdapter] = {}
        # The namespaces of the other workers, as far as these have told, and the workers that were
        # told of this one's. A new worker may tell before the supervisor has named it.
        self._theirs: dict[str, frozenset[str]] = {}
        self._told: frozenset[str] = frozenset()

    def adapter(self, namespace: LocalNamespace) -> WorkerAdapter:
        """Return an adapter for a namespace of this worker."""
        return WorkerAdapter(namespace, self)

    # -- who has which namespaces

    def enter(self, namespace: str, adapter: WorkerAdapter) -> None:
        """Take part in a namespace."""
        self._adapters[namespace] = adapter
        self._tell_namespaces(self.others)

    def leave(self, namespace: str) -> None:
        """Take part in a namespace no longer."""
        self._adapters.pop(namespace, None)
        self._tell_namespaces(self.others)

    def peers_changed(self) -> None:
        """Tell new workers which namespaces this one has, and forget workers that are gone."""
        others = frozenset(self.others)
        # These workers are gone. A worker that was never told has only just begun.
        for name in self._told - others:
            self._theirs.pop(name, None)
        fresh, self._told = others - self._told, others
        self._tell_namespaces(fresh)

    def _tell_namespaces(self, names: Iterable[str]) -> None:
        content = encode_namespaces(self.post.name, self._adapters)
        for name in names:
            self.post.send(name, content)

    @property
    def others(self) -> list[str]:
        """Return the names of the other workers."""
        return [name for name in self.post.peers if name != self.post.name]

    def count(self, namespace: str) -> int:
        """Return how many workers have a namespace, this one included."""
        return 1 + sum(namespace in theirs for theirs in self._theirs.values())

    def names(self, namespace: str) -> frozenset[str]:
        """Return the names of the other workers that have a namespace."""
        return frozenset(name for name, theirs in self._theirs.items() if namespace in theirs)

    # -- messages

    def send(
        self, namespace: str, message: Request | Response, names: Sequence[str] | None = None
    ) -> int:
        """Send a message to workers, to all others by default. Return how many it did not reach.

        Raises:
            EncodeError: a value cannot be encoded.
        """
        names = self.others if names is None else names
        if not names:
            return 0
        content = encode(self.post.name, namespace, message)
        return sum(not self.post.send(name, content) for name in names)

    def received(self, content: bytes) -> None:
        """Take a message of another worker. No error is raised, whatever the message is."""
        # A message that cannot be read is counted in the namespace that every server has.
        adapter = self._adapters.get("/")
        try:
            head, start = decode_head(content)
            if head.namespace is None:
                self._theirs[head.sender] = frozenset(head.names or ())
                return
            adapter = self._adapters.get(head.namespace)
            if adapter is not None and adapter.concerns(head.names):
                adapter.take(head.sender, decode(content, start))
        except PacketError as error:
            if adapter is not None:
                adapter.reject(error)


class WorkerAdapter(ClusterAdapter):
    """The rooms of one worker."""

    __slots__ = ("_numbers", "_shared")

    def __init__(self, namespace: LocalNamespace, shared: WorkerRooms) -> None:
        super().__init__(namespace, shared.post.name)
        self._shared = shared
        self._numbers = count()

    async def start(self) -> None:
        self._shared.enter(self._namespace.name, self)

    async def close(self) -> None:
        self._shared.leave(self._namespace.name)

    async def server_count(self) -> int:
        return self._shared.count(self._namespace.name)

    def concerns(self, rooms: Sequence[str] | None) -> bool:
        """Return whether a message for these rooms concerns a socket here."""
        if rooms is None:
            return True
        members = self._rooms.members
        return bool(any(map(members, rooms)) if rooms else self._namespace.sockets)

    async def server_names(self) -> frozenset[str]:
        return self._shared.names(self._namespace.name)

    def new_request_id(self) -> str:
        return f"{self.uid}{next(self._numbers)}"

    def publish(self, message: Request) -> None:
        self.status.dropped += self._shared.send(self._namespace.name, message)

    def respond(self, uid: str, message: Response) -> None:
        self.status.dropped += self._shared.send(self._namespace.name, message, [uid])
