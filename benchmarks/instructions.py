"""Counts the instructions of the codecs and of the receive path with callgrind.

    python -m benchmarks.instructions            compare with the recorded bounds
    python -m benchmarks.instructions --record   record them for this Python

A count does not depend on how busy the machine is, so a change that makes the hot path longer fails
a test instead of drowning in noise. Each case runs N times and 2N times; the difference is what N
runs cost, without the way there. A cheap system call that nothing else makes marks where one part
ends and the next begins; callgrind writes a dump at each. The imports are most of what the program
executes: counting begins when they are over, by `callgrind_control`.

Counts depend on the Python that executes: the bounds are kept for each minor version, machine and
kind of build. Collection of cycles is off and hashes are seeded, so that two runs agree.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.generator import ROOT
from benchmarks.memory_client import MemoryClient, connected, expect, masked, request
from benchmarks.servers.this import make_server
from engineio_min.protocol.frame_encoding import encode_frame
from engineio_min.protocol.packets import decode_payload, encode_payload
from engineio_min.protocol.server_frames import ServerMessageStream
from socketio_min import Server
from socketio_min.protocol.decoding import decode_plain_event
from socketio_min.protocol.json_parser import JsonEncoder

BOUNDS = ROOT / "benchmarks" / "instructions.json"
# How much more than recorded is let pass: other patch versions and builds of libraries.
MARGIN = 0.10
RUNS = 50
MEMBERS = 100

# What the program under callgrind prints when its imports are over; it goes on after a line.
READY = "ready\n"

TEXT = "00007 00000042 the quick brown fox jumps over the lazy dog"
EVENT = f'2["message","{TEXT}"]'

Case = Callable[[], object]


class CallgrindError(Exception):
    """callgrind is missing, or there is nothing sound to count."""


def codec_cases() -> Iterator[tuple[str, Case]]:
    """Yield the cases of the pure functions."""
    frame = masked(b"4" + EVENT.encode())
    stream = ServerMessageStream(1_000_000)
    payload = encode_payload(["4" + EVENT, b"0123456789" * 10])
    yield "decode an event", lambda: decode_plain_event(EVENT)
    encoder = JsonEncoder("/")
    yield "encode an event", lambda: encoder.plain_event(["message-back", TEXT])
    yield "decode a payload", lambda: list(decode_payload(payload, 100))
    yield "encode a payload", lambda: encode_payload(["4" + EVENT, b"0123456789" * 10])
    yield "read a frame", lambda: stream.receive(frame)
    yield "read 8 frames", lambda: stream.receive(frame * 8)
    yield "write a frame", lambda: encode_frame("4" + EVENT)


async def path_cases(io: Server) -> list[tuple[str, Case, bool]]:
    """Return the ways from a client's bytes to the answer's; True where the loop has to turn."""
    client = connected(io)
    event = masked(b"4" + EVENT.encode())
    acknowledged = masked(b'427["message-with-ack","' + TEXT.encode() + b'"]')
    attachment = masked(b'451-["message",{"_placeholder":true,"num":0}]') + masked(
        bytes(range(256)) * 4, 2
    )
    awaited = masked(b'42["amessage","' + TEXT.encode() + b'"]')
    for echoed in (event, awaited):
        client.send(echoed)
        expect(client, b'42["message-back","00007')
    client.send(acknowledged)
    expect(client, b'437["00007')
    client.send(attachment)
    expect(client, bytes(range(256)) * 4)

    members = [connected(io) for _ in range(MEMBERS)]
    for member in members:
        member.send(masked(b'42["join","room"]'))
    fan = masked(b'42["fan","room","' + TEXT.encode() + b'"]')
    client.send(fan)
    await asyncio.sleep(0)
    for member in members:
        expect(member, b'42["fan","00007')

    polling = MemoryClient(io)
    posting = MemoryClient(io)
    polling.send(request("GET", "transport=polling&t=1x8bcdef"))
    found = re.search(rb'"sid":"([^"]+)"', bytes(polling.transport.last))
    assert found is not None
    query = f"transport=polling&t=1x8bcdeg&sid={found[1].decode()}"

    def post(body: str) -> bytes:
        return request("POST", query, f"Content-Length: {len(body)}\r\n", body)

    posting.send(post("40"))
    poll = request("GET", query)
    polling.send(poll)
    expect(polling, b'40{"sid":"')
    posted = post("4" + EVENT)

    def round_trip() -> None:
        polling.send(poll)
        posting.send(posted)

    round_trip()
    expect(polling, b'42["message-back","00007')
    expect(posting, b"ok")

    def come_and_go() -> None:
        connected(io).leave()

    return [
        ("receive and answer an event", lambda: client.send(event), False),
        ("receive and answer 8 events in one read", lambda: client.send(event * 8), False),
        ("receive and answer an event, async def", lambda: client.send(awaited), True),
        (
            "receive and answer 8 events in one read, async def",
            lambda: client.send(awaited * 8),
            True,
        ),
        ("receive and acknowledge an event", lambda: client.send(acknowledged), False),
        ("receive and answer 1 KB of binary data", lambda: client.send(attachment), False),
        (f"broadcast to {MEMBERS} members", lambda: client.send(fan), True),
        (f"broadcast 8 times to {MEMBERS} members", lambda: client.send(fan * 8), True),
        ("a round trip over long-polling", round_trip, False),
        ("a connection from handshake to end", come_and_go, False),
    ]


def mark() -> None:
    """Let callgrind end one dump and begin the next."""
    os.getppid()


async def run_cases() -> list[str]:
    """Run every case between marks; return their names in order."""
    names = []
    gc.collect()
    gc.disable()
    for name, case in codec_cases():
        case()
        mark()
        for count in (RUNS, 2 * RUNS):
            for _ in range(count):
                case()
            mark()
        names.append(name)
    # Under callgrind, on a busy machine, the cases take longer than the usual interval.
    io = make_server(ping_interval=3_600.0)
    await io.listen(port=0)
    try:
        for name, case, turns in await path_cases(io):
            # A broadcast costs as much as many others and is run less often.
            runs = RUNS // 10 if name.startswith("broadcast") else RUNS
            mark()
            for count in (runs, 2 * runs):
                for _ in range(count):
                    case()
                    if turns:
                        await asyncio.sleep(0)
                mark()
            names.append(f"{name}/{runs}")
    finally:
        await io.close()
    return names


def count() -> dict[str, int]:
    """Return the instructions of one run of every case.

    Raises:
        CallgrindError: valgrind is missing, the cases failed, or the marks were not seen.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            "--dump-before=getppid",
            "--instr-atstart=no",
            f"--callgrind-out-file={folder}/count",
            sys.executable,
            "-m",
            "benchmarks.instructions",
            "--run",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        # Of the environment of a test run, what changes how Python executes.
        for name in ("PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "COVERAGE_PROCESS_START"):
            environment.pop(name, None)
        try:
            run = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except FileNotFoundError:
            raise CallgrindError(
                "valgrind was not found; install it (Debian: `apt-get install valgrind`)"
            ) from None
        with run:
            assert run.stdout is not None
            if run.stdout.readline() == READY:
                subprocess.run(
                    ["callgrind_control", "--instr=on", str(run.pid)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
            output, errors = run.communicate("\n")
        if run.returncode != 0:
            raise CallgrindError(f"{' '.join(command)} failed:\n{errors}")
        names: list[str] = json.loads(output)
        dumps: list[int] = []
        while (dump := Path(folder) / f"count.{len(dumps) + 1}").exists():
            found = re.search(r"^totals: (\d+)$", dump.read_text(), re.MULTILINE)
            dumps.append(int(found[1]) if found else 0)
        if len(dumps) != 3 * len(names):
            raise CallgrindError(
                f"got {len(dumps)} dumps, expected three for each of {len(names)} cases: "
                "callgrind has not seen the marks"
            )
    counts = {}
    for place, name in enumerate(names):
        title, _, runs = name.partition("/")
        once, twice = dumps[3 * place + 1 : 3 * place + 3]
        counts[title] = round((twice - once) / int(runs or RUNS))
    return counts


def build() -> str:
    """Return what counts depend on besides the code: the key of the recorded bounds."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    kind = "optimized" if "--enable-optimizations" in arguments else "plain"
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {version} {platform.machine()} {kind}"


def recorded() -> dict[str, int] | None:
    """Return the counts that are recorded for this Python, None when there are none."""
    known: dict[str, dict[str, int]] = json.loads(BOUNDS.read_text()) if BOUNDS.exists() else {}
    return known.get(build())


def record(counts: dict[str, int]) -> None:
    """Keep `counts` as the ones to compare with on this Python."""
    known = json.loads(BOUNDS.read_text()) if BOUNDS.exists() else {}
    known[build()] = counts
    BOUNDS.write_text(json.dumps(known, indent=2) + "\n")


def exceeded(counts: dict[str, int], bounds: dict[str, int]) -> list[str]:
    """Return what costs more than its bound allows, or has none."""
    found = [
        f"{name}: {counted:,} instructions, expected at most {bounds[name] * (1 + MARGIN):,.0f}"
        for name, counted in counts.items()
        if name in bounds and counted > bounds[name] * (1 + MARGIN)
    ]
    found += [f"{name}: no bound is recorded" for name in counts if name not in bounds]
    found += [
        f"{name}: recorded, but not counted any more" for name in bounds if name not in counts
    ]
    return found


def main(arguments: list[str]) -> int:
    if arguments == ["--run"]:
        print(READY, end="", flush=True)
        sys.stdin.readline()
        print(json.dumps(asyncio.run(run_cases())))
        return 0
    if arguments not in ([], ["--record"]):
        print(__doc__, file=sys.stderr)
        return 2
    counts = count()
    bounds = recorded()
    for name, counted in counts.items():
        before = f"{counted / bounds[name] - 1:+.1%}" if bounds and name in bounds else ""
        print(f"{counted:>10,}  {before:>7}  {name}")
    if arguments == ["--record"]:
        record(counts)
        print(f"Recorded for {build()} in {BOUNDS}.")
        return 0
    if bounds is None:
        print(f"No bounds are recorded for {build()}; `--record` does it.")
        return 0
    problems = exceeded(counts, bounds)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
