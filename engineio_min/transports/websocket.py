"""WebSocket over `asyncio.Protocol`: one packet a message (Engine.IO v4, "WebSocket").

`server_frames.py` turns bytes into messages and back; here are the driver, and the limits that need
a clock or a socket: the time that a message and a write may take, pongs for a peer that does not
read, the closing handshake's deadline. The opening handshake is in `http/exchange.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from engineio_min.limits.admission import Admission
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.frame_encoding import Encoder, encode_frame
from engineio_min.protocol.frame_heads import TRY_AGAIN_LATER
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.progress import LOOKS, Progress
from engineio_min.protocol.reasons import SLOW_CONSUMER, TRANSPORT_CLOSE, TRANSPORT_ERROR
from engineio_min.protocol.server_frames import ServerMessageStream
from engineio_min.protocol.shares import LARGE_SHARE, READ_SHARE
from engineio_min.transports.connection import Connection
from engineio_min.transports.stream_carrier import StreamCarrier
from engineio_min.transports.unsent import unsent_and_confirmed

if TYPE_CHECKING:
    from websockets.extensions import Extension

# Seconds that an incomplete message may take.
MESSAGE_TIMEOUT = 30.0
# Seconds that the peer may take for its part of the closing handshake.
CLOSE_TIMEOUT = 5.0
# Pongs that may wait for a peer that does not read them.
MAX_PENDING_PONGS = 16


class Doorkeeper(Protocol):
    """What a WebSocket asks of its HTTP server: to forget it once it is gone, or has a session."""

    connections: set[asyncio.Transport]
    admission: Admission


class WebSocket(StreamCarrier, asyncio.Protocol):
    """A WebSocket on a TCP connection of our own HTTP server."""

    __slots__ = (
        "_admitted_as",
        "_catching_up",
        "_encoder",
        "_head",
        "_held",
        "_http",
        "_pongs",
        "_progress",
        "_rest",
        "_sharing",
        "_stream",
        "_transport",
        "deadline",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connection: Connection,
        extensions: list[Extension],
        head: bytes,
        rest: bytes,
        http: Doorkeeper,
        admitted_as: str | None,
        *,
        base64: bool,
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._http = http
        # The answer to the handshake, until it is written, and what came together with the request.
        self._head = head
        self._rest = rest
        # The address that a candidate is counted for until it carries a session; see `Admission`.
        self._admitted_as = admitted_as
        self._candidate = admitted_as is not None
        server = connection.server
        self._stream = ServerMessageStream(
            server.options.max_http_buffer_size,
            extensions,
            max_text=server.text_limit,
            long_texts=server.long_texts,
        )
        self._encoder: Encoder = server.encoder
        if extensions or base64:
            self._encoder = server.agreed_encoder(extensions, base64=base64)
        # Not before the answer is written: the first packets leave together with it.
        self._stream.only_fast_frames = False
        self._pongs = 0
        # Whether the event loop is to go on with what was read and had no place in its turn.
        self._sharing = False
        # What waited for the peer at the last look, while the transport takes no more.
        self._progress: Progress | None = None
        # Whether the event loop is to write the next share of what waited.
        self._catching_up = False
        # The bytes kept by the stream that the server's account counts.
        self._held = 0
        self.deadline = NEVER

    def start(self) -> None:
        """Answer the handshake, together with the first packets if this carries a session. Then
        read, first what came together with the request.
        """
        if not self._candidate:
            self.flush()
        if self._head:
            head, self._head = self._head, b""
            self._stream.only_fast_frames = True
            self._transport.write(head)
        if self._candidate or not self._connection.paused:
            self._transport.resume_reading()
            if self._rest:
                self._take_rest()

    # -- in

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        if len(data) > READ_SHARE and self._put_off(data):
            return
        packets = self._stream.receive(data)
        if self._candidate or self._stream.needs_attention:
            progress = bool(packets)
            self._hold(0 if self._stream.closed else self._stream.held)
            self._receive_packets(packets)
            if self._admitted_as is not None and not self._candidate:
                self._http.admission.remove(self._admitted_as)
                self._admitted_as = None
            self._attend(progress=progress)
        else:
            connection.context.run(connection.receive_all, packets)
        connection.flush()

    def _put_off(self, data: bytes) -> bool:
        """Leave a large read for one of the next turns. Return False if this turn may take it."""
        if self._connection.server.turn_share.admit(min(len(data), LARGE_SHARE)):
            return False
        stream = self._stream
        stream.rest += data
        stream.needs_attention = True
        self._hold(0 if stream.closed else stream.held)
        self._transport.pause_reading()
        self._go_on_soon()
        return True

    def _attend(self, *, progress: bool) -> None:
        """Do what the stream needs besides delivering its messages."""
        stream = self._stream
        now = self._connection.server.loop.time()
        stream.needs_attention = stream.assembling or stream.closed or bool(stream.rest)
        if stream.rest and not self._sharing and not self._transport.is_closing():
            # Other connections come first, then more of this read; what the peer is about to send
            # waits too.
            self._transport.pause_reading()
            self._go_on_soon()
        if self._progress is None and not stream.closed:
            if not stream.assembling:
                self.deadline = NEVER
            elif progress or self.deadline == NEVER:
                self._set_deadline(now + MESSAGE_TIMEOUT)
        self._write_control()
        if stream.failure is not None:
            self._end(TRANSPORT_ERROR, stream.failure)
        elif stream.close_received:
            self._end(TRANSPORT_CLOSE, "got a close frame")

    def _go_on_soon(self) -> None:
        self._sharing = True
        size = min(len(self._stream.rest), LARGE_SHARE)
        self._connection.server.turn_share.wait(size, self._go_on)

    def _go_on(self) -> None:
        """Take the next share of what was read, unless the handlers do not keep up."""
        self._sharing = False
        if self._reads:
            self.data_received(b"")
            if not self._sharing and self._reads:
                self._transport.resume_reading()

    @property
    def _reads(self) -> bool:
        """Return whether the peer is to be read, as far as the handlers keep up."""
        return not self._transport.is_closing() and (self._candidate or not self._connection.paused)

    def _take_rest(self) -> None:
        if self._rest:
            rest, self._rest = self._rest, b""
            self.data_received(rest)

    def let_go(self) -> None:
        """Keep nothing of what has come, and tell the client to try again later."""
        self._stream.fail(TRY_AGAIN_LATER, "too much is held for all connections")
        self._hold(0)

    def _hold(self, size: int) -> None:
        """Count what is kept of an incomplete message and of a read."""
        if size != self._held:
            before, self._held = self._held, size
            self._connection.hold(size - before)

    def _answer_probe(self, packet: str) -> None:
        self._transport.write(encode_frame(packet))

    def _write_control(self) -> None:
        """Write pongs and close frames."""
        self._pongs += self._stream.pings
        for data in self._stream.control():
            if data:
                self._transport.write(data)
            elif self._stream.close_received or not self._transport.can_write_eof():
                self._transport.close()
            else:
                # Closing at once while the peer still sends would reset the connection, and the
                # close frame with it.
                with contextlib.suppress(OSError):  # The peer may be gone already.
                    self._transport.write_eof()
        if self._transport.get_write_buffer_size() == 0:
            self._pongs = 0
        elif self._pongs > MAX_PENDING_PONGS:
            self._transport.abort()  # First: the end of a candidate writes what is left.
            self._end(TRANSPORT_ERROR, "the peer sends pings and does not read the pongs")

    # -- out

    @property
    def unsent(self) -> int:
        """Count the bytes that the transport has not written."""
        return self._transport.get_write_buffer_size()

    def flush(self) -> int:
        """Write what the session has to send; see `Carrier`."""
        connection = self._connection
        session = connection.session
        packets = session.queued
        if not packets or not session.waiting:
            session.release()
            return 0
        encoder = self._encoder
        if not self._stream.only_fast_frames:
            if self._head:
                # One write for both: most of what a connection costs is the kernel's work.
                head, self._head = self._head, b""
                self._stream.only_fast_frames = True
                if len(packets) > 1 and _size(packets) > encoder.share:
                    return self._write_share(head)
                data = head + encoder.frames(session.take())
                self._transport.write(data)
                return len(data)
            if self._stream.closed:
                session.take()
                return 0
        # A broadcast leaves equal lists; comparing them is cheap, for their items are the same
        # objects.
        if packets != encoder.packets:
            if len(packets) > 1 and _size(packets) > encoder.share:
                return self._write_share()
            encoder.encode(session.take())
        else:
            session.take()
        self._transport.write(encoder.data)
        return encoder.size

    def take_over(self) -> None:
        """Carry the session from now on, what waited for its last carrier first."""
        self._write_backlog()

    def _write_backlog(self) -> None:
        """Write a share of what waited for the peer; the event loop goes on with the rest when the
        others have had their turn, unless the transport takes no more.
        """
        self._catching_up = False
        connection = self._connection
        session = connection.session
        if connection.carrier is not self or self._progress is not None:
            return
        if session.unsent <= self._encoder.share:
            session.unblock()
            connection.flush()
        else:
            self._write_share()

    def _write_share(self, head: bytes = b"") -> int:
        """Write the first packets of what the session has to send, after `head`, and have the event
        loop go on if that is not all. Return the bytes.
        """
        connection = self._connection
        encoder = self._encoder
        data = head + encoder.frames(connection.session.take_share(encoder.share))
        self._transport.write(data)
        connection.settle()
        if not connection.session.waiting:
            self._catching_up = True
            connection.server.loop.call_soon(self._write_backlog)
        return len(data)

    def close(self) -> None:
        """Start the closing handshake, or bound what is left of one that the peer has started."""
        if not self._transport.is_closing():
            self._stream.close()
            self._write_control()
        elif not self._transport.get_write_buffer_size():
            return
        # A transport that is closing stays for as long as its peer leaves something unread.
        self._set_deadline(self._connection.server.loop.time() + CLOSE_TIMEOUT)

    # -- the transport's side

    def pause_writing(self) -> None:
        server = self._connection.server
        now = server.loop.time()
        if not self._candidate:
            self._connection.session.block(now)
        self._progress = Progress(*unsent_and_confirmed(self._transport), now)
        self._set_deadline(now + server.options.stall_timeout / LOOKS)

    def resume_writing(self) -> None:
        self._progress = None
        self._pongs = 0
        if self._stream.assembling:
            self._set_deadline(self._connection.server.loop.time() + MESSAGE_TIMEOUT)
        elif not self._stream.closed:
            self.deadline = NEVER
        if not self._catching_up:
            self._write_backlog()

    def pause(self) -> None:
        """Read nothing more until `resume`: the handlers do not keep up."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, first what is left of an earlier read."""
        if self._stream.rest:
            if not self._sharing:
                self._go_on_soon()
        else:
            self._transport.resume_reading()
            self._take_rest()

    def connection_lost(self, error: Exception | None) -> None:
        self._http.connections.discard(self._transport)
        if self._admitted_as is not None:
            self._http.admission.remove(self._admitted_as)
        self._stream.rest = b""
        self._hold(0)
        self.deadline = NEVER
        self._connection.server.timer.forget(self)
        if error is None:
            self._end(TRANSPORT_CLOSE, "the connection was closed")
        else:
            self._end(TRANSPORT_ERROR, str(error))
        self._connection.flush()

    def _set_deadline(self, deadline: float) -> None:
        self.deadline = deadline
        self._connection.server.timer.watch(self)

    def handle_timeout(self, now: float) -> None:
        """End a WebSocket whose message or close frame is late, or whose peer takes nothing."""
        self.deadline = NEVER
        connection = self._connection
        progress = self._progress
        if (
            progress is None
            and not self._candidate
            and connection.paused
            and not self._stream.closed
        ):
            # Nothing is read: what is missing of a message may have come.
            self.deadline = now + MESSAGE_TIMEOUT
            return
        if progress is None:
            self._end(TRANSPORT_ERROR, "a message or the closing handshake took too long")
        else:
            timeout = connection.server.options.stall_timeout
            silence = progress.silence(*unsent_and_confirmed(self._transport), now)
            if silence < timeout:
                # Slow, but it reads, or has some time left.
                if silence == 0 and not self._candidate:
                    connection.session.block(now)
                self.deadline = now + timeout / LOOKS
                return
            self._end(
                SLOW_CONSUMER,
                f"{connection.unsent} bytes wait, expected some to be taken within {timeout:g} "
                "seconds (stall_timeout)",
            )
        self._transport.abort()
        connection.flush()


def _size(packets: list[Packet]) -> int:
    return sum(map(len, packets))
