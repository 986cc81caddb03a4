"""Mutants that change events and their JSON."""

from __future__ import annotations

from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import PacketMutant
from tests.conformance.mutants.register import caught_by


@caught_by(
    "SIO-EVENT-001",
    "SIO-EVENT-002",
    seen='got 42["message-back",1,"2",{"3":[1]}], expected 42["message-back",1,"2",{"3":[true]}]',
)
class HasNoBooleans(PacketMutant):
    """true is 1."""

    out = (("true", "1"),)


@caught_by(
    "SIO-EVENT-003",
    seen='got 42["message-back",true,false], expected 42["message-back",null,true,false]',
)
@caught_by(
    "SIO-EVENT-005",
    seen='got 42["message-back","",{},[[]],{"":""}], '
    'expected 42["message-back","",[],{},[[]],{"":""}]',
)
@caught_by(
    "SIO-EVENT-006",
    seen='got 42["message-back",{"a":[1,{"b":[{"c":0}]}]},[[[1]]]], '
    'expected 42["message-back",{"a":[1,{"b":[[],{"c":null}]}]},[[[1]]]]',
)
@caught_by("SIO-ACK-004", seen="got 432[0], expected 432[null]")
class DropsNull(PacketMutant):
    """null is dropped, and empty arrays are."""

    out = (("null,", ""), ("null", "0"), (r"\[\],", ""))


@caught_by(
    "SIO-EVENT-004",
    seen='got 42["message-back",0,-1,1,-0.25,1000.0,123456789,2147483647], '
    'expected 42["message-back",0,-1,1.5,-0.25,1e3,123456789,9007199254740991]',
)
@caught_by("SIO-ACK-007", seen="got 432147483647[], expected 432147483648[]")
class RoundsNumbers(PacketMutant):
    """Numbers have 32 bits."""

    out = (
        (r"^43\d{10,}", "432147483647"),
        (r"(?<=,)\d{10,}", "2147483647"),
        (r"1\.5", "1"),
    )


@caught_by(
    "SIO-EVENT-008",
    seen="got the end of the connection with code 1005, "
    r'expected 42["message-back","\" \\ \/ \b \f \n \r \t \u0000 \u001e \u20ac"]',
)
@caught_by(
    "SIO-EVENT-009",
    seen='got 42["message-back","ud83eudd8a"], '
    r'expected 42["message-back","\ud83e\udd8a"]',
)
@caught_by(
    "SIO-EVENT-010",
    seen="got the end of the connection with code 1005, "
    r'expected 42["message-back","/custom,1[{\"-","451-"]',
)
@caught_by(
    "SIO-EVENT-014",
    seen='got 42["message-back","ud800 x"], '
    r'expected 42["message-back","\ud800 x"]',
)
class BreaksEscapes(PacketMutant):
    """Escapes and what looks like syntax are not read as JSON."""

    into = ((r"\\", ""), (r"451-", ""))


@caught_by(
    "SIO-EVENT-011",
    seen="got the end of the connection with code 1005, "
    r'expected 42["message-back",[ 1 , { "a" :\t2 } ]]',
)
@caught_by(
    "SIO-EVENT-016", seen='got 42["message-back",{"a":1}], expected 42["message-back",{"a":2}]'
)
@caught_by(
    "SIO-EVENT-017",
    seen='got 42["message-back",{"constructor":1,"to_json":2,"__class__":3}], '
    'expected 42["message-back",{"constructor":1,"toJSON":2,"__class__":3}]',
)
class ReadsJsonByHand(PacketMutant):
    """White space, equal keys and some names confuse the parser."""

    into = ((r"\t", "?"), (r'\{"a":1,"a":2\}', '{"a":1}'), ("toJSON", "to_json"))


@caught_by(
    "SIO-EVENT-012",
    seen='got 42["message-back",0,1,2,3,4,5,6,7,8,9], '
    'expected 42["message-back",0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]',
)
@caught_by(
    "SIO-EVENT-013",
    seen='got 42["message-back",[]], '
    'expected 42["message-back",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]'
    "]]]]]]]]",
)
class LimitsTooMuch(PacketMutant):
    """Ten arguments and ten levels are all."""

    into = ((r",1[0-9](?=[,\]])", ""), (r"\[{12,}.*", "[]]"))


@caught_by(
    "SIO-EVENT-015",
    seen='got 42["message-back",null], expected 42["message-back",{"_placeholder":true,"num":0}]',
)
class SubstitutesEverywhere(PacketMutant):
    """A placeholder is one in plain packets too."""

    into = ((r'^(42.*)\{"_placeholder":true,"num":0\}', r"\1null"),)


@caught_by("SIO-EVENT-018", seen='got 42["message-back",null], expected 42["message-back"]')
@caught_by("SIO-ACK-003", seen="got 431[null], expected 431[]")
class AddsAnArgument(PacketMutant):
    """No arguments become one: null."""

    out = ((r'\["message-back"\]', '["message-back",null]'), (r"^(43\d+)\[\]", r"\1[null]"))


@caught_by("SIO-EVENT-019", seen='got 42["message-back",8], expected 42["message-back",7]')
@caught_by(
    "SIO-EVENT-020", seen='got 42["message-back","world"], expected 42["message-back","hello"]'
)
@caught_by("SIO-ACK-005", seen='got 437["7"], expected an acknowledgement that is still due')
class ReordersEvents(PacketMutant):
    """The second of two events comes first, and one acknowledgement twice."""

    def __init__(self) -> None:
        self.held: list[Packet] = []

    def outward(self, packet: Packet) -> list[Packet]:
        if packet in ('42["message-back",7]', '42["message-back","hello"]'):
            self.held.append(packet)
            return []
        held, self.held = self.held, []
        return [packet, packet] if packet == '437["7"]' else [packet, *held]


@caught_by(
    "SIO-EVENT-022", seen='got 42["message-back",1], expected 42["message-back","still there?"]'
)
@caught_by(
    "SIO-EVENT-023", seen='got 42["message-back"], expected 42["message-back","still there?"]'
)
@caught_by(
    "SIO-EVENT-024", seen='got 42["message-back","x"], expected 42["message-back","still there?"]'
)
class AnswersEveryEvent(PacketMutant):
    """Events without a handler are answered all the same."""

    into = ((r'^42\["(?!message)[^"]*"', '42["message"'),)
