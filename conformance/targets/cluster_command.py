"""`python -m conformance cluster-member`: run a member of a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from conformance.targets.cluster_member import MemberOptions, serve
from conformance.targets.command import port, positive
from engineio_min.errors import WorkersFailed
from socketio_min import UsageError

ADAPTERS = ("memory", "classic", "sharded", "streams")


def main(arguments: list[str]) -> None:
    """Read the command line and run the member until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance cluster-member",
        description="Run a server whose clients can make it do everything that a cluster has.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=port, default=3000, help="the port, 0 for any free one")
    parser.add_argument("--adapter", choices=ADAPTERS, default="memory", help="the cluster's wire")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", metavar="URL")
    parser.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="how many processes"
    )
    parser.add_argument("--parser", type=_only("json"), default="json", help="the packets' format")
    parser.add_argument("--admin", type=_only("off"), default="off", help="the admin UI's mode")
    parser.add_argument(
        "--recovery",
        type=float,
        default=argparse.SUPPRESS,
        metavar="SECONDS",
        help="how long clients may be away",
    )
    values = parser.parse_args(arguments)
    options = MemberOptions(
        host=values.host,
        port=values.port,
        adapter=values.adapter,
        redis=values.redis,
        recovery=getattr(values, "recovery", None),
        workers=values.workers,
    )
    try:
        serve(options)
    except (ImportError, UsageError) as error:
        parser.exit(2, f"{error}\n")
    except WorkersFailed as error:
        parser.exit(1, f"{error}\n")
    except OSError as error:
        parser.exit(1, f"cannot listen on {options.host}:{options.port}: {error}\n")


def _only(value: str) -> Callable[[str], str]:
    """Return a reader of an option that has only one value so far."""

    def read(text: str) -> str:
        if text != value:
            raise argparse.ArgumentTypeError(
                f"got {text}, which this member does not have yet; expected {value}"
            )
        return text

    return read
