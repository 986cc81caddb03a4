"""Write docs/conformance.md: `python -m conformance.documentation`.

The table is made of the profiles, so it cannot disagree with them; the tests run the servers and
compare the profiles with the results. Results of the level robustness are not published.
"""

from __future__ import annotations

from pathlib import Path

from conformance.case import AREAS, Case, Level
from conformance.cases import all_cases
from conformance.profiles import PROFILES, Departure

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent / "docs" / "conformance.md"
TARGET = FOLDER / "targets" / "node" / "target.mjs"

SERVERS = {
    "this server": "strict",
    "socket.io 4.8.4": "node",
    "python-socketio 5.18.1": "python-socketio",
}

HEAD = """\
# Test any Socket.IO server

```sh
python3 -m conformance http://127.0.0.1:3000
python3 -m conformance http://127.0.0.1:3000 --html report.html
```

The tool speaks raw HTTP and WebSocket to a running server, whatever it is written in; the server
needs [a few handlers](#the-server-under-test). The tool needs a checkout and Python 3.11 or newer,
and no package. Its {count} cases cover Engine.IO v4 and Socket.IO v5; those of the official
protocol suites are among them. Elsewhere: `pip install CHECKOUT/conformance`, then
`socketio-conformance URL`.

To see it pass, start the reference, which needs the packages installed (after `make serve`,
`.venv/bin/python` has them): `.venv/bin/python -m conformance target --port 3000`.

Each failure comes with its rule, what was sent, what was expected, what was seen, and a transcript.
The exit code is 0 if nothing failed, 1 if something did or a part of the server was missing, 2 if
the server could not be tested.

| option | meaning |
|---|---|
| `--only ID` | an id, the beginning of ids (`EIO`, `SIO-BIN`) or a pattern; may be repeated |
| `--level LEVEL` | `must`, `should`, `interop` or `robustness`; may be repeated |
| `--list` | list the cases |
| `--profile NAME` | `node` or `python-socketio`: their departures below are no failures |
| `--without FEATURE` | `polling`, `websocket`, `upgrade` or `cors`: missing on purpose |
| `--origin ORIGIN` | a foreign origin that the server allows, if it does not allow every one |
| `--wait SECONDS` | how long an answer may take |
| `--patience SECONDS` | cases that must wait longer for timers are reported as too slow |
| `--connect-timeout SECONDS` | the server's own connectTimeout, which no handshake tells |
| `--upgrade-timeout SECONDS` | the server's own upgradeTimeout |
| `--concurrency N` | cases at once; 1 shows which case a server does not survive |
| `--insecure` | accept any TLS certificate |
| `--engine-path`, `--socket-path` | where the two servers are |
| `--html`, `--junit`, `--json` | files to write |
| `--quiet` | no transcripts on the terminal |

## Levels

- **MUST**, **SHOULD**: the protocol documents, their test suites, and the RFCs under them.
- **interoperability**: what the official server and client do and the documents do not say.
- **robustness**: hostile input that a production server must survive.

## The server under test

Under `/engine.io/` it sends every message back. Under `/socket.io/` it has the handlers of the
official suites. This is the official server with both: `npm install socket.io`, save it as
`target.mjs`, `node target.mjs`.

```js
{target}```

It is [node/target.mjs](../conformance/targets/node/target.mjs); beside it are the same for
[this server](../conformance/targets/reference.py) and
[python-socketio](../conformance/targets/python_socketio.py). Every origin is allowed. Pings come
every 300 ms with 200 ms for the answer; slower ones work, because the cases take their times from
the handshake, and over a slow network they are needed. A client must join a namespace within a
second: no handshake tells of that, so a server that gives it longer is tested with
`--connect-timeout`, or SIO-CONN-032 and 033 fail. Limits on rates and on connections have to be
off, or `--concurrency` low. A proxy that keeps requests back until their bodies are there, as nginx
does, fails EIO-RACE-004, 005 and 008 for the server behind it.

## What a server does not offer

A case that cannot apply to a server is not run, and the report says why: the server refuses a
transport and names it in no handshake, sends no CORS headers to the foreign origin, lacks the
handlers above, or takes less at once than the case sends. What is missing everywhere may as well be
broken, so the exit code is 1 then, unless `--without` says that it is meant so. Only in a handshake
without `upgrades` is there no saying: that is a failure until `--without upgrade`. Without the
handlers the cases of Engine.IO under Socket.IO still run; without `/engine.io/` those of Socket.IO
do, and `--only SIO` asks for no others.

Connection state recovery may be on: the offset that it appends to events is passed over.

## Results

Passed of all cases, without the level robustness: what a server does under hostile input is its
authors' to publish.

"""


def published(area: str) -> list[Case]:
    """Return the cases of an area whose results are published."""
    return [c for c in all_cases() if c.area == area and c.level is not Level.ROBUSTNESS]


def render() -> str:
    """Return the page."""
    lines = [HEAD.format(count=len(all_cases()), target=TARGET.read_text(encoding="utf-8"))]
    lines.append("| area | " + " | ".join(SERVERS) + " |\n")
    lines.append("|---|" + "---|" * len(SERVERS) + "\n")
    for area in AREAS.values():
        cases = published(area)
        if cases:
            cells = [
                f"{sum(case.id not in departing(profile) for case in cases)}/{len(cases)}"
                for profile in SERVERS.values()
            ]
            lines.append(f"| {area} | {' | '.join(cells)} |\n")
    for server, profile in SERVERS.items():
        if PROFILES[profile]:
            lines.append(f"\n## Where {server} departs\n")
            lines += [describe(departure) for departure in PROFILES[profile]]
    return "".join(lines)


def departing(profile: str) -> set[str]:
    """Return the ids of the cases that a profile excuses."""
    return {case for departure in PROFILES[profile] for case in departure.cases}


def describe(departure: Departure) -> str:
    """Return a departure as text: what the server does, the cases, and the bytes."""
    return f"\n{departure.why} {', '.join(departure.cases)}\n\n```text\n{departure.wire}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
