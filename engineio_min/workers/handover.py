"""Gives connections to the workers that their requests are for.

A session's id names its worker. A request with the id of another worker's session takes its TCP
connection there, with the bytes that were read: the descriptor travels over a Unix socket, so the
peer notices nothing, and the following requests of a keep-alive connection are at home.

Rejected: passing each request on and its answer back (a poll or a WebSocket would keep two
processes busy for as long as it lasts), and sharing sessions (each poll would ask another process).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import Sequence
from itertools import count

from engineio_min.http.server import HttpServer
from engineio_min.workers.mailbox import Mailbox
from engineio_min.workers.messages import Message

logger = logging.getLogger("engineio_min.workers")

# How many characters of an id name the worker.
NAME_LENGTH = 2

_SID = re.compile(rb"[A-Z]+ [^ ?]*\?(?:[^ ]*&)?sid=([A-Za-z0-9_-]{20})[& ]")


class WorkerHandover:
    """Gives connections that belong to another worker to it; see `http.host.Handover`.

    node: what each id begins with, before the name of the worker.
    """

    def __init__(self, mailbox: Mailbox, http: HttpServer, node: str) -> None:
        self._mailbox = mailbox
        self._http = http
        self._node = node.encode()
        self._own = mailbox.name.encode()
        # The workers that take new sessions instead of this one, which is about to end.
        self._successors: Sequence[str] = ()
        self._turn = count()
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, transport: asyncio.Transport, data: bytes) -> bool:
        """Give away a connection if the request that begins `data` names another's session."""
        found = _SID.match(data)
        if found is None:
            # The request opens a session, or has nothing to do with one.
            return self.give_idle(transport, data)
        sid = found[1]
        start = len(self._node)
        name = sid[start : start + NAME_LENGTH]
        if name == self._own or not sid.startswith(self._node):
            return False
        return self._send(name.decode(), transport, data)

    def give_idle(self, transport: asyncio.Transport, data: bytes = b"") -> bool:
        """Give away a connection if this worker takes no new sessions."""
        successors = self._successors
        first = next(self._turn)
        # One of them may have died.
        return any(
            self._send(successors[(first + step) % len(successors)], transport, data)
            for step in range(len(successors))
        )

    def retire(self, successors: Sequence[str]) -> None:
        """Take no new sessions: give them, and the connections that are idle, to `successors`."""
        self._successors = successors
        self._http.give_idle()

    def received(self, message: Message) -> None:
        """Serve a connection that another worker gave away."""
        assert message.descriptor is not None
        try:
            connection = socket.socket(fileno=message.descriptor)
        except OSError as error:
            os.close(message.descriptor)
            logger.warning("got a descriptor that is no connection (%s)", error)
            return
        task = self._http.loop.create_task(self._http.adopt(connection, message.content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, name: str, transport: asyncio.Transport, data: bytes) -> bool:
        if transport.get_write_buffer_size() or transport.get_extra_info("sslcontext"):
            # An answer that is on its way out would be lost, and the keys of TLS cannot be given.
            return False
        connection = transport.get_extra_info("socket")
        return self._mailbox.send(name, data, connection.fileno())
