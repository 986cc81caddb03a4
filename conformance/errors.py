"""What can go wrong in a case: a failure of the server under test, never a crash of the tool.

Every failure has two halves, what was got and what was expected, so that no message can leave one
of them out.
"""

from __future__ import annotations

# What stands for the code of a close frame without a code, and of no close frame at all (RFC 6455,
# section 7.4.1).
NO_CODE = 1005
NO_CLOSE_FRAME = 1006


class CaseFailed(Exception):
    """The server did not do what the case expects.

    got: what the server did. expected: what was due.
    """

    def __init__(self, got: str, expected: str) -> None:
        self.got = got
        super().__init__(f"got {got}, expected {expected}")


class NoAnswer(CaseFailed):
    """No answer came within so many seconds."""

    def __init__(self, seconds: float, expected: str) -> None:
        super().__init__(f"nothing within {seconds:g} s", expected)


class Broken(CaseFailed):
    """The server's bytes are not HTTP/1.1 or not WebSocket frames."""


class Ended(CaseFailed):
    """The connection ended. `code` is that of the close frame, `NO_CODE` or `NO_CLOSE_FRAME`."""

    def __init__(self, code: int, expected: str, reason: str = "") -> None:
        self.code = code
        with_code = "" if code == NO_CLOSE_FRAME else f" with code {code}"
        got = f"the end of the connection{with_code}{f' ({reason})' if reason else ''}"
        super().__init__(got, expected)


class Refused(Ended):
    """The server does not accept a connection at all, for `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(NO_CLOSE_FRAME, "the connection to be accepted", reason)


class Unreachable(Exception):
    """The server cannot be tested: no connection, or no handshake."""


class NotApplicable(Exception):
    """The case needs a feature that the server does not offer; the text says which."""
