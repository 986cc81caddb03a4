"""`python -m fuzz [--seconds N] [TARGET ...]`: fuzz targets one after the other.

What is found is kept in `fuzz/corpus/TARGET` for the next run to start from, and an input that
breaks an invariant in `fuzz/crashes`; git ignores both. The exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import re
import subprocess
import sys
from pathlib import Path

from fuzz import TARGETS

FOLDER = Path(__file__).resolve().parent
CORPUS = FOLDER / "corpus"
CRASHES = FOLDER / "crashes"
# Bytes of an input, seconds for one input, megabytes of the process.
MAX_LENGTH = 1_024
INPUT_TIMEOUT = 30
MAX_MEMORY = 1_024
# libFuzzer's last line of progress: executions, covered edges, features, size of the corpus.
PROGRESS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/")


def plant_seeds(target: str) -> Path:
    """Put the seeds to what earlier runs found; return the folder."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    seeds: tuple[bytes, ...] = importlib.import_module(f"fuzz.{target}").SEEDS
    for seed in seeds:
        (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    return folder


def fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target and print what came of it; whether every invariant held."""
    CRASHES.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "fuzz.child", target, str(plant_seeds(target))]
    options = {
        "max_total_time": seconds,
        "max_len": MAX_LENGTH,
        "timeout": INPUT_TIMEOUT,
        "rss_limit_mb": MAX_MEMORY,
        "artifact_prefix": f"{CRASHES}/{target}-",
    }
    run = subprocess.run(
        [*command, *(f"-{name}={value}" for name, value in options.items())],
        cwd=FOLDER.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # libFuzzer ends by itself; a process that hangs before it does not.
        timeout=2 * seconds + 10 * INPUT_TIMEOUT,
        check=False,
    )
    progress = PROGRESS.findall(run.stdout)
    if progress:
        executions, edges, features, inputs = progress[-1]
        print(
            f"{target}: {executions} executions, {edges} edges, {features} features, "
            f"{inputs} inputs in the corpus",
            flush=True,
        )
    if run.returncode != 0:
        print(f"{run.stdout}\n{target}: ended with exit code {run.returncode}", flush=True)
    return run.returncode == 0


def main() -> int:
    """Fuzz what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"got {', '.join(sorted(unknown))}, expected some of {', '.join(TARGETS)}")
    held = [fuzz(target, options.seconds) for target in options.targets or TARGETS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
