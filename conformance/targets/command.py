"""`python -m conformance target`: run the reference target."""

from __future__ import annotations

import argparse

from conformance.targets.reference import TargetOptions, serve
from engineio_min.runner import run


def main(arguments: list[str]) -> None:
    """Read the command line and run the target until SIGINT or SIGTERM."""
    target = argparse.ArgumentParser(
        prog="python -m conformance target",
        description="Run a server with the handlers that the official protocol suites expect.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    target.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    target.add_argument("--port", type=port, default=3000, help="the port, 0 for any free one")
    target.add_argument("--ping-interval", type=positive, default=300, metavar="MS")
    target.add_argument("--ping-timeout", type=positive, default=200, metavar="MS")
    target.add_argument("--max-payload", type=positive, default=1_000_000, metavar="BYTES")
    target.add_argument("--connect-timeout", type=positive, default=1_000, metavar="MS")
    target.add_argument("--upgrade-timeout", type=positive, default=10_000, metavar="MS")
    values = target.parse_args(arguments)
    options = TargetOptions(
        host=values.host,
        port=values.port,
        ping_interval=values.ping_interval / 1000,
        ping_timeout=values.ping_timeout / 1000,
        max_payload=values.max_payload,
        connect_timeout=values.connect_timeout / 1000,
        upgrade_timeout=values.upgrade_timeout / 1000,
    )
    try:
        run(serve(options))
    except OSError as error:
        target.exit(1, f"cannot listen on {options.host}:{options.port}: {error}\n")


def positive(text: str) -> int:
    """Read a number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number above 0")
    return int(text)


def port(text: str) -> int:
    """Read a port; uvloop would take 70000 for 4464."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"got {text}, expected 0 to 65535")
    return int(text)
