"""What bytes are: a text, or another kind of file, which its first bytes tell.

A text is whatever is UTF-8 without NUL. Everything else has a media type. The name of the file says
nothing about it, because anybody may choose that.
"""

from __future__ import annotations

import codecs
from typing import Final

UNKNOWN: Final = "application/octet-stream"

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x00asm", "application/wasm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_LOOKED_AT: Final = 16
"""Bytes at the beginning of a content that tell its media type."""
# After four bytes, which are a size.
_CONTAINERS: Final = (
    (b"ftypavif", "image/avif"),
    (b"ftypavis", "image/avif"),
    (b"ftyp", "video/mp4"),
)


class Recogniser:
    """Recognises a content by its parts, which come in their order."""

    __slots__ = ("_decoder", "_first", "_is_text")

    def __init__(self) -> None:
        self._first = b""
        self._is_text = True
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, part: bytes) -> None:
        """Take the next part."""
        if len(self._first) < _LOOKED_AT:
            self._first += part[: _LOOKED_AT - len(self._first)]
        self._read(part, final=False)

    def media_type(self) -> str | None:
        """Return the media type of what has come, None for a text."""
        self._read(b"", final=True)
        return None if self._is_text else _by_beginning(self._first)

    def _read(self, part: bytes, *, final: bool) -> None:
        if not self._is_text:
            return
        try:
            self._decoder.decode(part, final)
            self._is_text = b"\0" not in part
        except UnicodeDecodeError:
            self._is_text = False


def recognise(content: bytes) -> str | None:
    """Return the media type of a content, None for a text."""
    recogniser = Recogniser()
    recogniser.add(content)
    return recogniser.media_type()


def _by_beginning(first: bytes) -> str:
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "image/webp"
    if first[:4] == b"RIFF" and first[8:12] == b"WAVE":
        return "audio/wav"
    for brand, media_type in _CONTAINERS:
        if first[4:].startswith(brand):
            return media_type
    for beginning, media_type in _BEGINNINGS:
        if first.startswith(beginning):
            return media_type
    return UNKNOWN
