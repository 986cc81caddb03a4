"""The transcript of a case: what went over the wire, in lines for the report."""

from __future__ import annotations

import codecs
import time
from dataclasses import dataclass
from itertools import groupby

# The most characters of a line, and the most lines.
LONGEST_LINE = 400
LONGEST_TRANSCRIPT = 400

SENT, RECEIVED, HAPPENED = "→", "←", "·"


@dataclass(frozen=True, slots=True)
class Line:
    """One event: seconds since the case began, the connection's name, the direction, the text."""

    at: float
    connection: str
    direction: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:7.3f} s  {self.connection:<6} {self.direction} {self.text}"


class Transcript:
    """The events of one case in their order. Their number is limited: some cases send a flood."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.dropped = 0
        self._start = time.monotonic()
        self._connections: dict[str, int] = {}

    def name(self, kind: str) -> str:
        """Return a name for a new connection, such as http1, http2 or ws1."""
        self._connections[kind] = self._connections.get(kind, 0) + 1
        return f"{kind}{self._connections[kind]}"

    def add(self, connection: str, direction: str, data: bytes | str) -> None:
        """Note an event. Long data is cut, and its size is told."""
        if len(self.lines) >= LONGEST_TRANSCRIPT:
            self.dropped += 1
            return
        at = time.monotonic() - self._start
        self.lines.append(Line(at, connection, direction, printable(data)))

    def received(self) -> list[str]:
        """Return what the server sent: a text for each event."""
        return [line.text for line in self.lines if line.direction == RECEIVED]

    def __str__(self) -> str:
        lines = []
        for _, equal in groupby(
            self.lines, lambda line: (line.connection, line.direction, line.text)
        ):
            first, *others = equal
            lines.append(f"{first}  (and {len(others)} more of these)" if others else str(first))
        if self.dropped:
            lines.append(f"… and {self.dropped} more")
        return "\n".join(lines)


def printable(data: bytes | str) -> str:
    """Return data on one line: characters that are not printable are escaped, and bytes that are
    not UTF-8 are shown as hexadecimal digits.
    """
    size = len(data)
    if isinstance(data, str):
        text = data
    else:
        try:
            # Not to its end: a character may be cut in two.
            text = codecs.getincrementaldecoder("utf-8")().decode(data[: LONGEST_LINE * 4])
        except UnicodeDecodeError:
            start = data[: LONGEST_LINE // 2]
            return f"<{start.hex(' ')}{' …' if size > len(start) else ''}> ({size} bytes)"
    shown = "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in text[:LONGEST_LINE]
    )
    return shown if len(text) <= LONGEST_LINE else f"{shown}… ({size} in all)"
