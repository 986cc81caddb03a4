"""A connection's large message: it waits for its turn among the large messages of all connections,
and is decoded in steps, one in each turn of the event loop.

Messages that came after it wait behind it, and the connection is not read meanwhile. If the
connection ends, all that the client has sent before is taken, in steps as well: the end waits.
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
    """Decodes a long text in steps."""

    def receive_gradually(
        self, text: LongText, marker: str
    ) -> Generator[None, None, tuple[Packet | None, int]]:
        """Return the packet that a text has completed, and its weight in bytes; see `Peer`."""


class Receiver(Protocol):
    """Receives the messages of a connection."""

    connection: engineio_min.Connection

    @property
    def peer(self) -> GradualPeer:
        """Return the decoder of the messages."""

    def receive_any(self, message: Message) -> None:
        """Take a message at once."""

    def take_completed(self, packet: Packet | None, weight: int) -> None:
        """Act on the packet of `weight` bytes that a long text has completed, if there is one."""

    def forget_large(self) -> None:
        """Note that the large message and all messages after it are taken."""


class LargeMessage:
    """The large message of a connection, and the messages that have come after it.

    `line` is where it waits for the large messages of other connections; None for no waiting.
    `metered` counts the bytes of the messages after it; None for no counting. Call `start` once.
    """

    __slots__ = (
        "_ended",
        "_has_turn",
        "_is_counted",
        "_line",
        "_messages",
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
        # The messages that are not taken yet; the first one is being taken.
        self._messages: list[Message] = []
        # Whether the first message counts as held.
        self._is_counted = True
        # The steps that are left of the first message, None before the first step.
        self._steps: Generator[None, None, None] | None = None
        # Whether this message waits in the line, or has its turn there.
        self._waits = self._has_turn = False
        # If the connection has ended: called when all messages are taken.
        self._ended: Callable[[], None] | None = None

    def start(self, message: Message) -> None:
        """Take a large message, whose bytes are counted already, and then all messages that come
        until it is taken.
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
        self._messages.append(message)
        self._receiver.connection.hold(len(message))

    def release(self) -> None:
        """Stop holding the message that is being taken: from now on its values are counted."""
        if self._is_counted:
            self._is_counted = False
            self._receiver.connection.hold(-len(self._messages[0]))

    def _unkeep(self) -> None:
        self.release()
        self._messages.pop(0)
        self._is_counted = True

    # -- the line

    def _take_turn(self, size: int) -> bool:
        """Return whether a large message may be taken now. If not, `take_waiting` is called when it
        may.
        """
        line, engine = self._line, self._receiver.connection.server
        if line is None or self._has_turn or self._ended is not None:
            # The last messages of a client that has left do not wait.
            return True
        self._has_turn = line.begin(size, engine.loop.time())
        if not self._has_turn:
            self._waits = True
            line.wait(self._owner, self, size)
            engine.timer.watch(line)
        return self._has_turn

    @property
    def _owner(self) -> str:
        """Return to whom the connection's large messages are counted: an address, a user, or the
        connection itself.
        """
        connection = self._receiver.connection
        return next((f"{kind} {name}" for kind, name in connection.owners()), connection.sid)

    def take_waiting(self) -> None:
        """Take the message: its turn has come."""
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
        """Wait in the line no longer. Return whether the message has waited there."""
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
        """Take messages until a large one has to wait, for its turn or for its next step."""
        while self._messages:
            message = self._messages[0]
            is_long = isinstance(message, LongText)
            if (is_long or len(message) >= LARGE) and not self._take_turn(len(message)):
                return
            if not self._take_some(message):
                connection = self._receiver.connection
                connection.server.loop.call_soon(self._go_on, context=connection.context)
                return
            self._steps = None
            if self._messages:
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
        """Take a message, or one step of it. Return whether all of it is taken."""
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
        """Decode a long text in steps, and take the packet that it completes."""
        receiver = self._receiver
        try:
            packet, weight = yield from receiver.peer.receive_gradually(text, os.urandom(16).hex())
        except ProtocolError as error:
            close_for(receiver.connection.server, receiver.connection, error)
            return
        # From now on the packet is counted.
        self.release()
        receiver.take_completed(packet, weight)

    # -- the end

    def end(self, ended: Callable[[], None]) -> None:
        """Call `ended` when all messages are taken: they were sent before the connection ended."""
        self._ended = ended
        if self._leave_line():
            self._go_on()

    def drop(self) -> None:
        """Take no more messages: the server or its event loop ends."""
        self._ended = _nothing
        self._leave_line()
        if self._line is not None and self._has_turn:
            # The messages that wait are dropped as well.
            self._has_turn = False
            self._line.end(self._receiver.connection.server.loop.time())
        while self._messages:
            self._unkeep()


_TAKEN: Final = object()


def _nothing() -> None:
    """Do nothing: nobody waits for the end."""
