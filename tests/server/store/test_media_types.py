"""What bytes are recognised as.

Invariant: however a content is cut, it is recognised as the same, and a text is what `str` can hold
without NUL.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.store.media_types import Recogniser, recognise


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", None),
        (b"print(1)\n", None),
        ("äöü €".encode(), None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"a\0", "application/octet-stream"),
        ("é".encode("latin-1"), "application/octet-stream"),
        ("é".encode()[:1], "application/octet-stream"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a\x01\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x1cftypisom", "video/mp4"),
        (b"%PDF-1.7\n\xe2\xe3", "application/pdf"),
        (b"PK\x03\x04\0", "application/zip"),
    ],
)
def test_the_first_bytes_tell(content: bytes, media_type: str | None) -> None:
    assert recognise(content) == media_type


@given(st.lists(st.binary(max_size=20) | st.text(max_size=9).map(str.encode), max_size=6))
@example([b"\xc3", b"\xa9"])
def test_it_makes_no_difference_how_it_is_cut(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    recogniser = Recogniser()
    for part in parts:
        recogniser.add(part)
    assert recogniser.media_type() == recognise(whole)
    try:
        is_text = "\0" not in whole.decode()
    except UnicodeDecodeError:
        is_text = False
    assert (recognise(whole) is None) == is_text
