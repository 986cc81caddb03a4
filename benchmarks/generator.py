"""Compiles and runs the load generator, the C program in `load`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "benchmarks"
SOURCES = ROOT / "benchmarks" / "load"
COMPILER_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True, slots=True)
class Result:
    """What the generator reports of one run; times in seconds, memory in bytes.

    `units` and `seconds` are of the measured time, `total_units` and `sent` of the whole run, with
    the warm-up and the end. `server_seconds` and `generator_seconds` are CPU times;
    `server_system_seconds` are those of the first that the kernel has used.
    """

    load: str
    clients: int
    units: int
    seconds: float
    total_units: int
    sent: int
    error: str
    latency_p50_us: float
    latency_p99_us: float
    server_seconds: float
    generator_seconds: float
    opened: int
    opening_seconds: float
    pings: int
    server_rss_before: int
    server_rss_after: int
    server_rss_end: int
    server_system_seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Return units a second."""
        return self.units / self.seconds if self.seconds else 0.0

    @property
    def cost(self) -> float:
        """Return the server's CPU time a unit, in microseconds."""
        return 1e6 * self.server_seconds / self.units if self.units else float("inf")

    @property
    def kernel_share(self) -> float:
        """Return the part of the server's CPU time that the kernel has used."""
        return self.server_system_seconds / self.server_seconds if self.server_seconds else 0.0

    @property
    def memory(self) -> float:
        """Return the resident memory that each client has added to the server, in bytes."""
        return (self.server_rss_after - self.server_rss_before) / self.clients


class GeneratorError(Exception):
    """The generator cannot be compiled, or printed no result."""


def compile_generator() -> Path:
    """Return the generator's program, compiled once for each content of its sources.

    Raises:
        GeneratorError: there is no C compiler, or it refuses the sources.
    """
    sources = sorted(SOURCES.glob("*.c"))
    digest = hashlib.sha256(" ".join(COMPILER_FLAGS).encode())
    for path in [*sources, *sorted(SOURCES.glob("*.h"))]:
        digest.update(path.read_bytes())
    program = BUILD / f"load-{digest.hexdigest()[:16]}"
    if program.exists():
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise GeneratorError("no C compiler (cc) was found; install one, as gcc")
    BUILD.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole, so that two compilations at once do no harm.
    unfinished = program.with_name(f"{program.name}.{os.getpid()}.new")
    command = [compiler, *COMPILER_FLAGS, "-o", str(unfinished), *map(str, sources)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise GeneratorError(f"{' '.join(command)} failed:\n{finished.stderr}")
    unfinished.rename(program)
    return program


class Run:
    """One run of the generator against the server on `port`, in the background."""

    def __init__(
        self,
        arguments: Iterable[str],
        port: int,
        server_pids: Iterable[int] = (),
        core: int | None = None,
    ) -> None:
        command = [str(compile_generator()), *arguments, "--port", str(port)]
        for pid in server_pids:
            command += ["--server-pid", str(pid)]
        if core is not None:
            command += ["--core", str(core)]
        self._opened_line = ""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_open(self) -> None:
        """Return when every client is connected, or the run has failed; for `--wait`."""
        assert self._process.stdout is not None
        self._opened_line = self._process.stdout.readline()

    def proceed(self) -> None:
        """Begin to measure; for `--wait`. `result` does it as well."""
        assert self._process.stdin is not None
        # A run that has failed reads nothing any more.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def result(self, timeout: float) -> Result:
        """Let a run that waits go on, and return what it reports.

        Raises:
            GeneratorError: it reported nothing within `timeout` seconds.
        """
        try:
            output, problems = self._process.communicate("\n", timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise GeneratorError(f"the generator did not end within {timeout:g} seconds") from None
        lines = [self._opened_line, *output.splitlines()]
        found = [line for line in lines if line.startswith("{")]
        if not found:
            raise GeneratorError(f"the generator reported nothing: {problems.strip()}")
        fields: dict[str, Any] = json.loads(found[-1])
        return Result(**fields)
