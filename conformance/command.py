"""The command that tests a server.

Exit code 0: every case that was run passed, or failed as the profile documents. 1: a case failed,
or something of the server was missing. 2: the command line is wrong, or no server answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fnmatch
import os
import re
import ssl
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from conformance.case import Case, Level
from conformance.cases import all_cases
from conformance.connection import Endpoint
from conformance.context import Paths, Settings
from conformance.errors import Unreachable
from conformance.offer import OPTIONAL, Feature
from conformance.profiles import PROFILES
from conformance.reports import html, json_report, junit
from conformance.reports.terminal import Terminal
from conformance.runner import Runner
from conformance.verdict import Run

LEVELS = {level.name.lower(): level for level in Level}

DESCRIPTION = """\
Test a running Socket.IO server by its URL, over raw HTTP and WebSocket.

The server must have the handlers of the official protocol suites: under /engine.io/ it echoes
every message; under /socket.io/ it answers in the namespaces / and /custom. The folder targets of
this package has such servers in JavaScript and Python, and docs/conformance.md explains them. Its
pings may be as slow as they are: the cases take their times from the handshake.
"""

EXAMPLES = """\
examples:
  python -m conformance http://127.0.0.1:3000
  python -m conformance http://127.0.0.1:3000 --only SIO --html report.html
  python -m conformance http://127.0.0.1:3000 --only EIO-POLL-001 --only 'EIO-UPG*'
  python -m conformance --list --level must
  python -m conformance target --port 3000      (the reference, to see it pass)
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="such as http://127.0.0.1:3000")
    for side, path in (("engine", "/engine.io/"), ("socket", "/socket.io/")):
        parser.add_argument(
            f"--{side}-path",
            default=path,
            metavar="PATH",
            help=f"where the {side.capitalize()}.IO server is (default: {path})",
        )
    choice = parser.add_argument_group("which cases")
    choice.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID",
        help="an id, the beginning of ids (EIO, SIO-BIN) or a pattern; may be repeated",
    )
    choice.add_argument(
        "--level",
        action="append",
        default=[],
        choices=list(LEVELS),
        help="only cases of this level; may be repeated",
    )
    choice.add_argument(
        "--list", action="store_true", help="list the cases instead of running them"
    )
    choice.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="strict",
        help="whose documented departures are no failures (default: strict: nobody's)",
    )
    choice.add_argument(
        "--without",
        action="append",
        default=[],
        choices=[feature.value for feature in OPTIONAL],
        help="what the server does not offer on purpose; may be repeated",
    )
    times = parser.add_argument_group("times, in seconds")
    times.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        default=2.0,
        help="how long an answer may take (default: 2)",
    )
    times.add_argument(
        "--patience",
        type=seconds,
        metavar="SECONDS",
        default=30.0,
        help="cases that must wait longer for the server's timers are not run (default: 30)",
    )
    times.add_argument(
        "--connect-timeout",
        type=seconds,
        metavar="SECONDS",
        default=1.0,
        help="the server's own connectTimeout, which no handshake tells (default: 1)",
    )
    times.add_argument(
        "--upgrade-timeout",
        type=seconds,
        metavar="SECONDS",
        default=10.0,
        help="the server's own upgradeTimeout (default: 10)",
    )
    parser.add_argument(
        "--concurrency", type=count, default=16, metavar="N", help="cases at once (default: 16)"
    )
    parser.add_argument(
        "--origin",
        type=origin,
        default="http://a.example",
        help="a foreign origin that the server allows (default: http://a.example)",
    )
    parser.add_argument("--insecure", action="store_true", help="accept any TLS certificate")
    reports = parser.add_argument_group("reports")
    reports.add_argument("--junit", type=target, metavar="FILE", help="XML for CI services")
    reports.add_argument("--json", type=target, metavar="FILE", help="everything, for programs")
    reports.add_argument("--html", type=target, metavar="FILE", help="one self-contained file")
    reports.add_argument("--quiet", action="store_true", help="no transcripts on the terminal")
    return parser


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"got {text}, expected a number of seconds above 0")
    return value


def count(text: str) -> int:
    """Read a number above 0."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from 1 to 1000")
    return int(text)


def target(text: str) -> Path:
    """Read the path of a report; one that cannot be written is refused before the run."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"got {text}, expected a file in a folder that exists")
    return path


def origin(text: str) -> str:
    """Read a value of the header Origin: a scheme, a host, and a port unless it is usual."""
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#\s]+", text):
        raise argparse.ArgumentTypeError(f"got {text}, expected such as https://app.example:8080")
    return text


def choose(cases: list[Case], patterns: list[str], levels: list[str]) -> list[Case]:
    """Return the cases that match `--only`, in capitals or not, and `--level`."""
    patterns = [pattern.upper() for pattern in patterns]
    wanted = {LEVELS[name] for name in levels} or set(Level)
    return [
        case
        for case in cases
        if case.level in wanted
        and (
            not patterns
            or any(
                case.id.startswith(pattern) or fnmatch.fnmatchcase(case.id, pattern)
                for pattern in patterns
            )
        )
    ]


def read_url(url: str, *, insecure: bool) -> tuple[Endpoint, str]:
    """Return the server of a URL, and the URL's path, which comes before the paths of the servers.

    Raises:
        ValueError: it is no URL of an HTTP server.
    """
    expected = "expected a URL such as http://127.0.0.1:3000"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise ValueError(f"got {url!r}, {expected}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"got {url!r} with a bad port, {expected}") from None
    secure = parts.scheme in ("https", "wss")
    tls = None
    if secure:
        tls = ssl.create_default_context()
        if insecure:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    return Endpoint(parts.hostname, port or (443 if secure else 80), tls), parts.path.rstrip("/")


def list_cases(cases: list[Case]) -> None:
    """Print the cases, a line each."""
    for case in cases:
        print(f"{case.id:<15} {case.level.value:<17} {case.sends}")
    print(f"{len(cases)} cases")


def main(arguments: list[str]) -> None:
    """Run the command and exit."""
    parser = make_parser()
    values = parser.parse_args(arguments)
    cases = choose(all_cases(), values.only, values.level)
    if not cases:
        parser.error("no case has these ids and levels; --list shows all")
    if values.list:
        # A pager may be closed in the middle.
        with contextlib.suppress(BrokenPipeError):
            list_cases(cases)
            sys.stdout.flush()
            return
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if {"polling", "websocket"} <= set(values.without):
        parser.error("a server without polling and without websocket leaves nothing to test")
    if values.url is None:
        parser.error("the following arguments are required: URL")
    try:
        endpoint, prefix = read_url(values.url, insecure=values.insecure)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        endpoint,
        Paths(prefix + _path(values.engine_path), prefix + _path(values.socket_path)),
        values.wait,
        values.patience,
        values.connect_timeout,
        values.upgrade_timeout,
        values.origin,
    )
    terminal = Terminal(sys.stdout, len(cases), details=not values.quiet)
    runner = Runner(
        settings,
        cases,
        departures=PROFILES[values.profile],
        concurrency=values.concurrency,
        without=[Feature(name) for name in values.without],
        report=terminal.result,
    )
    try:
        run = asyncio.run(runner.run(values.url, values.profile))
    except Unreachable as error:
        _exit(2, f"{values.url} cannot be tested: {error}")
    except KeyboardInterrupt:
        _exit(130, "interrupted")
    terminal.finish(run)
    _write_reports(run, values.json, values.junit, values.html)
    _exit(0 if run.passed else 1)


def _path(text: str) -> str:
    return "/" + text.strip("/") + "/" if text.strip("/") else "/"


def _write_reports(run: Run, json: Path | None, junit_file: Path | None, page: Path | None) -> None:
    for path, write in (
        (json, json_report.render),
        (junit_file, junit.render),
        (page, html.render),
    ):
        if path is not None:
            try:
                path.write_text(write(run), encoding="utf-8")
            except OSError as error:
                _exit(2, f"cannot write {path}: {error.strerror}")


def _exit(code: int, message: str = "") -> NoReturn:
    if message:
        print(message, file=sys.stderr)
    raise SystemExit(code)
