"""Known departures of published servers from the protocol documents, by profile.

A departure excuses a failure only if the answer seen is the one described here: another failure of
the same case still counts. `wire` is the proof: what was sent (→) and what came (←), as the
transcripts have it. Cases of the level robustness are in no profile: no weakness of another project
is listed here.

Versions: socket.io 4.8.4 with engine.io 6.6.12 on ws 8.21; python-socketio 5.18.1 with
python-engineio 4.15.1 on uvicorn 0.54.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Departure:
    """One documented departure of a server.

    cases: the ids of the cases that fail by it. seen: a pattern of the answers. why: what the
    server does, in words. wire: the bytes of one of the cases.
    """

    cases: tuple[str, ...]
    seen: str
    why: str
    wire: str

    def explains(self, case: str, seen: str) -> bool:
        """Return whether a failure is this departure."""
        return case in self.cases and re.search(self.seen, seen) is not None


def ids(prefix: str, numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the ids of cases of one area."""
    return tuple(f"{prefix}-{number:03}" for number in numbers)


STILL_OPEN = "is still open"
NOTHING = "got nothing within"

NODE: tuple[Departure, ...] = (
    Departure(
        ("EIO-OPEN-031",),
        # Over TLS the end overtakes what was written.
        "got HTTP/1.1 400|got the end of the connection,",
        "A WebSocket with a bad EIO is accepted first; the refusal is then written into it.",
        "→ GET /engine.io/?EIO=abc&transport=websocket\n"
        "← HTTP/1.1 101 Switching Protocols\n"
        "← HTTP/1.1 400 Bad Request\\r\\nConnection: close\\r\\nContent-type: text/html …",
    ),
    Departure(
        ("EIO-LOAD-018",),
        "got 200 ok for the POST",
        "A malformed payload closes the session, but its POST is answered as if it were good.",
        "→ POST /engine.io/?EIO=4&transport=polling&sid=… abc\n← 200 ok",
    ),
    Departure(
        ("EIO-WS-019",),
        STILL_OPEN,
        "A second WebSocket for a session that began on a WebSocket counts as an upgrade and stays "
        "open until the upgrade times out; after an upgrade it is closed at once.",
        "→ GET /engine.io/?EIO=4&transport=websocket&sid=…\n← HTTP/1.1 101 Switching Protocols",
    ),
    Departure(
        ("EIO-UPG-014",),
        STILL_OPEN,
        "`5` completes an upgrade that was never probed.",
        "→ 5\n← 2",
    ),
    Departure(
        ("EIO-CLOSE-003",),
        STILL_OPEN,
        "The close packet is passed over on a WebSocket; the official client sends a close frame.",
        "→ 1\n← 2\n→ 3\n← 2",
    ),
    Departure(
        ("SIO-NSP-015",),
        "got the end of the connection with code 1005",
        "A DISCONNECT takes effect a moment later: a CONNECT that is read together with it counts "
        "as a second one for a joined namespace and closes the connection.",
        "→ 41/custom,\n→ 40/custom,\n← close frame 1005",
    ),
    Departure(
        ("SIO-BAD-008", "SIO-BAD-009"),
        STILL_OPEN,
        "An event without a payload is passed over and does not close the connection.",
        "→ 42\n← 2\n→ 3\n← 2",
    ),
)

PYTHON_SOCKETIO: tuple[Departure, ...] = (
    Departure(
        ("EIO-OPEN-008", "EIO-POLL-028"),
        "got Cache-Control: none",
        "No Cache-Control; the clients' `t` parameter keeps caches away.",
        "→ GET /engine.io/?EIO=4&transport=polling\n"
        "← HTTP/1.1 200 OK\\r\\ndate: …\\r\\nserver: uvicorn\\r\\n"
        "content-type: text/plain; charset=UTF-8\\r\\ntransfer-encoding: chunked",
    ),
    Departure(
        ("EIO-OPEN-011", "EIO-OPEN-012", "SIO-ENGINE-004"),
        r"got 200 0\{",
        "The transport is polling if none is named.",
        '→ GET /engine.io/?EIO=4\n← 200 0{"sid":…,"upgrades":["websocket"],…}',
    ),
    Departure(
        ("EIO-OPEN-013", "EIO-OPEN-018", "SIO-ENGINE-005"),
        "got 405 Method Not Found",
        "Methods other than GET, POST and OPTIONS are answered 405 in words.",
        "→ PUT /engine.io/?EIO=4&transport=polling\n← 405 Method Not Found",
    ),
    Departure(
        ("EIO-OPEN-015", "EIO-OPEN-016", "EIO-OPEN-017"),
        'got 400 "(The client is using|Invalid)',
        "Errors are texts without the official codes.",
        '→ GET /engine.io/?EIO=4&transport=polling&sid=unknown\n← 400 "Invalid session unknown"',
    ),
    Departure(
        ("EIO-POLL-002", "EIO-POLL-019", "EIO-BEAT-001", "SIO-ENGINE-011"),
        "got 200 OK, expected 200 ok",
        "A POST is answered `OK`, not `ok`.",
        "→ POST /engine.io/?EIO=4&transport=polling&sid=… 4hello\n← 200 OK",
    ),
    Departure(
        ("EIO-POLL-017",),
        NOTHING,
        "A payload of more than 16 packets is dropped whole (Payload.max_decode_packets).",
        "→ POST 4message 0\\x1e4message 1\\x1e… (100 packets)\n← 200 OK\n→ GET\n← 200 2",
    ),
    Departure(
        ("EIO-POLL-020",),
        NOTHING,
        "A body without Content-Length (chunked) counts as empty.",
        "→ POST … Transfer-Encoding: chunked 3\\r\\n4he\\r\\n3\\r\\nllo\\r\\n0\\r\\n\\r\\n\n"
        "← 200 OK\n→ GET\n← 200 2",
    ),
    Departure(
        ("EIO-POLL-030", "EIO-UPG-023"),
        "got (200 2 for the GET with EIO=3|3probe)",
        "EIO is looked at in the handshake only.",
        "→ GET /engine.io/?EIO=3&transport=polling&sid=…\n← 200 2",
    ),
    Departure(
        ids("EIO-LOAD", (*range(1, 13), 17)),
        STILL_OPEN,
        "A malformed payload is dropped and the session goes on.",
        "→ POST abc\n← 200 OK\n→ GET\n← 200 2\n→ POST 3\n← 200 OK\n→ GET\n← 200 2",
    ),
    Departure(
        ("EIO-LOAD-018",),
        "got 200 OK for the POST",
        "A malformed payload is dropped and its POST answered as if it were good.",
        "→ POST abc\n← 200 OK",
    ),
    Departure(
        ("EIO-RACE-003",),
        f"got 200 2, expected 200 1|{NOTHING}",
        "Of two GETs at once the first waits on, and gets the next packet.",
        "→ GET\n→ GET (another connection)\n← 200 2 (the first)",
    ),
    Departure(
        ("EIO-RACE-004", "EIO-RACE-005"),
        f"got 200 OK, expected 400|{STILL_OPEN}",
        "Two POSTs at once are both accepted.",
        "→ POST … Content-Length: 6\\r\\n\\r\\n4he\n→ POST 4second (another connection)\n← 200 OK",
    ),
    Departure(
        ("EIO-RACE-007", "EIO-RACE-008"),
        STILL_OPEN,
        "A request that its client gives up does not end the session before the ping timeout.",
        "→ GET\n· the client resets the connection\n→ GET\n← (waits)",
    ),
    Departure(
        ("EIO-WS-011",),
        f"{NOTHING} .* s, expected 4early",
        "Frames that arrive in one segment with the request are lost (uvicorn).",
        '→ GET … (4early in the same segment)\n← 101\n← 0{"sid":…}\n← 2',
    ),
    Departure(
        ("EIO-WS-022", "EIO-WS-025", "EIO-WS-026"),
        STILL_OPEN,
        "A packet of a wrong type is dropped and the session goes on.",
        "→ 7\n← 2\n→ 3\n← 2",
    ),
    Departure(
        ("EIO-WS-027", "SIO-BAD-007", "SIO-BAD-031"),
        r'got (4hello|42\["message-back"\])',
        "Digits of other scripts count as digits.",
        "→ ４hello\n← 4hello",
    ),
    Departure(
        ("EIO-UPG-015",),
        NOTHING,
        "A candidate that breaks before its probe leaves the session in the upgrade: every poll "
        "gets a noop and messages wait.",
        "· the candidate is reset\n→ POST 4still there?\n← 200 OK\n→ GET\n← 200 6\n→ GET\n← 200 6",
    ),
    Departure(
        ("EIO-UPG-018",),
        NOTHING,
        "A second candidate is kept open beside the first.",
        "→ GET …&transport=websocket&sid=… (while another has probed)\n← 101",
    ),
    Departure(
        ("EIO-CLOSE-001", "SIO-ENGINE-015"),
        f'got 400 "Bad Request", expected 200 6|{NOTHING}',
        "The poll that waits when the client closes ends with 400 at the ping timeout.",
        '→ GET\n→ POST 1\n← 200 OK\n← 400 "Bad Request" (to the GET, after two seconds)',
    ),
    Departure(
        ("EIO-CLOSE-003",),
        STILL_OPEN,
        "A WebSocket stays open after the close packet until the ping timeout.",
        "→ 1\n← (nothing for two seconds)",
    ),
    Departure(
        ("SIO-CONN-007", "SIO-CONN-008", "SIO-CONN-009", "SIO-CONN-010", "SIO-CONN-033"),
        'got 44/random,"Unable to connect"',
        "The payload of a refusal is a text, as in version 4 of the protocol.",
        '→ 40/random\n← 44/random,"Unable to connect"',
    ),
    Departure(
        ids("SIO-CONN", (20, 21, 22, 23, 24, 25, 26, 27, 31, 32)),
        STILL_OPEN,
        "A connection that does not begin with CONNECT is not closed.",
        '→ 42["message"]\n← 2\n→ 3\n← 2',
    ),
    Departure(
        ids("SIO-CONN", (28, 29, 30)),
        r"got 40(/custom,)?\{",
        "The payload of CONNECT may be any JSON value.",
        '→ 40[]\n← 40{"sid":…}',
    ),
    Departure(
        ("SIO-CONN-035", "SIO-NSP-009", "SIO-NSP-010"),
        STILL_OPEN,
        "A second CONNECT, and packets for a namespace that is not joined, are passed over.",
        "→ 40\n← 2\n→ 3\n← 2",
    ),
    Departure(
        ids("SIO-BIN", (19, 20, 21, 22, 24, 25, 26, 28)),
        rf"{STILL_OPEN}|got 42\[\"message-back\",\"2\[",
        "Attachments that do not fit their packet are dropped and the connection stays open.",
        "→ <01 02 03>\n← 2\n→ 3\n← 2",
    ),
    Departure(
        ("SIO-BIN-023",),
        r"got 451-\[\"message-back\"",
        "A num of -1 means the last attachment.",
        '→ 451-["message",{"_placeholder":true,"num":-1}]\n→ <01 02 03>\n'
        '← 451-["message-back",{"_placeholder":true,"num":0}]\n← <01 02 03>',
    ),
    Departure(
        ("SIO-BIN-029",),
        r"got 42\[\"message-back\",\{\"_placeholder\":true\}\]",
        "A placeholder without num is delivered as it is.",
        '→ 451-["message",{"_placeholder":true}]\n→ <01 02 03>\n'
        '← 42["message-back",{"_placeholder":true}]',
    ),
    Departure(
        ids("SIO-BAD", (*range(1, 7), *range(8, 21), *range(23, 31), *range(33, 53), 55)),
        STILL_OPEN,
        "A packet that cannot be decoded is dropped and the connection stays open.",
        "→ 42{}\n← 2\n→ 3\n← 2",
    ),
    Departure(
        ("SIO-BAD-021", "SIO-BAD-022"),
        r"got 42\[\"message-back\",(NaN|Infinity)\]",
        "NaN and Infinity pass for JSON, and are sent.",
        '→ 42["message",NaN]\n← 42["message-back",NaN]',
    ),
)

PROFILES: dict[str, tuple[Departure, ...]] = {
    "strict": (),
    "node": NODE,
    "python-socketio": PYTHON_SOCKETIO,
}
