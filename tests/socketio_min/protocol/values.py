"""Any packet: what hypothesis draws for the tests of encoders and decoders."""

from hypothesis import strategies as st

from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode
from socketio_min.protocol.packets import (
    RESERVED_EVENTS,
    Packet,
)

namespaces = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=","), max_size=20
).map("/{}".format)
ack_ids = st.none() | st.integers(0, 2**53 - 1)
names = st.text(max_size=128).filter(lambda name: name not in RESERVED_EVENTS)
keys = st.text(max_size=5).filter(lambda key: key != "_placeholder")
any_text = st.text(st.characters(), max_size=10)  # lone surrogates too
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
    | st.binary(max_size=10)
)
values = st.recursive(
    leaves,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=4),
    max_leaves=15,
)


def whole(text: str, attachments: list[bytes]) -> Packet:
    packet = decode(text, max_attachments=100)
    assert packet[4] == len(attachments)
    if not attachments:
        return packet
    reconstructor = Reconstructor(packet)
    for attachment in attachments[:-1]:
        assert reconstructor.add(attachment) is None
    last = reconstructor.add(attachments[-1])
    assert last is not None
    return last
