"""Every rule about the state of an Engine.IO session, and nothing else.

A session takes packets in with `receive` and hands packets out with `poll` (long-polling) or `take`
(WebSocket, which is a poll that always waits). There is one outgoing buffer, so there is one order,
whatever carries it; an upgrade only changes who may take. Time comes in as an argument and the next
deadline is an attribute. What happens rarely is listed in `events`; `wake` is the one callback, and
says "there is something to take, or an event". User code never runs inside the session.

Rejected: a chain of transport objects that call each other (the same speed, and the rules spread
over five files), and event objects for messages (half the speed).

    OPEN ──close()──► CLOSING ──the last packets are taken──► CLOSED
      └────────── the peer's close, an error, a timeout ───────►┘
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from engineio_min.errors import PacketError
from engineio_min.protocol.backlog import (
    FIRST_MARK,
    PACKET_OVERHEAD,
    weigh_packets,
)
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.open_packet import make_open_packet
from engineio_min.protocol.packets import (
    BASE64,
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    PROBE_PING,
    PROBE_PONG,
    UPGRADE,
    LongText,
    Message,
    Packet,
    decode_base64,
)
from engineio_min.protocol.phases import (
    CANDIDATE,
    CLOSED,
    CLOSING,
    IDLE,
    OPENED,
    PROBED,
    BacklogChanged,
    Closed,
    Event,
    Upgraded,
    UpgradeExpired,
)
from engineio_min.protocol.reasons import (
    FORCED_CLOSE,
    PARSE_ERROR,
    PING_TIMEOUT,
    SLOW_CONSUMER,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
)
from engineio_min.protocol.shares import POLL_SHARE
from engineio_min.protocol.transports import TRANSPORTS, WEBSOCKET, upgrades

# How late a timer is without anything being wrong, in seconds.
USUAL_LATENESS = 0.01

# How long, in seconds, a session that was not read has to be read again.
CATCH_UP = 1.0

# Types of long text packets with a message in them.
_LONG_MESSAGES = (MESSAGE.encode(), BASE64.encode())
# What an idle session has instead of lists of its own. Nobody adds to them.
_NO_PACKETS: list[Packet] = []
_NO_EVENTS: list[Event] = []


@dataclass(frozen=True, slots=True)
class Timing:
    """The session's times in seconds and its limit in bytes.

    `close_timeout` is how long a closing session waits for the poll that fetches its last packets,
    and never longer than it would have waited for a pong. `max_buffered` is what may wait for a
    peer, however fast the peer fetches it. Whether the peer fetches anything is for the carrier to
    see.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    close_timeout: float = 30.0
    max_buffered: int = 67_108_864


class Session:
    """The server's half of one session (Engine.IO v4).

    The driver calls `receive` for each packet of the current transport, `receive_probe` for each
    packet of a candidate, and reads `events` after every call. It tells with `unblock` and `block`
    whether something waits to carry packets (a parked GET, a WebSocket that accepts data), and with
    `pause` and `resume` whether it reads what the peer sends.

    `open` and `receive` silence `wake` until the next `take`, `poll` or `release`: the driver looks
    for packets and events by itself when a read is over. So what a read causes leaves at its end,
    without a call that says so. `wake` is called with `woken_for`. `queued` is what `take` would
    return; do not change it.
    """

    __slots__ = (
        "_attended",
        "_awaiting_pong",
        "_buffered",
        "_heartbeat",
        "_mark",
        "_refreshable",
        "_timing",
        "_unheard",
        "_upgrade_deadline",
        "_wake",
        "_woken_for",
        "behind_since",
        "deadline",
        "events",
        "held",
        "phase",
        "queued",
        "sid",
        "transport",
        "upgrade",
        "waiting",
    )

    def __init__(
        self,
        sid: str,
        transport: str,
        timing: Timing,
        now: float,
        wake: Callable[[Any], None],
        woken_for: object,
    ) -> None:
        self.sid = sid
        self.transport = transport
        self.phase = OPENED
        self.upgrade = IDLE
        # Whether something waits to carry packets.
        self.waiting = True
        # Whether the driver will look for packets and events without being woken.
        self._attended = False
        # Whether the driver reads nothing.
        self._unheard = False
        # Since when the peer has taken nothing, while nothing waits to carry packets.
        self.behind_since = NEVER
        self.events = _NO_EVENTS
        self._timing = timing
        # Two attributes, and no function that knows its driver: one object less in each session.
        self._wake = wake
        self._woken_for = woken_for
        self.queued = _NO_PACKETS
        self._buffered = 0
        # If more bytes are buffered, the driver is told, or the session ends.
        self._mark = min(FIRST_MARK, timing.max_buffered)
        # The bytes that the server holds because of the buffer, roughly; 0 while they are few.
        self.held = 0
        self._awaiting_pong = False
        # Whether the next packet, of any type, gives the peer more time for its pong.
        self._refreshable = False
        self._upgrade_deadline = NEVER
        self._heartbeat = self.deadline = now + timing.ping_interval

    def open(self, upgrades_to: Sequence[str], max_payload: int) -> None:
        """Queue the open packet, the first on every transport (Engine.IO v4, "Handshake").

        It tells the transports that the session may upgrade to, and what a POST may have in bytes.
        """
        self._attended = True
        timing = self._timing
        self.queued = [
            make_open_packet(
                self.sid,
                upgrades_to,
                timing.ping_interval,
                timing.ping_timeout,
                max_payload,
            )
        ]

    # -- what comes in

    def receive(self, packet: Packet, now: float) -> Message | None:
        """Take a packet of the current transport; return the message in it, if it is one.

        A packet that breaks the protocol closes the session, so after every call `events` may have
        something.
        """
        self._attended = True
        if isinstance(packet, str):
            # The same object comes back if there is nothing to remove.
            message = packet.removeprefix(MESSAGE)
            if message is packet:
                data = self._receive_other(packet, now)
                if data is None:
                    return None
                packet = data
            else:
                packet = message
        elif type(packet) is LongText and packet[:1] not in _LONG_MESSAGES:
            if self.phase == OPENED:
                self._receive_control(packet[:1].decode("latin-1"), now)
            return None
        if self._refreshable:
            self._refresh(now)
        return packet if self.phase == OPENED else None

    def _receive_other(self, packet: str, now: float) -> bytes | None:
        """Take a text packet that is no text message; return the binary message in it, if any."""
        if self.phase != OPENED:
            return None
        if packet[:1] != BASE64:
            self._receive_control(packet, now)
            return None
        # Clients without binary frames send binary messages so; any client may.
        try:
            return decode_base64(packet)
        except PacketError as error:
            self._end(PARSE_ERROR, str(error))
            return None

    def _receive_control(self, packet: str, now: float) -> None:
        kind = packet[:1]
        if kind == PONG:
            # Only the answer to a ping moves the heartbeat (Engine.IO v4, "Heartbeat"): a flood of
            # pongs must not put it off for ever.
            if self._awaiting_pong:
                self._schedule_ping(now)
        elif kind == CLOSE:
            # Engine.IO v4, "Protocol". The poll that waits is answered with a noop.
            self._end(TRANSPORT_CLOSE, "got a close packet", last=NOOP)
        elif kind == PING:
            self._end(TRANSPORT_ERROR, "got a ping, which only the server sends in this version")
        elif kind not in (OPEN, UPGRADE, NOOP):
            self._end(PARSE_ERROR, f"got a packet of type {kind!r}, expected one of 0 to 6")
        elif self._refreshable:
            # "0", "5" and "6" mean nothing from a client on an open session; the official server
            # ignores them.
            self._refresh(now)

    def _refresh(self, now: float) -> None:
        # A peer that is busy sending may answer the ping late: once, its next other packet starts
        # the timeout anew.
        self._refreshable = False
        self._heartbeat = now + self._timing.ping_timeout

    # -- what goes out

    def send(self, packet: Packet) -> None:
        """Queue a packet. A session that is not open drops it.

        While nothing waits to carry packets they count against `max_buffered`; the packet that
        finds the limit passed closes the session, reason `slow consumer`. One packet of any size is
        always allowed.
        """
        if self.phase != OPENED:
            return
        buffer = self.queued
        if not self.waiting:
            if self._buffered > self._mark and not self._pass_mark():
                return
            self._buffered += len(packet) + PACKET_OVERHEAD
        if buffer:
            buffer.append(packet)
        else:
            self.queued = [packet]
            if not self._attended:
                self._wake(self._woken_for)

    def _pass_mark(self) -> bool:
        """Tell the driver how much waits. Return False if that is too much and ends the session."""
        limit = self._timing.max_buffered
        if self._buffered > limit:
            self.fail_slow(f"{self._buffered} bytes wait, expected at most {limit} (max_buffered)")
            return False
        self._mark = min(2 * self._buffered, limit)
        self.held = weigh_packets(self.queued)
        self._note(BacklogChanged())
        self._alert()
        return True

    def _shrink(self, buffered: int) -> None:
        """Note that only `buffered` bytes wait."""
        self._buffered = buffered
        self._mark = min(max(FIRST_MARK, 2 * buffered), self._timing.max_buffered)
        if self.held and (self.held > buffered or buffered <= FIRST_MARK):
            self.held = buffered if buffered > FIRST_MARK else 0
            # The driver looks at the events after it has taken packets.
            self._note(BacklogChanged())

    def fail_slow(self, description: str) -> None:
        """End the session, which is not over: its peer does not take what waits for it."""
        self.queued = _NO_PACKETS
        self._end(SLOW_CONSUMER, description)

    def block(self, now: float) -> None:
        """Note that nothing waits to carry packets; the peer's time to take any begins at `now`."""
        self.waiting = False
        self.behind_since = now

    def unblock(self) -> None:
        """Note that something waits to carry packets: what is queued leaves with `take`."""
        self.waiting = True
        self.behind_since = NEVER

    @property
    def unsent(self) -> int:
        """Count the bytes that wait in this session because nothing carries them."""
        return self._buffered

    def release(self) -> None:
        """End a read after which nothing is taken: from now on what happens wakes again."""
        self._attended = False

    def take(self) -> list[Packet]:
        """Take everything that is to be sent, in order."""
        self._attended = False
        packets = self.queued
        if packets:
            self.queued = _NO_PACKETS
            if self._buffered:
                self._shrink(0)
            if self.phase == CLOSING:
                if len(packets) > 1 and packets[-1] == CLOSE and not self._is_stream:
                    # The official client acts on "1" before it delivers what came with it: so the
                    # close packet is the only one of its payload.
                    self.queued = [packets.pop()]
                else:
                    self._end(FORCED_CLOSE, "closed by the server", last=None)
        return packets

    def take_share(self, share: int) -> list[Packet]:
        """Take the first packets of what is to be sent, in order, until they have `share` bytes.

        One packet is always taken, whatever its size. If the session is over, all are taken. What
        is left counts against `max_buffered`; nothing waits to carry packets until `unblock`.
        """
        if self.phase == CLOSED:
            return self.take()
        self._attended = False
        buffer = self.queued
        size = count = 0
        for packet in buffer:
            size += len(packet) + PACKET_OVERHEAD
            count += 1
            if size >= share:
                break
        if count == len(buffer):
            return self.take()
        packets = buffer[:count]
        del buffer[:count]
        if self.waiting:
            self.waiting = False
            self._buffered = sum(map(len, buffer)) + PACKET_OVERHEAD * len(buffer)
        else:
            self._shrink(self._buffered - size)
        return packets

    def poll(self) -> list[Packet]:
        """Return the packets that answer a GET now. If there are none, the GET waits for `wake`.

        An answer has a share of a long queue; the last one of a session has all that is left. While
        a candidate is probed every GET is answered at once, with a noop if need be, so that the
        client can leave polling (Engine.IO v4, "Upgrade").
        """
        self._attended = False
        packets = self.queued
        if packets:
            return self.take() if len(packets) == 1 else self.take_share(POLL_SHARE)
        return [NOOP] if self.upgrade == PROBED else []

    @property
    def _is_stream(self) -> bool:
        """Return whether a packet leaves as a frame of its own, at any time."""
        return TRANSPORTS[self.transport].is_stream

    @property
    def writable(self) -> bool:
        """Return whether a packet sent now leaves at once; volatile ones are dropped otherwise."""
        return self.phase == OPENED and self.waiting

    @property
    def idle(self) -> bool:
        """Return whether nothing waits to be sent."""
        return not self.queued

    @property
    def drained(self) -> bool:
        """Return whether the peer has taken every packet, or the session is over.

        On polling a packet counts as taken when a GET is answered with it.
        """
        return self.phase != OPENED or (not self.queued and (self.waiting or not self._is_stream))

    # -- the upgrade

    def begin_upgrade(self, now: float, offered: Collection[str]) -> bool:
        """Admit a candidate, which asks to carry the session (Engine.IO v4, "Upgrade").

        Return False to refuse it. One at a time is admitted, if `offered` has a transport for it.
        """
        if self.phase != OPENED or self.upgrade != IDLE or not upgrades(self.transport, offered):
            return False
        self.upgrade = CANDIDATE
        self._upgrade_deadline = now + self._timing.upgrade_timeout
        self.deadline = min(self.deadline, self._upgrade_deadline)
        return True

    def receive_probe(self, packet: Packet) -> str | None:
        """Take a packet of the candidate and return the answer; `None` means that it is refused.

        The order is `2probe`, answered with `3probe`, then `5`, answered with nothing (""); the
        session is then carried by the candidate. After a refusal the driver closes it and calls
        `abandon_upgrade`.
        """
        if self.upgrade == CANDIDATE and packet == PROBE_PING:
            self.upgrade = PROBED
            self._alert()
            return PROBE_PONG
        if self.upgrade == PROBED and packet == UPGRADE:
            self.abandon_upgrade()
            self.transport = WEBSOCKET
            self.unblock()
            self._note(Upgraded())
            return ""
        return None

    def abandon_upgrade(self) -> None:
        """Stay on the present transport: the candidate is gone, and another may try."""
        self.upgrade = IDLE
        self._upgrade_deadline = NEVER

    # -- time and the end

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now` (Engine.IO v4, "Heartbeat"); the next time is at `deadline`."""
        if now < self.deadline:
            return
        if self._upgrade_deadline <= now:
            self.abandon_upgrade()
            self._note(UpgradeExpired())
            self._alert()
        if self._heartbeat <= now:
            if self.phase == CLOSING:
                self._end(PING_TIMEOUT, "nobody fetched the last packets", last=None)
            elif self._awaiting_pong and self._unheard:
                # The pong may be among what is not read.
                self._heartbeat = now + self._timing.ping_timeout
            elif self._awaiting_pong:
                self._end(PING_TIMEOUT, f"no pong within {self._timing.ping_timeout:g} seconds")
            else:
                self._awaiting_pong = self._refreshable = True
                # A timer's usual lateness must not add up to the client's disadvantage; after a
                # stall the client has its full time.
                due = max(self._heartbeat, now - USUAL_LATENESS)
                self._heartbeat = due + self._timing.ping_timeout
                self.send(PING)
        # A pong moves the heartbeat without touching `deadline`, maybe to before the ping's
        # timeout: while one is due, looking once an interval is early enough.
        look = now + self._timing.ping_interval if self._awaiting_pong else NEVER
        self.deadline = min(self._heartbeat, self._upgrade_deadline, look)

    def pause(self) -> None:
        """Wait for a pong longer than usual: the driver reads nothing until `resume`."""
        self._unheard = True

    def resume(self, now: float) -> None:
        """Give what has come meanwhile its time to be read: the driver reads again."""
        self._unheard = False
        self._heartbeat = max(self._heartbeat, now + CATCH_UP)

    def _schedule_ping(self, now: float) -> None:
        self._awaiting_pong = self._refreshable = False
        self._heartbeat = now + self._timing.ping_interval

    def close(self, now: float) -> None:
        """Close from this side once everything queued is taken; what comes in from now on is
        dropped.
        """
        if self.phase != OPENED:
            return
        if self._is_stream and not self.queued:
            self._end(FORCED_CLOSE, "closed by the server")
            return
        if not self._is_stream:
            self.queued = [*self.queued, CLOSE]
        # No ping is sent any more: a peer that takes nothing counts as silent, as if it had not
        # answered one.
        silent = self._heartbeat + (0 if self._awaiting_pong else self._timing.ping_timeout)
        self.phase = CLOSING
        self._awaiting_pong = self._refreshable = False
        self._heartbeat = min(silent, now + self._timing.close_timeout)
        self.deadline = min(self.deadline, self._heartbeat)
        self._alert()

    def fail(self, reason: str, description: str) -> None:
        """End the session at once: its transport broke, or the peer broke the protocol."""
        if self.phase != CLOSED:
            self._end(reason, description)

    def _end(self, reason: str, description: str, last: str | None = CLOSE) -> None:
        # A poll that waits learns of the end from its answer, a WebSocket from its close frame.
        # What is queued goes before it, and the next request learns that the session is unknown.
        if last is not None and not self._is_stream and not self.queued:
            self.queued = [last]
        self.phase = CLOSED
        self.upgrade = IDLE
        self._awaiting_pong = self._refreshable = False
        self.deadline = self._heartbeat = self._upgrade_deadline = NEVER
        self._note(Closed(reason, description))
        self._alert()
        # The session wakes nobody any more, and its driver is freed without the garbage collector.
        self._wake, self._woken_for = _asleep, None

    def _note(self, event: Event) -> None:
        """Tell the driver of an event."""
        if self.events:
            self.events.append(event)
        else:
            self.events = [event]

    def _alert(self) -> None:
        if not self._attended:
            self._wake(self._woken_for)


def _asleep(_nobody: object) -> None:
    """Wake nobody."""
