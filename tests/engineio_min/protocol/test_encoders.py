"""`encoders.py`: one encoder for each agreement, and the same one for all who have agreed on it."""

from __future__ import annotations

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate

from engineio_min.protocol.encoders import Encoders

# "4" and 5 bytes of text: FIN and opcode 1, then the length.
PLAIN = b"\x81\x064hello"


def deflate(bits: int) -> PerMessageDeflate:
    """Return what a server has agreed on with a client that takes a window of 2 ** bits bytes."""
    return PerMessageDeflate(False, True, 15, bits, {})


def test_who_has_agreed_on_nothing_gets_plain_frames() -> None:
    encoders = Encoders(False)
    assert encoders.deflate is None
    assert encoders.plain.frames(["4hello"]) == PLAIN
    assert encoders.all == [encoders.plain]


def test_who_has_agreed_on_the_same_shares_an_encoder() -> None:
    encoders = Encoders(True)
    first = encoders.agreed([deflate(12)], base64=False)
    assert encoders.agreed([deflate(12)], base64=False) is first
    others = [
        encoders.agreed([deflate(15)], base64=False),
        encoders.agreed([deflate(12)], base64=True),
        encoders.agreed([], base64=True),
    ]
    assert len({id(encoder) for encoder in (encoders.plain, first, *others)}) == 5
    assert encoders.all == [encoders.plain, first, *others]


def test_base64_leaves_as_text() -> None:
    encoder = Encoders(False).agreed([], base64=True)
    assert encoder.frames([b"\x01\x02"]) == b"\x81\x05bAQI="


@pytest.mark.parametrize(
    ("option", "size", "compressed"),
    [(True, 1023, False), (True, 1024, True), (100, 99, False), (100, 100, True), (0, 1, True)],
)
def test_a_message_is_compressed_from_the_threshold_on(
    option: bool | int, size: int, compressed: bool
) -> None:
    encoder = Encoders(option).agreed([deflate(15)], base64=False)
    frame = encoder.frames(["4" + "x" * (size - 1)])
    # The bit RSV1 of the first byte (RFC 7692, section 7.2.3).
    assert bool(frame[0] & 0x40) is compressed


def test_the_server_compresses_each_message_by_itself() -> None:
    factory = Encoders(True).deflate
    assert factory is not None
    answer, extension = factory.process_request_params([], [])
    assert answer == [("server_no_context_takeover", None)]
    assert isinstance(extension, PerMessageDeflate)
