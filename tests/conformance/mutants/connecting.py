"""Mutants of CONNECT: payloads, refusals, ids, and what comes before it."""

from __future__ import annotations

from conformance.profiles import ids
from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import PacketMutant
from tests.conformance.mutants.register import STILL_OPEN, caught_by


@caught_by("SIO-CONN-001", "SIO-CONN-015", seen='got 42["auth",null], expected 42["auth",{}]')
@caught_by("SIO-CONN-003", seen='got 42/custom,["auth",null], expected 42/custom,["auth",{}]')
class HasNullForNoPayload(PacketMutant):
    """The auth payload of a client that sent none is null."""

    out = ((r'\["auth",\{\}\]', '["auth",null]'),)


@caught_by("SIO-CONN-002", seen='got 42["auth",{}], expected 42["auth",{"token":"123"}]')
@caught_by(
    "SIO-CONN-004", seen='got 42/custom,["auth",{}], expected 42/custom,["auth",{"token":"abc"}]'
)
@caught_by(
    "SIO-CONN-017",
    seen='got 42["auth",{}], '
    'expected 42["auth",{"token":"é 🦊","list":[1,null,{"a":true}],"n":1.5}]',
)
class LosesThePayload(PacketMutant):
    """The payload of CONNECT is lost."""

    into = ((r"^(40(?:/custom,)?)\{.*", r"\1"),)


@caught_by("SIO-CONN-006", seen="got ['pid', 'sid'] for the keys, expected ['sid']")
class AddsAPid(PacketMutant):
    """CONNECT carries a pid although there is no recovery."""

    out = ((r"^(40.*)\}$", r'\1,"pid":"x"}'),)


@caught_by(
    "SIO-CONN-005",
    seen='got 44/customer,{"message":"Invalid namespace"}, expected 40/custom,{"sid":…}',
)
@caught_by(
    "SIO-NSP-003", seen='got the end of the connection with code 1005, expected 40/custom,{"sid":…}'
)
class WantsTheComma(PacketMutant):
    """`40/custom` is refused, and `41/custom` is not understood."""

    into = ((r"^40/custom$", "40/customer,"), (r"^41/custom$", '42["nothing"]'))


@caught_by(
    "SIO-CONN-007",
    "SIO-CONN-009",
    "SIO-CONN-010",
    seen='got 44/random,"Unable to connect", expected 44/random,{"message":…}',
)
@caught_by(
    "SIO-CONN-008",
    seen='got 44/random,"Unable to connect", expected 44/random,{"message":"Invalid namespace"}',
)
class RefusesWithText(PacketMutant):
    """The payload of a refusal is a text, as in version 4."""

    out = ((r"^(44/random,).*", r'\1"Unable to connect"'),)


@caught_by(
    "SIO-CONN-008",
    seen='got 44/random,{"message":"No such namespace"}, '
    'expected 44/random,{"message":"Invalid namespace"}',
)
class RefusesInOtherWords(PacketMutant):
    """The message is another one."""

    out = (("Invalid namespace", "No such namespace"),)


@caught_by("SIO-CONN-009", seen='got nothing within … s, expected 40{"sid":…}')
@caught_by("SIO-CONN-010", seen="got nothing within … s, expected a refusal")
class ClosesAfterARefusal(PacketMutant):
    """A refused client is not let in any more."""

    def __init__(self) -> None:
        self.refused = False

    def inward(self, packet: Packet) -> list[Packet]:
        if self.refused:
            return []
        self.refused = packet == "40/random"
        return [packet]


@caught_by("SIO-CONN-012", seen="got 40{…}, expected nothing for the main namespace")
class JoinsTheMainNamespaceUnasked(PacketMutant):
    """The main namespace is joined together with another."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [packet, "40"] if packet == "40/custom," else [packet]


@caught_by("SIO-CONN-013", seen="got 2 for the number of different ids, expected 3")
@caught_by("SIO-CONN-014", seen="got 1 for the number of different ids, expected 4")
class SharesOneId(PacketMutant):
    """Every socket has the same id."""

    out = ((r'^(40.*"sid":")[^"]*', r"\1the-same-for-all-of-us"),)


@caught_by("SIO-CONN-001", "SIO-CONN-019", seen='got 42["auth",{}], expected 40{"sid":…}')
class TalksBeforeItAccepts(PacketMutant):
    """The event overtakes CONNECT."""

    def __init__(self) -> None:
        self.held: list[Packet] = []

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:3] == "40{":
            self.held.append(packet)
            return []
        held, self.held = self.held, []
        return [packet, *held]


@caught_by(*ids("SIO-CONN", range(21, 28)), "SIO-CONN-032", seen=STILL_OPEN)
class JoinsUnasked(PacketMutant):
    """Every connection is in all namespaces from the beginning."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet[:2] != "40" and packet != "3" else [packet]

    keeps_open = True


@caught_by(
    "SIO-CONN-028",
    "SIO-CONN-029",
    "SIO-CONN-031",
    seen="got 40{…}, expected the WebSocket to be closed",
)
@caught_by("SIO-CONN-030", seen='got 40/custom,{"sid":…}, expected the WebSocket to be closed')
class TakesEveryPayload(PacketMutant):
    """CONNECT with a bad payload is accepted."""

    into = ((r"^(40(?:/custom,)?)(?:\[.*|\".*|\{.*[^}])$", r"\1"),)


@caught_by("SIO-CONN-032", "SIO-CONN-033", seen=STILL_OPEN)
class HasNoConnectTimeout(PacketMutant):
    """A client need not join a namespace."""

    keeps_open = True


@caught_by("SIO-CONN-035", seen="got 40{…}, expected the WebSocket to be closed")
@caught_by("SIO-CONN-038", seen="got … times CONNECT, expected at most one")
class JoinsTwice(PacketMutant):
    """A second CONNECT is accepted."""

    joined = 0

    def inward(self, packet: Packet) -> list[Packet]:
        self.joined += packet == "40"
        return ['42["message"]'] if packet == "40" and self.joined > 1 else [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:2] == "0{":
            self.joined = 0
        return super().outward(packet)

    out = ((r'^42\["message-back"\]$', '40{"sid":"another"}'),)


@caught_by("SIO-CONN-037", seen='got 40/custom,{"sid":…}, expected 44/__proto__,{"message":…}')
class JoinsEveryNamespace(PacketMutant):
    """Names of the language, and names in another case, are namespaces."""

    into = ((r"^40/(?:__.*|CUSTOM|constructor|/),$", "40/custom,"),)
