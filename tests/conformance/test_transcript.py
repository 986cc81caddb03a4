"""What a report shows of a connection: one line an event, and never more than somebody reads."""

from __future__ import annotations

from conformance.transcript import (
    LONGEST_LINE,
    LONGEST_TRANSCRIPT,
    RECEIVED,
    SENT,
    Transcript,
    printable,
)


def shown(transcript: Transcript) -> list[str]:
    """Return its lines without the times."""
    return [line.partition(" s  ")[2] or line for line in str(transcript).split("\n")]


def test_equal_events_in_a_row_are_one_line() -> None:
    transcript = Transcript()
    for text in ("40", "40", "40", "41"):
        transcript.add("ws1", SENT, text)
    transcript.add("ws2", SENT, "41")
    transcript.add("ws2", RECEIVED, "41")
    assert shown(transcript) == [
        "ws1    → 40  (and 2 more of these)",
        "ws1    → 41",
        "ws2    → 41",
        "ws2    ← 41",
    ]
    assert transcript.received() == ["41"]


def test_a_flood_is_cut_and_counted() -> None:
    transcript = Transcript()
    for number in range(LONGEST_TRANSCRIPT + 5):
        transcript.add("ws1", SENT, str(number))
    assert shown(transcript)[-2:] == [f"ws1    → {LONGEST_TRANSCRIPT - 1}", "… and 5 more"]


def test_connections_of_a_kind_are_numbered() -> None:
    transcript = Transcript()
    assert [transcript.name(kind) for kind in ("http", "ws", "http")] == ["http1", "ws1", "http2"]


def test_data_is_one_line_of_text_or_hex() -> None:
    assert printable(b"4h\xc3\xa9\r\n\x1e") == r"4hé\r\n\x1e"
    assert printable(b"\x81\x80") == "<81 80> (2 bytes)"
    assert (
        printable("a" * (LONGEST_LINE + 1)) == "a" * LONGEST_LINE + f"… ({LONGEST_LINE + 1} in all)"
    )
    assert printable(b"\xff" * LONGEST_LINE).endswith(f"ff …> ({LONGEST_LINE} bytes)")
