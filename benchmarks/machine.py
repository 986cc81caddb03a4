"""What the figures depend on: the machine, the interpreters and the versions of all that serves."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.generator import ROOT
from benchmarks.peers import PEERS_PYTHON, PYTHONS, bun


def output_of(*command: str) -> str:
    """Return what a command prints, or "" if it fails or is not there."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    model = [
        text.partition(":")[2].strip()
        for text in Path("/proc/cpuinfo").read_text().splitlines()
        if text.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model[0] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "compiler": output_of("cc", "--version").partition("\n")[0],
        **{f"Python of {name}": build_of(python) for name, python in PYTHONS.items()},
    }


def build_of(python: str) -> str:
    """Return the version of an interpreter and how it was built, as far as it tells."""
    script = (
        "import platform, re, sysconfig; "
        "asked = sysconfig.get_config_var('CONFIG_ARGS') or ''; "
        "told = re.findall(r'--enable-optimizations|--with-lto|--disable-gil', asked); "
        "flags = sysconfig.get_config_var('OPT') or ''; "
        "level = re.findall(r'-O\\w', flags + (sysconfig.get_config_var('CFLAGS') or '')); "
        "print(platform.python_version(), platform.python_compiler(), *level[-1:], *told, sep=', ')"
    )
    return output_of(python, "-c", script)


def versions() -> dict[str, str]:
    """Return the versions of everything that serves, "" for what is not there."""
    lock = json.loads((ROOT / "benchmarks" / "js" / "package-lock.json").read_text())["packages"]
    found = {
        "Python": platform.python_version(),
        "Node.js": output_of("node", "--version").removeprefix("v"),
        "Bun": output_of(str(bun()), "--version"),
    }
    for name in ("socket.io", "engine.io", "ws", "@socket.io/bun-engine"):
        found[name] = lock[f"node_modules/{name}"]["version"]
    for name in ("uvloop", "orjson", "httptools", "websockets"):
        found[name] = version(name)
    script = "import importlib.metadata as m, sys; [print(n, m.version(n)) for n in sys.argv[1:]]"
    names = ("python-socketio", "python-engineio", "uvicorn", "aiohttp", "granian")
    for text in output_of(str(PEERS_PYTHON), "-c", script, *names).splitlines():
        name, _, number = text.partition(" ")
        found[name] = number
    return found
