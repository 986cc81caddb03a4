"""Proves what a cluster outlives: `make cluster-test`.

Usage: python -m tests.server.cluster_proof [OPTION ...] [DEED ...]; --help lists them
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from engineio_min.runner import loop_factory
from tests.server.cluster_proof.deeds import DEEDS
from tests.server.cluster_proof.planted import FAULTS, FOUND_BY
from tests.server.cluster_proof.proof import Proof
from tests.server.cluster_proof.stage import staged

AWAY_SECONDS = 20.0
"""Seconds that something is away, unless they are given."""
MOST_TOLD = 20
"""Problems of a deed that are printed."""


async def prove(
    names: Sequence[str], people: int, others: int, seconds: float, plant: str | None
) -> int:
    """Do one deed after the other; print a line for each. Return after how many of them something
    was not as it should be.
    """
    failed = 0
    module = ["server"] if plant is None else ["tests.server.cluster_proof.planted", plant]
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        async with AsyncExitStack() as stack:
            stage = await staged(stack, Path(folder), module)
            proof = Proof(stage, people)
            await proof.start(stack, others)
            for name in names:
                begun = time.monotonic()
                line, problems = await proof.judge(DEEDS[name], seconds)
                print(f"{line}; {time.monotonic() - begun:.0f} s", flush=True)
                failed += bool(problems)
                for problem in problems[:MOST_TOLD]:
                    print(f"  FAILED: {problem}", flush=True)
                if len(problems) > MOST_TOLD:
                    print(f"  and {len(problems) - MOST_TOLD} more", flush=True)
    return failed


def main(arguments: Sequence[str]) -> int:
    """Prove it. Return the exit code: 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(prog="make cluster-test", description=__doc__)
    parser.add_argument("deeds", nargs="*", metavar="DEED", help=", ".join(DEEDS))
    parser.add_argument("--people", type=int, default=40, help="with the Python SDK")
    parser.add_argument("--others", type=int, default=10, help="with JavaScript")
    parser.add_argument("--seconds", type=float, help="that something is away")
    parser.add_argument("--plant", choices=FAULTS, help="break the servers, to see it found")
    options = parser.parse_args(arguments)
    planned, seconds = list(DEEDS), AWAY_SECONDS
    if options.plant is not None:
        deed, seconds = FOUND_BY[options.plant]
        planned = [deed]
    names = options.deeds or planned
    seconds = options.seconds or seconds
    unknown = [name for name in names if name not in DEEDS]
    if unknown:
        parser.error(f"no such deed: {', '.join(unknown)}; there are {', '.join(DEEDS)}")
    logging.getLogger("ai_coding_assistant").setLevel(logging.ERROR)
    # With uvloop the clients take less of the processors that the servers need.
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        failed = runner.run(prove(names, options.people, options.others, seconds, options.plant))
    if failed:
        print(f"cluster-test: {failed} of {len(names)} failed", file=sys.stderr)
        return 1
    print("nothing was lost, and all agree", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
