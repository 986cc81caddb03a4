"""What can go wrong in a case; each is a failure of the server under test, never a crash."""

from __future__ import annotations


class CaseFailed(Exception):
    """The server did not do what the case expects; the text says what was seen and what was due."""


class NoAnswer(CaseFailed):
    """Nothing came within the time that an answer may take."""


class Broken(CaseFailed):
    """The server's bytes are not HTTP/1.1 or not WebSocket frames."""


class Ended(CaseFailed):
    """The connection ended; `code` is that of the close frame: 1005 when it has none, 1006 when
    there was no close frame at all.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        without = " without a close frame" if code == 1006 else f" with code {code}"
        super().__init__(f"the connection ended{without}{f': {reason}' if reason else ''}")


class Unreachable(Exception):
    """The server cannot be tested: no connection, or no handshake."""
