"""What a worker does besides serving: it talks to its supervisor and passes connections on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from engineio_min.runner import stopped
from engineio_min.server import Server
from engineio_min.workers.handover import WorkerHandover
from engineio_min.workers.mailbox import Mailbox
from engineio_min.workers.messages import Message
from engineio_min.workers.place import Place


class Listen(Protocol):
    """What makes a server accept connections."""

    async def __call__(self, *, sock: socket.socket) -> None:
        """Accept the connections of a listening socket."""


class Worker:
    """The worker at `place`, which serves `engine`.

    `received(content)` is called for each message of another worker that is no connection, and
    `peers_changed()` when there are others than before.
    """

    def __init__(self, place: Place, engine: Server) -> None:
        self.name = place.name
        # The names of all workers, this one among them.
        self.peers: Sequence[str] = (place.name,)
        self.received: Callable[[bytes], object] = _ignore
        self.peers_changed: Callable[[], object] = _ignore
        self._place = place
        self._engine = engine
        engine.sid_prefix += place.name
        self._mailbox = Mailbox(place.folder, place.name, self._dispatch)
        self._handover = WorkerHandover(self._mailbox, engine.http, engine.options.node)
        engine.http.handover = self._handover
        self._joined = asyncio.Event()
        self._writer: asyncio.StreamWriter
        self._told: asyncio.Task[Sequence[str]]

    async def join(self) -> None:
        """Tell the supervisor that this worker can be reached, and learn the others' names."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._place.control)
        self._told = asyncio.create_task(self._listen(reader))
        self._writer.write(b"here\n")
        joined = asyncio.create_task(self._joined.wait())
        await asyncio.wait((joined, self._told), return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()

    async def told_to_end(self) -> None:
        """Return when the supervisor has told this worker to end, or has ended itself."""
        await asyncio.wait((self._told,))

    async def serve(self, listen: Listen, stop: asyncio.Event) -> bool:
        """Listen, tell the supervisor, and return when this worker is to end, or `stop` is set.

        It takes no new sessions from then on; those that it has, and handshakes that wait for a
        hook, go on until the engine is closed, over new connections too. Return whether other
        workers take over.
        """
        # First: a signal that comes as soon as the supervisor knows must find its handler.
        signalled = asyncio.create_task(stopped(stop))
        if self._told.done():
            # This worker is replaced before it has begun: sessions that it opened would end at
            # once.
            for listener in self._place.listeners:
                listener.close()
        else:
            for listener in self._place.listeners:
                await listen(sock=listener)
            self._writer.write(b"ready\n")
        await asyncio.wait((signalled, self._told), return_when=asyncio.FIRST_COMPLETED)
        # A signal to this worker alone leaves the others running: they take over, without an order.
        successors = self._told.result() if self._told.done() else [*self.peers]
        for task in (signalled, self._told):
            task.cancel()
        await asyncio.gather(signalled, self._told, return_exceptions=True)
        self._writer.close()
        others = [name for name in successors if name != self.name]
        if others:
            self._engine.http.stop_accepting()
            self._handover.retire(others)
        else:
            self._engine.refuse_newcomers()
        return bool(others)

    def send(self, name: str, content: bytes) -> bool:
        """Send a message to the worker `name`. Return False if it is gone or does not read."""
        return self._mailbox.send(name, content)

    def close(self) -> None:
        """Take nothing from other workers any more; this comes after the engine's end."""
        self._mailbox.close()

    def _dispatch(self, message: Message) -> None:
        if message.descriptor is None:
            self.received(message.content)
        else:
            self._handover.received(message)

    async def _listen(self, reader: asyncio.StreamReader) -> Sequence[str]:
        """Do what the supervisor says, until it says to end, or has ended itself.

        Return the names of the workers that take over; only an order to retire names any.
        """
        while line := await reader.readline():
            order, *names = line.decode().split()
            if order == "health":
                self._writer.write(b"alive\n")
            elif order == "workers":
                self._mailbox.forget(set(self.peers).difference(names))
                self.peers = names
                self.peers_changed()
                self._joined.set()
            else:
                return names
        return ()


def _ignore(*_: object) -> None:
    """Do nothing."""
