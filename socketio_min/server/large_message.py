"""A connection's large message: it waits for its turn and is decoded in steps, one a turn of the
event loop, and what has come after it waits behind it.

Meanwhile the connection is not read. What a client has sent before the end of its connection is
taken all the same, and in steps as well, so the end waits for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator
from typing import Final, Protocol

import engineio_min
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import LongText
from engineio_min.protocol.reasons import FORCED_CLOSE, LARGE_MESSAGE
from socketio_min.errors import ProtocolError
from socketio_min.protocol.packets import Packet
from socketio_min.server.breaches import close_for
from socketio_min.server.large_message_queue import LARGE, LargeMessageQueue
from socketio_min.server.metered_intake import MeteredIntake

logger = logging.getLogger("socketio_min")

Message = str | bytes


class GradualPeer(Protocol):
    """What decodes a long text in steps."""

    def receive_gradually(
        self, text: LongText, marker: str
    ) -> Generator[None, None, tuple[Packet | None, int]]:
        """Return the packet that a text has completed, and its weight; see `Peer`."""


class Receiver(Protocol):
    """What receives the messages of a connection."""

    connection: engineio_min.Connection

    @property
    def peer(self) -> GradualPeer:
        """Return what decodes the messages."""

    def receive_any(self, message: Message) -> None:
        """Take a message at once."""

    def take_completed(self, packet: Packet | None, weight: int) -> None:
        """Act on the packet of `weight` bytes that a long text has completed, if there is one."""

    def forget_large(self) -> None:
        """Note that the large message and all that came after it are taken."""


class LargeMessage:
    """The large message of a connection that is taken next, and what has come after it.

    `line` is where it waits for the large messages of other connections, None for no waiting.
    `metered` counts the bytes that come after it, None for no counting. Call `start` once.
    """

    __slots__ = (
        "_ended",
        "_has_turn",
        "_is_counted",
        "_later",
        "_line",
        "_metered",
        "_on_message",
        "_receiver",
        "_steps",
        "_waits",
    )

    def __init__(
        self,
        receiver: Receiver,
        line: LargeMessageQueue | None = None,
        metered: MeteredIntake | None = None,
    ) -> None:
        self._receiver = receiver
        self._line = line
        self._metered = metered
        self._on_message = receiver.connection.on_message
        self._later: list[Message] = []
        # Whether the first of them counts as held.
        self._is_counted = True
        # What is left of the first of them, once it is begun.
        self._steps: Generator[None, None, None] | None = None
        # Whether it waits in the line, or is the one of the line that is taken.
        self._waits = self._has_turn = False
        # What is to be called when all is taken, of a connection that has ended.
        self._ended: Callable[[], None] | None = None

    def start(self, message: Message) -> None:
        """Take a large message, whose bytes are counted already, and then all that comes until it
        is taken.
        """
        connection = self._receiver.connection
        connection.on_message = self._receive
        connection.pause(LARGE_MESSAGE)
        self._keep(message)
        self._go_on()

    def _receive(self, message: Message) -> None:
        if self._metered is not None:
            self._metered.count(message)
        self._keep(message)

    def _keep(self, message: Message) -> None:
        self._later.append(message)
        self._receiver.connection.hold(len(message))

    def release(self) -> None:
        """Stop holding the message that is being taken: what was made of it counts from now on."""
        if self._is_counted:
            self._is_counted = False
            self._receiver.connection.hold(-len(self._later[0]))

    def _unkeep(self) -> None:
        self.release()
        self._later.pop(0)
        self._is_counted = True

    # -- the line

    def _take_turn(self, size: int) -> bool:
        """Return whether a large message may be taken now; `take_waiting` is called if not."""
        line, engine = self._line, self._receiver.connection.server
        if line is None or self._has_turn or self._ended is not None:
            # What a client had on its way when it left delays nobody.
            return True
        self._has_turn = line.begin(size, engine.loop.time())
        if not self._has_turn:
            self._waits = True
            line.wait(self._owner, self, size)
            engine.timer.watch(line)
        return self._has_turn

    @property
    def _owner(self) -> str:
        """Return for whom the large messages of the connection count: an address, a user, or the
        connection itself.
        """
        connection = self._receiver.connection
        return next((f"{kind} {name}" for kind, name in connection.owners()), connection.sid)

    def take_waiting(self) -> None:
        """Take the message, whose turn has come."""
        self._waits = False
        self._has_turn = True
        self._receiver.connection.call(self._go_on)

    def _end_turn(self) -> None:
        line, engine = self._line, self._receiver.connection.server
        if line is not None and self._has_turn:
            self._has_turn = False
            line.end(engine.loop.time())
            if line.deadline != NEVER:
                engine.timer.watch(line)

    def _leave_line(self) -> bool:
        """Wait no more. Return whether the message has waited."""
        line, engine = self._line, self._receiver.connection.server
        if line is None or not self._waits:
            return False
        self._waits = False
        line.forget(self)
        if line.deadline == NEVER:
            engine.timer.forget(line)
        return True

    # -- taking

    def _go_on(self) -> None:
        """Take messages, up to a large one that waits or has more steps."""
        while self._later:
            message = self._later[0]
            is_long = isinstance(message, LongText)
            if (is_long or len(message) >= LARGE) and not self._take_turn(len(message)):
                return
            if not self._take_some(message):
                connection = self._receiver.connection
                connection.server.loop.call_soon(self._go_on, context=connection.context)
                return
            self._steps = None
            if self._later:
                self._unkeep()
            self._end_turn()
        if self._ended is not None:
            self._ended()
        else:
            connection = self._receiver.connection
            connection.on_message = self._on_message
            self._receiver.forget_large()
            connection.resume(LARGE_MESSAGE)

    def _take_some(self, message: Message) -> bool:
        """Take a message, or a step of it. Return whether it is taken."""
        try:
            if not isinstance(message, LongText):
                self.release()
                self._receiver.receive_any(message)
                return True
            if self._steps is None:
                self._steps = self._in_steps(message)
            return next(self._steps, _TAKEN) is _TAKEN
        except Exception:
            logger.exception("the message handler failed; closing the session")
            self._receiver.connection.session.fail(FORCED_CLOSE, "the message handler failed")
            return True

    def _in_steps(self, text: LongText) -> Generator[None, None, None]:
        """Decode a long text in steps, and take what it completes."""
        receiver = self._receiver
        try:
            packet, weight = yield from receiver.peer.receive_gradually(text, os.urandom(16).hex())
        except ProtocolError as error:
            close_for(receiver.connection.server, receiver.connection, error)
            return
        # What was made of the message counts from now on.
        self.release()
        receiver.take_completed(packet, weight)

    # -- the end

    def end(self, ended: Callable[[], None]) -> None:
        """Call `ended` when all is taken: it was sent before the end of the connection."""
        self._ended = ended
        if self._leave_line():
            self._go_on()

    def drop(self) -> None:
        """Take nothing more: this is the end of the server, or of its event loop."""
        self._ended = _nothing
        self._leave_line()
        if self._line is not None and self._has_turn:
            # Those that wait are dropped as well.
            self._has_turn = False
            self._line.end(self._receiver.connection.server.loop.time())
        while self._later:
            self._unkeep()


_TAKEN: Final = object()


def _nothing() -> None:
    """Do nothing: nobody waits for the end."""
