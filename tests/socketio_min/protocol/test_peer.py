"""peer.py: which packets a connection may send when, and how attachments complete a packet.

The state machine at the end sends arbitrary sequences to a peer and to a naive model. Invariants:
only `ProtocolError` ever escapes; nothing is admitted for a namespace that is not joined; a packet
is admitted exactly when the model says so, with its attachments in their places.
"""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from socketio_min.errors import PacketError, ProtocolError
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.packets import ACK, CONNECT, DISCONNECT, EVENT
from socketio_min.protocol.peer import Peer, PeerRules
from tests.effort import examples

# Values in a packet for a namespace; of a CONNECT, twice as many.
MOST_VALUES = 500

HOLE = '{"_placeholder":true,"num":0}'


def make_peer(
    *joined: str, attachment_bytes: int = 1_000, namespaces: int = 4, attachments: int = 3
) -> Peer[str]:
    rules: PeerRules[str] = PeerRules(
        JSON_PARSER,
        attachment_bytes,
        namespaces,
        attachments,
        2 * MOST_VALUES,
        lambda _joined: MOST_VALUES,
    )
    peer = Peer(rules)
    for name in joined:
        assert peer.receive(f"0{name},") == (CONNECT, name, None, None, 0)
        peer.join(name, f"socket in {name}")
    return peer


def waits(peer: Peer[str]) -> bool:
    return peer.reconstructor is not None


# --- size


def test_a_message_has_the_size_that_is_read_in_one_piece() -> None:
    rules: PeerRules[str] = PeerRules(JSON_PARSER, 1_000, 4, 3, 100, lambda _joined: 100, 10)
    peer = Peer(rules)
    assert peer.receive('0{"a":"b"}') is not None
    with pytest.raises(ProtocolError, match=r"of 11 bytes, expected at most 10 \(max_undivided\)"):
        peer.receive('0{"a":"bc"}')


# --- namespaces


def test_connect_is_handed_on_and_answered_by_join() -> None:
    peer = make_peer()
    assert peer.receive('0{"token":1}') == (CONNECT, "/", {"token": 1}, None, 0)
    assert peer.joined == {}
    peer.join("/", "socket")
    assert peer.joined == {"/": "socket"}
    assert peer.receive('2["a",1]') == (EVENT, "/", ["a", 1], None, 0)
    assert peer.receive("37[2]") == (ACK, "/", [2], 7, 0)
    assert peer.receive("1") == (DISCONNECT, "/", None, None, 0)


def test_a_refused_connect_may_be_repeated() -> None:
    peer = make_peer()
    peer.receive("0/a,")
    peer.refuse("/a")
    assert peer.receive("0/a,") == (CONNECT, "/a", None, None, 0)


def test_refusing_one_of_two_pending_leaves_the_other_pending() -> None:
    peer = make_peer()
    peer.receive("0/a,")
    peer.receive("0/b,")
    peer.refuse("/a")
    assert peer.receive("0/a,") is not None
    with pytest.raises(ProtocolError, match=r"got CONNECT for the namespace .* twice"):
        peer.receive("0/b,")


def test_refusing_what_is_not_pending_changes_nothing() -> None:
    peer = make_peer("/")
    peer.refuse("/a")
    assert peer.joined == {"/": "socket in /"}


@pytest.mark.parametrize("joined", [True, False])
def test_connect_twice_is_refused(joined: bool) -> None:
    peer = make_peer()
    peer.receive("0")
    if joined:
        peer.join("/", "socket")
    with pytest.raises(ProtocolError, match=r"got CONNECT for the namespace .* twice"):
        peer.receive("0")


@pytest.mark.parametrize(
    "message", ['2["a"]', '2/a,["a"]', "37[]", "1", "1/a,", f'51-["a",{HOLE}]', f"61-7[{HOLE}]"]
)
@pytest.mark.parametrize("pending", [True, False])
def test_nothing_but_connect_is_allowed_before_the_namespace_is_joined(
    message: str, pending: bool
) -> None:
    peer = make_peer()
    if pending:
        peer.receive("0")
        peer.receive("0/a,")
    with pytest.raises(ProtocolError, match="for a namespace that is not joined"):
        peer.receive(message)
    assert not waits(peer)


@pytest.mark.parametrize("message", ['4{"message":"x"}', '4"x"', '4/a,{"message":"x"}'])
def test_connect_error_comes_from_servers_only(message: str) -> None:
    peer = make_peer("/", "/a")
    with pytest.raises(ProtocolError, match="CONNECT_ERROR"):
        peer.receive(message)


def test_a_malformed_packet_is_refused() -> None:
    with pytest.raises(PacketError):
        make_peer("/").receive("2{}")


def test_joined_and_pending_namespaces_count_against_the_limit() -> None:
    peer = make_peer("/", "/a", namespaces=3)
    peer.receive("0/b,")
    with pytest.raises(ProtocolError, match="more than 3 namespaces"):
        peer.receive("0/c,")
    peer.refuse("/b")
    peer.receive("0/c,")
    peer.join("/c", "socket")
    with pytest.raises(ProtocolError, match="more than 3 namespaces"):
        peer.receive("0/b,")
    peer.leave("/a", by_peer=True)
    assert peer.receive("0/b,") == (CONNECT, "/b", None, None, 0)


def test_what_crosses_the_servers_disconnect_is_dropped() -> None:
    peer = make_peer("/")
    peer.leave("/", by_peer=False)
    for message in ('2["a"]', "37[]", "1"):
        assert peer.receive(message) is None
    peer.receive("0")
    # Still on its way when the client connected again: it belongs to the old socket.
    assert peer.receive('2["late"]') is None
    peer.join("/", "new socket")
    assert peer.receive('2["a"]') == (EVENT, "/", ["a"], None, 0)


def test_what_follows_the_peers_own_disconnect_is_dropped_while_it_is_in_another_namespace() -> (
    None
):
    peer = make_peer("/", "/a")
    peer.leave("/a", by_peer=True)
    assert peer.receive('2/a,["a"]') is None
    peer.leave("/", by_peer=True)
    with pytest.raises(ProtocolError, match="not joined"):
        peer.receive('2["a"]')


@pytest.mark.parametrize("packet", ['2/x,["a",{BAD', "3/x,1[{BAD", '51-/x,["a",{BAD', '2/x,["a"]'])
def test_nothing_is_decoded_for_a_stranger(packet: str) -> None:
    """Its JSON is not looked at, so that it costs nothing and cannot be wrong."""
    with pytest.raises(ProtocolError, match="not joined"):
        make_peer("/").receive(packet)


def test_nothing_is_decoded_for_a_namespace_that_is_left() -> None:
    peer = make_peer("/", "/x")
    peer.leave("/x", by_peer=False)
    for packet in ('2/x,["a",{BAD', "3/x,1[{BAD"):
        assert peer.receive(packet) is None
    assert peer.receive('51-/x,["a",{BAD') is None
    assert peer.receive(b"dropped as well") is None
    assert peer.receive('2["a"]') == (EVENT, "/", ["a"], None, 0)


def test_a_packet_has_as_many_values_as_its_namespace_allows() -> None:
    peer = make_peer("/")
    zeros = ",0" * (MOST_VALUES - 3)
    packet = peer.receive(f'2["a"{zeros}]')
    assert packet is not None
    assert len(packet[2]) == MOST_VALUES - 2
    assert peer.receive('0/x,{"a":[0' + zeros * 2 + "]}") is not None
    with pytest.raises(PacketError, match=r"expected at most 500 values \(max_values\)"):
        peer.receive(f'2["a"{zeros},0,0,0]')


def test_the_memory_of_left_namespaces_is_bounded() -> None:
    peer = make_peer("/", namespaces=3)
    for number in range(10):
        peer.receive(f"0/{number},")
        peer.join(f"/{number}", "socket")
        peer.leave(f"/{number}", by_peer=True)
    for number in (7, 8, 9):
        assert peer.receive(f'2/{number},["a"]') is None
    with pytest.raises(ProtocolError, match="not joined"):
        peer.receive('2/6,["a"]')


# --- attachments


def test_attachments_complete_an_event_and_an_acknowledgement() -> None:
    peer = make_peer("/")
    assert peer.receive('52-7["a",{"_placeholder":true,"num":1},' + HOLE + "]") is None
    assert waits(peer)
    assert peer.receive(b"zero") is None
    assert waits(peer)
    assert peer.receive(b"one") == (EVENT, "/", ["a", b"one", b"zero"], 7, 0)
    assert not waits(peer)
    assert peer.receive(f"61-7[{HOLE}]") is None
    assert peer.receive(b"x") == (ACK, "/", [b"x"], 7, 0)


@pytest.mark.parametrize("message", ['2["a"]', "0/a,", "1", f'51-["b",{HOLE}]', "3"])
def test_text_is_refused_while_attachments_are_due(message: str) -> None:
    peer = make_peer("/")
    peer.receive(f'51-["a",{HOLE}]')
    with pytest.raises(ProtocolError, match="attachments were due"):
        peer.receive(message)


def test_a_binary_message_that_nothing_announced_is_refused() -> None:
    peer = make_peer("/")
    with pytest.raises(ProtocolError, match="no packet announced"):
        peer.receive(b"x")
    peer.receive(f'51-["a",{HOLE}]')
    peer.receive(b"x")
    with pytest.raises(ProtocolError, match="no packet announced"):
        peer.receive(b"one more")


def test_a_packet_of_a_namespace_that_is_left_meanwhile_is_dropped_when_complete() -> None:
    peer = make_peer("/", "/a")
    assert peer.receive(f'51-/a,["a",{HOLE}]') is None
    peer.leave("/a", by_peer=False)
    assert waits(peer)
    assert peer.receive(b"x") is None
    assert not waits(peer)
    # A header that arrives after the server's DISCONNECT has its attachments collected too.
    assert peer.receive(f'51-/a,["a",{HOLE}]') is None
    assert peer.receive(b"x") is None
    assert peer.receive('2["a"]') is not None


def test_the_limits_of_attachments_are_the_peers() -> None:
    peer = make_peer("/", attachments=2, attachment_bytes=10)
    with pytest.raises(PacketError, match="from 1 to 2"):
        peer.receive(f'53-["a",{HOLE}]')
    peer.receive(f'52-["a",{HOLE}]')
    assert peer.receive(b"12345") is None
    with pytest.raises(PacketError, match="1 bytes more than the limit"):
        peer.receive(b"123456")


@given(st.one_of(st.text(), st.binary()), st.booleans())
def test_arbitrary_messages_raise_nothing_but_protocol_errors(
    message: str | bytes, incomplete: bool
) -> None:
    """Invariant: whatever arrives, attachments due or not, only ProtocolError escapes."""
    peer = make_peer("/")
    if incomplete:
        peer.receive(f'51-["a",{HOLE}]')
    with contextlib.suppress(ProtocolError):
        peer.receive(message)


# --- the machine

NAMES = st.sampled_from(["/", "/a", "/b"])


class PeerAgainstModel(RuleBasedStateMachine):
    """A peer and a model of it that keeps one word for each namespace."""

    LIMIT = 2

    def __init__(self) -> None:
        super().__init__()
        self.start()

    def start(self) -> None:
        rules: PeerRules[str] = PeerRules(
            JSON_PARSER, 1_000, self.LIMIT, 3, MOST_VALUES, lambda _joined: MOST_VALUES
        )
        self.peer = Peer(rules)
        self.states: dict[str, str] = {}
        # The order in which namespaces were left: the oldest is forgotten first.
        self.left: list[str] = []
        # Namespace, placeholders and attachments so far of the packet that is being received.
        self.header: tuple[int, str, list[int], int] | None = None
        self.attachments: list[bytes] = []

    def receive(self, message: str | bytes, expected: Any) -> None:
        """`expected` is the packet, None, or ProtocolError, after which a new connection begins."""
        if isinstance(message, str) and self.header is not None:
            expected = ProtocolError
        if expected is ProtocolError:
            with pytest.raises(ProtocolError):
                self.peer.receive(message)
            self.start()
        else:
            assert self.peer.receive(message) == expected

    def admitted(self, name: str, packet: Any) -> Any:
        if self.states.get(name) == "joined":
            return packet
        return None if name in self.left else ProtocolError

    @rule(name=NAMES)
    def connect(self, name: str) -> None:
        busy = [state for state in self.states.values() if state in ("pending", "joined")]
        allowed = name not in self.states and len(busy) < self.LIMIT and self.header is None
        self.receive(f"0{name},", (CONNECT, name, None, None, 0) if allowed else ProtocolError)
        if allowed:
            self.states[name] = "pending"

    @rule(name=NAMES, accept=st.booleans())
    def decide(self, name: str, accept: bool) -> None:
        if self.states.get(name) != "pending":
            return
        if accept:
            self.peer.join(name, name)
            self.states[name] = "joined"
            if name in self.left:
                self.left.remove(name)
        else:
            self.peer.refuse(name)
            del self.states[name]

    @rule(name=NAMES, by_peer=st.booleans())
    def leave(self, name: str, by_peer: bool) -> None:
        if self.states.get(name) != "joined":
            return
        self.peer.leave(name, by_peer=by_peer)
        del self.states[name]
        if "joined" in self.states.values() or not by_peer:
            self.left = [*self.left, name][-self.LIMIT :]

    @rule(name=NAMES, ack_id=st.none() | st.integers(0, 9))
    def event(self, name: str, ack_id: int | None) -> None:
        digits = "" if ack_id is None else str(ack_id)
        packet = (EVENT, name, ["e", 1], ack_id, 0)
        self.receive(f'2{name},{digits}["e",1]', self.admitted(name, packet))

    @rule(name=NAMES)
    def acknowledgement(self, name: str) -> None:
        self.receive(f"3{name},5[]", self.admitted(name, (ACK, name, [], 5, 0)))

    @rule(name=NAMES)
    def disconnect(self, name: str) -> None:
        self.receive(f"1{name},", self.admitted(name, (DISCONNECT, name, None, None, 0)))

    @rule(name=NAMES)
    def connect_error(self, name: str) -> None:
        self.receive(f'4{name},"no"', ProtocolError)

    @rule(message=st.sampled_from(["", "9", "2", "2{}", "5-[]", '50-["a"]', '54-["a"]', "\ud800"]))
    def malformed(self, message: str) -> None:
        self.receive(message, ProtocolError)

    @rule(
        name=NAMES,
        count=st.integers(1, 3),
        holes=st.lists(st.integers(0, 2), max_size=3),
        type_=st.sampled_from([EVENT, ACK]),
    )
    def binary_header(self, name: str, count: int, holes: list[int], type_: int) -> None:
        allowed = (
            self.header is None
            and self.admitted(name, None) is None
            and all(hole < count for hole in holes)
        )
        items = ['"e"', *(f'{{"_placeholder":true,"num":{hole}}}' for hole in holes)]
        message = f"{type_ + 3}{count}-{name},8[{','.join(items)}]"
        self.receive(message, None if allowed else ProtocolError)
        if allowed:
            self.header = (type_, name, holes, count)
            self.attachments = []

    @rule(data=st.binary(max_size=3))
    def attachment(self, data: bytes) -> None:
        if self.header is None:
            self.receive(data, ProtocolError)
            return
        type_, name, holes, count = self.header
        self.attachments.append(data)
        if len(self.attachments) < count:
            self.receive(data, None)
            return
        self.header = None
        values = ["e", *(self.attachments[hole] for hole in holes)]
        self.receive(data, self.admitted(name, (type_, name, values, 8, 0)))

    @precondition(lambda self: self.header is None)
    @rule()
    def connection_breaks(self) -> None:
        self.start()

    @invariant()
    def joined_is_what_was_accepted(self) -> None:
        joined = {name for name, state in self.states.items() if state == "joined"}
        assert set(self.peer.joined) == joined
        assert (self.peer.reconstructor is not None) == (self.header is not None)


TestPeerAgainstModel = PeerAgainstModel.TestCase
TestPeerAgainstModel.settings = settings(max_examples=examples(30), stateful_step_count=40)
