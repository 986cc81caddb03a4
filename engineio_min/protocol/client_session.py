"""Every rule about the state of a client's Engine.IO session, and nothing else.

The client's half of `session.py`, in the same manner. Packets go in with `receive` and out with
`take`. Time is an argument, the next deadline an attribute. What is rare is listed in `events`, and
`wake` says "there is something to take, or an event".

A client on polling has two requests of its own: `begin_poll` and `polled` enclose a GET, `take` and
`posted` a POST. Only the session knows when both are over, and that is the moment when an upgrade
may happen (Engine.IO v4, "Upgrade"):

    IDLE ──begin_upgrade──► PROBING ──"3probe"──► PAUSING ──no GET, no POST──► carried by WebSocket
      ▲                        │ no answer, another answer, a timeout │
      └────────────────────────┴──────────────────────────────────────┘

Rejected: one class for both ends. They share the packets and hardly a rule: who pings, who times
out, who may send during an upgrade, what closes a session are all mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from engineio_min.errors import PacketError
from engineio_min.protocol.client_max_payload import check_size, count_fitting
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.open_packet import OpenPacket, read_open_packet
from engineio_min.protocol.packets import (
    BASE64,
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    PROBE_PONG,
    UPGRADE,
    Message,
    Packet,
    decode_base64,
)
from engineio_min.protocol.phases import (
    CLOSED,
    CLOSING,
    IDLE,
    OPENED,
    OPENING,
    PAUSING,
    PROBING,
    ClientEvent,
    Closed,
    Opened,
    UpgradeAbandoned,
    Upgraded,
)
from engineio_min.protocol.reasons import (
    FORCED_CLOSE,
    PING_TIMEOUT,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
)
from engineio_min.protocol.transports import TRANSPORTS, WEBSOCKET, upgrades


@dataclass(frozen=True, slots=True)
class ClientTiming:
    """The session's own times in seconds; those of the heartbeat come from the server.

    timeout: until the session is open. upgrade_timeout: until an upgrade is done. close_timeout:
    until the last packets are taken. max_post_packets: packets in one POST.
    """

    timeout: float = 20.0
    upgrade_timeout: float = 10.0
    close_timeout: float = 5.0
    max_post_packets: int = 16


class ClientSession:
    """The client's half of one session (Engine.IO v4).

    The driver calls `receive` for each packet of the current transport and `receive_probe` for each
    one of a candidate, and reads `events` after every call. On WebSocket it tells with `block` and
    `unblock` whether the connection accepts data; on polling `take` and `posted` tell. From
    `receive` on nothing calls `wake` until the next `take` or `release`, as on the server's
    session.
    """

    __slots__ = (
        "_attended",
        "_buffer",
        "_heartbeat",
        "_polling",
        "_ponging",
        "_timing",
        "_upgrade_deadline",
        "_wake",
        "deadline",
        "events",
        "handshake",
        "phase",
        "transport",
        "upgrade",
        "waiting",
    )

    def __init__(
        self, transport: str, timing: ClientTiming, now: float, wake: Callable[[], None]
    ) -> None:
        self.transport = transport
        self.phase = OPENING
        self.upgrade = IDLE
        self.waiting = True
        self._attended = False
        self.events: list[ClientEvent] = []
        self.handshake: OpenPacket | None = None
        self._timing = timing
        self._wake = wake
        self._buffer: list[Packet] = []
        self._polling = False
        # One pong answers any number of pings that came before it could leave.
        self._ponging = False
        self._upgrade_deadline = NEVER
        # Until the session is open this is the end of the time that opening may take.
        self._heartbeat = self.deadline = now + timing.timeout

    # -- what comes in

    def receive(self, packet: Packet, now: float) -> Message | None:
        """Take a packet of the current transport; return the message in it, if it is one.

        A packet that breaks the protocol closes the session, so after every call `events` may have
        something.
        """
        self._attended = True
        if isinstance(packet, str):
            kind = packet[:1]
            if kind == MESSAGE:
                packet = packet[1:]
            elif kind != BASE64 or self.phase != OPENED:
                self._receive_control(packet, now)
                return None
            else:
                try:
                    packet = decode_base64(packet)
                except PacketError as error:
                    self._end(TRANSPORT_ERROR, str(error))
                    return None
        if self.phase == OPENED:
            return packet
        if self.phase == OPENING:
            self._end(TRANSPORT_ERROR, "got a message, expected the open packet first")
        return None

    def _receive_control(self, packet: str, now: float) -> None:
        kind = packet[:1]
        if self.phase == OPENING:
            if kind == OPEN:
                self._open(packet, now)
            elif kind == CLOSE:
                self._end(TRANSPORT_CLOSE, "got a close packet instead of the open packet")
            else:
                self._end(
                    TRANSPORT_ERROR, f"got a packet of type {kind!r}, expected the open packet"
                )
        elif self.phase == CLOSED:
            return
        elif kind == PING:
            # Only a ping moves the deadline: a server that is alive sends them (Engine.IO v4,
            # "Heartbeat").
            self._beat(now)
            if not self._ponging:
                self._ponging = True
                self.send(PONG)
        elif kind == CLOSE:
            self._end(TRANSPORT_CLOSE, "got a close packet")
        elif kind not in (PONG, UPGRADE, NOOP):
            # The official client gives this reason, too, when it cannot read a packet.
            expected = "expected 1 to 6" if kind != OPEN else "expected it only once"
            self._end(TRANSPORT_ERROR, f"got a packet of type {kind!r}, {expected}")

    def _open(self, packet: str, now: float) -> None:
        try:
            self.handshake = read_open_packet(packet)
        except PacketError as error:
            self._end(TRANSPORT_ERROR, str(error))
            return
        self.phase = OPENED
        self._beat(now)
        self.deadline = self._heartbeat
        self.events.append(Opened())
        self._alert()

    def _beat(self, now: float) -> None:
        # A closing session keeps its own deadline, however much the server pings.
        if self.phase == OPENED and self.handshake is not None:
            self._heartbeat = now + self.handshake.ping_interval + self.handshake.ping_timeout

    # -- what goes out

    def block(self) -> None:
        """Give out no packets until `unblock`: the WebSocket accepts no data."""
        self.waiting = False

    def unblock(self) -> None:
        """Give out packets again."""
        self.waiting = True

    def send(self, packet: Packet) -> None:
        """Queue a packet. A session that is not open drops it."""
        if self.phase != OPENED:
            return
        self._buffer.append(packet)
        if len(self._buffer) == 1 and not self._attended:
            self._wake()

    def check_size(self, packet: Packet) -> None:
        """Refuse a packet that the server would end the session for (Engine.IO v4, "Handshake").

        Raises:
            UsageError: the packet is larger than the server takes.
        """
        limit = None if self.handshake is None else self.handshake.max_payload
        # No character has more than four bytes.
        if limit is not None and 4 * len(packet) + 4 > limit:
            check_size(packet, limit, is_framed=self._is_stream)

    @property
    def _is_stream(self) -> bool:
        """Return whether a packet leaves as a frame of its own, at any time."""
        return TRANSPORTS[self.transport].is_stream

    def release(self) -> None:
        """End a read after which nothing is taken: from now on what happens wakes again."""
        self._attended = False

    def take(self) -> list[Packet]:
        """Take what is to be sent now, in order: everything, or what fits into one POST.

        On polling there is one POST at a time: nothing more is taken before `posted`.
        """
        self._attended = False
        if not self._buffer or not self.waiting:
            return []
        if self._is_stream:
            packets, self._buffer = self._buffer, []
            if self.phase == CLOSING:
                self._end(FORCED_CLOSE, "closed by the client")
        else:
            if self.upgrade == PAUSING:
                return []
            limit = None if self.handshake is None else self.handshake.max_payload
            count = count_fitting(self._buffer, self._timing.max_post_packets, limit)
            packets, self._buffer = self._buffer[:count], self._buffer[count:]
            self.waiting = False
        self._ponging = False
        return packets

    def posted(self) -> None:
        """Allow the next POST: the last one has been answered."""
        if self._is_stream or self.phase == CLOSED:
            return
        self.waiting = True
        if self.phase == CLOSING and not self._buffer:
            self._end(FORCED_CLOSE, "closed by the client")
            return
        self._switch()
        if self._buffer:
            self._alert()

    def begin_poll(self) -> bool:
        """Return whether to send a GET now; `polled` follows when it has been answered."""
        self._polling = (
            not self._is_stream and self.phase in (OPENING, OPENED) and self.upgrade != PAUSING
        )
        return self._polling

    def polled(self) -> None:
        """Allow the next GET: the last one has been answered, its packets received."""
        self._polling = False
        self._switch()

    @property
    def writable(self) -> bool:
        """Return whether a packet sent now leaves at once; volatile ones are dropped otherwise."""
        return self.phase == OPENED and self.waiting and self.upgrade != PAUSING

    @property
    def idle(self) -> bool:
        """Return whether nothing waits to be sent."""
        return not self._buffer

    @property
    def drained(self) -> bool:
        """Return whether everything has been taken and sent, or the session is over."""
        return self.phase == CLOSED or (not self._buffer and self.waiting)

    def expired(self, now: float) -> bool:
        """Return whether the server is overdue with a ping, though no timer has said so yet.

        It is so right after the machine has slept; what is sent then would be lost.
        """
        return now >= self._heartbeat

    # -- the upgrade

    def begin_upgrade(self, now: float, wanted: Collection[str]) -> bool:
        """Return whether to open a candidate and ask it with `2probe` (Engine.IO v4, "Upgrade").

        There is none unless it is `wanted` and among the server's `upgrades`.
        """
        offered = () if self.handshake is None else self.handshake.upgrades
        allowed = [name for name in wanted if name in offered]
        if self.phase != OPENED or self.upgrade != IDLE or not upgrades(self.transport, allowed):
            return False
        self.upgrade = PROBING
        self._upgrade_deadline = now + self._timing.upgrade_timeout
        self.deadline = min(self.deadline, self._upgrade_deadline)
        return True

    def receive_probe(self, packet: Packet) -> None:
        """Take a packet of the candidate: `3probe`, once; any other ends the upgrade."""
        if self.upgrade == PROBING and packet == PROBE_PONG:
            # No GET and no POST begins from now on; the server answers the GET that waits with a
            # noop.
            self.upgrade = PAUSING
            self._switch()
        elif self.upgrade != IDLE:
            self.abandon_upgrade("got another packet than the probe's answer")

    def _switch(self) -> None:
        if self.upgrade == PAUSING and not self._polling and self.waiting:
            self.upgrade = IDLE
            self._upgrade_deadline = NEVER
            self.transport = WEBSOCKET
            self._buffer.insert(0, UPGRADE)
            self.events.append(Upgraded())
            self._alert()

    def abandon_upgrade(self, description: str) -> None:
        """Stay on polling: the candidate is of no use."""
        if self.upgrade != IDLE:
            self.upgrade = IDLE
            self._upgrade_deadline = NEVER
            self.events.append(UpgradeAbandoned(description))
            self._alert()

    # -- time and the end

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`; call it again when `deadline` has come."""
        if self._upgrade_deadline <= now:
            self.abandon_upgrade(f"no upgrade within {self._timing.upgrade_timeout:g} seconds")
        if self._heartbeat <= now:
            if self.phase == OPENING:
                self._end(TRANSPORT_ERROR, f"not open within {self._timing.timeout:g} seconds")
            elif self.phase == CLOSING:
                self._end(FORCED_CLOSE, "the last packets could not be sent in time")
            else:
                self._end(PING_TIMEOUT, "got no ping in time")
        else:
            self.deadline = min(self._heartbeat, self._upgrade_deadline)

    def close(self, now: float) -> None:
        """Close from this side once everything queued is sent; what comes in from now on is
        dropped.
        """
        if self.phase == OPENING:
            self._end(FORCED_CLOSE, "closed by the client")
        if self.phase != OPENED:
            return
        self.abandon_upgrade("closed by the client")
        if self._is_stream and not self._buffer:
            self._end(FORCED_CLOSE, "closed by the client")
            return
        if not self._is_stream:
            self._buffer.append(CLOSE)
        self.phase = CLOSING
        self._heartbeat = now + self._timing.close_timeout
        self.deadline = min(self.deadline, self._heartbeat)
        self._alert()

    def fail(self, reason: str, description: str) -> None:
        """End the session at once: its transport broke, or the server broke the protocol."""
        if self.phase != CLOSED:
            self._end(reason, description)

    def _end(self, reason: str, description: str) -> None:
        self.phase = CLOSED
        self.upgrade = IDLE
        self._buffer = []
        self.deadline = self._heartbeat = self._upgrade_deadline = NEVER
        self.events.append(Closed(reason, description))
        self._alert()

    def _alert(self) -> None:
        if not self._attended:
            self._wake()
