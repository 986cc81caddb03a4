"""A GET is `Session.poll`, a POST is `Session.receive` (Engine.IO v4, "HTTP long-polling")."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from engineio_min.errors import Code, PacketError, RequestRefused
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import NOOP, Packet, decode_payload, encode_payload, may_compress
from engineio_min.protocol.phases import CLOSED, OPENED, Closed
from engineio_min.protocol.progress import LOOKS, Progress
from engineio_min.protocol.reasons import PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR
from engineio_min.protocol.shares import LARGE_SHARE, READ_SHARE
from engineio_min.request import Headers
from engineio_min.transports.connection import Connection, Exchange
from engineio_min.transports.content_coding import AT_ONCE, COMPRESSING, Coding, compress
from engineio_min.transports.departure import OK, Departure

# Packets of a POST that are received in one turn of the event loop, unless their bytes are more
# than a share; then the others come.
MOST_PACKETS = 64

# Bytes that may wait without being fetched for as long as the heartbeat goes on: the buffers of a
# WebSocket would have taken as many.
SMALL_BACKLOG = 65_536

_TEXT: Headers = (("Content-Type", "text/plain; charset=UTF-8"), ("cache-control", "no-store"))


class Polling:
    """The carrier of a session that polls: at most one parked GET and one POST being read."""

    __slots__ = (
        "_answer",
        "_compressing",
        "_connection",
        "_deferred",
        "_due",
        "_held",
        "_parked",
        "_posting",
        "_progress",
        "_rest",
        "_sharing",
        "_size",
        "deadline",
    )

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parked: Exchange | None = None
        self._posting: Exchange | None = None
        # The POST whose answer waits until the handlers keep up.
        self._deferred: Exchange | None = None
        # The packets of the POST that are left for later turns, how many of their bytes the next of
        # these takes, and whether that turn was asked for.
        self._rest: Iterator[Packet] | None = None
        self._due = 0
        self._sharing = False
        # The bytes of the POST, and how many of them the server's account counts: all as long as
        # packets are left.
        self._size = 0
        self._held = 0
        # The last GET that was answered, until the next one comes; and how the peer takes that
        # answer, while more waits than a connection would take.
        self._answer: Exchange | None = None
        self._progress: Progress | None = None
        # The GET whose answer a thread compresses, and that answer uncompressed.
        self._compressing: tuple[Exchange, bytes] | None = None
        # The end of the time for the client to fetch what waits.
        self.deadline = NEVER

    # -- GET

    def get(self, exchange: Exchange) -> None:
        """Answer a GET, now or as soon as there is something to send."""
        session = self._connection.session
        if self._parked is not None or self._compressing is not None:
            # The second GET fails, and the session ends (Engine.IO v4, "Receiving data").
            exchange.respond(400, self._headers(exchange, ()), b"")
            self._fail("got a GET while another was waiting")
            return
        self._parked = exchange
        self._answer = None
        exchange.on_abort = self._poll_aborted
        if session.idle:
            session.unblock()
        self.flush()

    def flush(self) -> int:
        """Answer the parked GET if there is something to send; see `Carrier`."""
        exchange = self._parked
        if exchange is None:
            self._connection.session.release()
            if self.deadline == NEVER:
                self._watch_backlog()
            return 0
        packets = self._connection.session.poll()
        if not packets:
            return 0
        self._parked = None
        self._answer = exchange
        self._connection.session.block(self._connection.server.loop.time())
        cost = self._respond(exchange, packets)
        self._connection.settle()
        return cost

    def _respond(self, exchange: Exchange, packets: list[Packet]) -> int:
        """Answer a GET with `packets`; see `Carrier.flush` for what is returned."""
        server = self._connection.server
        body = encode_payload(packets)
        coding: Coding | None = None
        threshold = server.options.http_compression
        if threshold is not None and len(body) >= threshold and any(map(may_compress, packets)):
            accepted = exchange.request.headers.get("accept-encoding", "")
            coding = server.compressor.coding(accepted, len(body))
        if coding is None:
            exchange.respond(200, self._headers(exchange, _TEXT), body)
        elif len(body) <= AT_ONCE:
            self._respond_compressed(exchange, coding, compress(body, coding))
            return COMPRESSING * len(body)
        else:
            # Packets that come meanwhile wait for the next GET, as after any answer.
            job = self._compressing = (exchange, body)
            exchange.on_abort = self._compression_aborted
            server.compressor.start(
                server.loop, body, coding, partial(self._compressed, job, coding)
            )
        return len(body)

    def _respond_compressed(self, exchange: Exchange, coding: Coding, body: bytes) -> None:
        encoding = (("Content-Encoding", coding), ("Vary", "Accept-Encoding"))
        exchange.respond(200, self._headers(exchange, (*_TEXT, *encoding)), body)

    def _compressed(self, job: tuple[Exchange, bytes], coding: Coding, body: bytes) -> None:
        """Send an answer that the thread has compressed, unless it was sent as it is."""
        if self._compressing is job:
            self._compressing = None
            self._respond_compressed(job[0], coding, body)
            # The peer's time to take it begins now.
            self._connection.session.block(self._connection.server.loop.time())
            self.flush()

    def _compression_aborted(self) -> None:
        self._compressing = None
        self._poll_aborted()

    def _poll_aborted(self) -> None:
        self._parked = None
        self._connection.session.block(self._connection.server.loop.time())
        self._fail("the poll's connection closed before it was answered")

    @property
    def unsent(self) -> int:
        """Count the bytes of the last answer that the peer has not taken from the kernel."""
        return self._left()[0] if self._compressing is None else len(self._compressing[1])

    def _left(self) -> tuple[int, int]:
        return (0, 0) if self._answer is None else self._answer.untaken()

    def _watch_backlog(self) -> None:
        """Give the peer its time to take something, if more waits than a connection would take."""
        connection = self._connection
        session = connection.session
        if session.phase == OPENED and session.unsent > SMALL_BACKLOG and self._compressing is None:
            server = connection.server
            session.block(server.loop.time())
            self._progress = Progress(*self._left(), session.behind_since)
            self.deadline = session.behind_since + server.options.stall_timeout / LOOKS
            server.timer.watch(self)

    def handle_timeout(self, now: float) -> None:
        """End a session that nobody takes from, or look again later."""
        connection = self._connection
        session = connection.session
        progress = self._progress
        self.deadline = NEVER
        if (
            session.waiting
            or session.unsent <= SMALL_BACKLOG
            or self._compressing is not None
            or progress is None
        ):
            return
        if progress.silence(*self._left(), now) == 0:
            session.block(now)
        timeout = connection.server.options.stall_timeout
        if now - session.behind_since < timeout:
            # Slow, but it reads; or it has polled meanwhile.
            self.deadline = now + timeout / LOOKS
            return
        session.fail_slow(
            f"{connection.unsent} bytes wait, expected some to be taken within {timeout:g} seconds "
            "(stall_timeout)"
        )
        connection.settle()

    # -- POST

    def post(self, exchange: Exchange) -> None:
        """Read a POST and receive its packets."""
        if self._posting is not None or self._deferred is not None:
            # The second POST fails, and the session ends (Engine.IO v4, "Sending data").
            exchange.respond(400, self._headers(exchange, ()), b"")
            self._fail("got a POST while another was not answered yet")
            return
        if exchange.request.headers.get("content-type", "").startswith("application/octet-stream"):
            # The binary bodies of version 3. Every path answers: an unanswered POST holds a
            # connection.
            exchange.respond(400, self._headers(exchange, ()), b"")
            self._fail("got a binary body, which is not part of this version")
            return
        self._posting = exchange
        exchange.on_abort = self._post_aborted
        connection = self._connection
        exchange.read_body(connection.server.text_limit, self._body_read, connection.hold)

    def _body_read(self, body: bytes | None) -> None:
        """Receive the packets of a body, or refuse one that is too large."""
        exchange = self._posting
        assert exchange is not None
        if body is None:
            self._end_post()
            exchange.respond(413, self._headers(exchange, ()), b"")
            self._fail("got a body above max_text_size")
            return
        server = self._connection.server
        self._size = len(body)
        packets = decode_payload(body, server.options.max_packets, long_texts=server.long_texts)
        share = min(self._size, LARGE_SHARE)
        if share <= READ_SHARE or server.turn_share.admit(share):
            self._receive(exchange, packets)
        else:
            self._keep(packets, share)

    def let_go(self) -> None:
        """Keep nothing of a POST, and tell the client that it was too much."""
        exchange = self._posting
        self._end_post()
        if exchange is not None:
            exchange.respond(413, self._headers(exchange, ()), b"")

    def _end_post(self) -> None:
        """Note that the POST has been received, or is given up."""
        self._posting = self._rest = None
        if self._held:
            held, self._held = self._held, 0
            self._connection.hold(-held)

    def _receive(self, exchange: Exchange, packets: Iterator[Packet]) -> None:
        """Receive a share of a POST's packets; answer it when there are no more."""
        connection = self._connection
        session = connection.session
        share: Iterator[Packet] = islice(packets, MOST_PACKETS)
        if self._size > READ_SHARE:
            share = _of_one_turn(share)
        try:
            connection.context.run(connection.receive_all, share)
            # Packets of a session that is over are not decoded.
            following = next(packets, None) if session.phase == OPENED else None
        except PacketError as error:
            self._end_post()
            session.fail(PARSE_ERROR, str(error))
            connection.server.refuse(exchange, RequestRefused(Code.BAD_REQUEST, str(error)))
        else:
            if following is None:
                self._end_post()
                self._answer_post(exchange)
            else:
                size = min(max(len(following), READ_SHARE), LARGE_SHARE)
                self._keep(chain((following,), packets), size)
        connection.settle()
        connection.flush()

    def _keep(self, packets: Iterator[Packet], due: int) -> None:
        """Leave packets for one of the next turns, which takes `due` bytes of them."""
        self._rest = packets
        self._due = due
        if not self._held:
            self._held = self._size
            self._connection.hold(self._held)
        if not self._waits:
            self._go_on_soon()

    @property
    def _waits(self) -> bool:
        """Return whether a POST is to wait until the handlers keep up.

        The POST of an upgraded session does not wait: nothing would go on with it later.
        """
        return self._connection.paused and self._connection.carrier is self

    def _go_on_soon(self) -> None:
        if not self._sharing:
            self._sharing = True
            self._connection.server.turn_share.wait(self._due, self._go_on)

    def _go_on(self) -> None:
        """Receive the next share of a POST, the others having had their turn."""
        self._sharing = False
        exchange, packets = self._posting, self._rest
        if exchange is not None and packets is not None and not self._waits:
            self._rest = None
            self._receive(exchange, packets)

    def _answer_post(self, exchange: Exchange) -> None:
        """Answer a POST whose packets were all received, now or later."""
        connection = self._connection
        asked = self._parked is not None or self._compressing is not None
        if connection.carrier is self and not asked and _closed_by_peer(connection):
            Departure(connection, exchange, self.get)
        elif self._waits:
            # The answer waits until the handlers keep up: the client sends no more until it has it.
            self._deferred = exchange
            exchange.on_abort = self._post_aborted
        else:
            exchange.respond(200, self._headers(exchange, OK), b"ok")

    def _post_aborted(self) -> None:
        self._deferred = None
        self._end_post()
        self._fail("the POST's connection closed before it was answered")

    # -- the connection's side

    def resume(self) -> None:
        """Go on with the POST that was held back, or answer it."""
        if self._rest is not None:
            self._go_on_soon()
        exchange, self._deferred = self._deferred, None
        if exchange is not None:
            exchange.respond(200, self._headers(exchange, OK), b"ok")

    def pause(self) -> None:
        """Do nothing: a POST waits by itself as long as the connection is paused; see `_waits`."""

    def close(self) -> None:
        """Answer every request that waits: the session is over, or carried by another."""
        self.deadline = NEVER
        self._connection.server.timer.forget(self)
        self._answer = None
        compressing, self._compressing = self._compressing, None
        if compressing is not None:
            exchange, body = compressing
            exchange.respond(200, self._headers(exchange, _TEXT), body)
        self.resume()
        self.flush()
        parked, self._parked = self._parked, None
        if parked is not None:
            # A client has left polling without waiting for its poll (Engine.IO v4, "Upgrade").
            self._respond(parked, [NOOP])
        if self._connection.session.phase == CLOSED:
            # The POST of an upgraded session is read to its end; that of a session which is over is
            # not.
            posting = self._posting
            self._end_post()
            if posting is not None:
                posting.respond(400, self._headers(posting, ()), b"")

    def _fail(self, description: str) -> None:
        connection = self._connection
        connection.session.fail(TRANSPORT_ERROR, description)
        connection.settle()
        self.flush()

    def _headers(self, exchange: Exchange, headers: Headers) -> Headers:
        """Return `headers` with those of every answer."""
        connection = self._connection
        return connection.server.response_headers(exchange.request, headers, connection)


def _of_one_turn(packets: Iterator[Packet]) -> Iterator[Packet]:
    """Yield packets until they have the bytes that a turn takes of every connection."""
    left = READ_SHARE
    for packet in packets:
        yield packet
        left -= len(packet)
        if left <= 0:
            return


def _closed_by_peer(connection: Connection) -> bool:
    """Return whether the packets just received ended the session with a close packet."""
    return any(
        isinstance(event, Closed) and event.reason == TRANSPORT_CLOSE
        for event in connection.session.events
    )
