"""Both ends of a session, joined in memory by a machine that interrupts them anywhere."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engineio_min.protocol.client_session import ClientSession, ClientTiming
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.session import Session, Timing
from tests.effort import examples

# -- both ends, joined in memory


class JoinedEnds(RuleBasedStateMachine):
    """Invariant: what one end sends arrives at the other once and in order, whatever carries it and
    however the steps of polling, the upgrade and the heartbeat interleave.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        timing = Timing(ping_interval=5.0, ping_timeout=5.0, upgrade_timeout=1000.0)
        self.server = Session("sid", "polling", timing, 0.0, lambda _: None, None)
        self.server.waiting = False
        self.client = ClientSession(
            "polling", ClientTiming(upgrade_timeout=1000.0), 0.0, lambda: None
        )
        self.sent: dict[str, list[str]] = {"client": [], "server": []}
        self.received: dict[str, list[str]] = {"client": [], "server": []}
        self.getting = False
        self.post: list[Packet] | None = None
        self.candidate: list[str] = []

    @initialize()
    def handshake(self) -> None:
        assert self.client.begin_poll()
        self.client.receive(
            '0{"sid":"sid","upgrades":["websocket"],"pingInterval":5000,"pingTimeout":5000,'
            '"maxPayload":60}',
            0.0,
        )
        self.client.polled()

    @rule(size=st.integers(0, 30))
    def client_sends(self, size: int) -> None:
        message = str(len(self.sent["client"])) + "c" * size
        self.sent["client"].append(message)
        self.client.send("4" + message)

    @rule()
    def server_sends(self) -> None:
        message = str(len(self.sent["server"]))
        self.sent["server"].append(message)
        self.server.send("4" + message)

    @rule()
    def begin_get(self) -> None:
        if not self.getting and self.client.begin_poll():
            self.getting = True

    @rule()
    def answer_get(self) -> None:
        if self.getting and self.client.transport == "polling":
            packets = self.server.poll()
            self.server.waiting = not packets
            if packets:
                self.getting = False
                self.client_receives(packets)
                self.client.polled()

    @rule()
    def begin_post(self) -> None:
        if self.post is None and self.client.transport == "polling":
            packets = self.client.take()
            self.post = packets or None

    @rule()
    def answer_post(self) -> None:
        if self.post is not None:
            packets, self.post = self.post, None
            self.server_receives(packets)
            self.client.posted()

    @rule()
    def probe(self) -> None:
        if self.client.begin_upgrade(self.now, ["websocket"]):
            assert self.server.begin_upgrade(self.now, ["websocket"])
            answer = self.server.receive_probe("2probe")
            assert answer is not None
            self.candidate.append(answer)

    @rule()
    def candidate_answers(self) -> None:
        if self.candidate:
            self.client.receive_probe(self.candidate.pop())

    @rule()
    def websocket_carries(self) -> None:
        if self.client.transport == "websocket":
            packets = self.client.take()
            if packets and self.server.transport == "polling":
                assert self.server.receive_probe(str(packets.pop(0))) == ""
            self.server_receives(packets)
            if self.server.transport == "websocket":
                self.client_receives(self.server.take())

    @rule(seconds=st.floats(0.0, 2.0))
    def time_passes(self, seconds: float) -> None:
        # Everything that is under way arrives meanwhile, so that nobody times out.
        self.begin_get()
        self.answer_get()
        self.begin_post()
        self.answer_post()
        self.candidate_answers()
        self.websocket_carries()
        self.now += seconds
        self.server.handle_timeout(self.now)
        self.client.handle_timeout(self.now)
        self.settle()

    def settle(self) -> None:
        for _ in range(50):
            self.begin_get()
            self.answer_get()
            self.begin_post()
            self.answer_post()
            self.candidate_answers()
            self.websocket_carries()

    def server_receives(self, packets: list[Packet]) -> None:
        for packet in packets:
            message = self.server.receive(packet, self.now)
            if message is not None:
                self.received["server"].append(str(message))

    def client_receives(self, packets: list[Packet]) -> None:
        for packet in packets:
            message = self.client.receive(packet, self.now)
            if message is not None:
                self.received["client"].append(str(message))

    @invariant()
    def in_order(self) -> None:
        for sender, receiver in (("client", "server"), ("server", "client")):
            received = self.received[receiver]
            assert received == self.sent[sender][: len(received)]

    def teardown(self) -> None:
        self.settle()
        assert self.client.phase == "open", self.client.events
        assert self.received == {"client": self.sent["server"], "server": self.sent["client"]}


TestJoinedEnds = JoinedEnds.TestCase


TestJoinedEnds.settings = settings(max_examples=examples(25))
