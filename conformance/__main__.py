"""`python -m conformance target`: run the reference target."""

from __future__ import annotations

import argparse

from conformance.target import TargetOptions, serve
from engineio_min.runner import run


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and run the command."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    target = commands.add_parser(
        "target",
        help="run a server with the handlers that the official protocol suites expect",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    target.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    target.add_argument("--port", type=int, default=3000, help="the port, 0 for any free one")
    target.add_argument("--ping-interval", type=int, default=300, metavar="MS")
    target.add_argument("--ping-timeout", type=int, default=200, metavar="MS")
    target.add_argument("--max-payload", type=int, default=1_000_000, metavar="BYTES")
    target.add_argument("--connect-timeout", type=int, default=1_000, metavar="MS")
    values = parser.parse_args(arguments)
    options = TargetOptions(
        host=values.host,
        port=values.port,
        ping_interval=values.ping_interval / 1000,
        ping_timeout=values.ping_timeout / 1000,
        max_payload=values.max_payload,
        connect_timeout=values.connect_timeout / 1000,
    )
    run(serve(options))


if __name__ == "__main__":
    main()
