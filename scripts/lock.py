"""Makes the lock files of the Python packages anew: `make lock`.

`requirements/*.txt` name the exact release of every package, and the SHA-256 of its files for all
systems, so that everybody installs what was tested and nothing that was put in its place later. One
file serves Python 3.11 to 3.13, Linux and macOS, x86-64 and ARM. They name no registry: each
machine's own settings do. uv makes them, in an environment that is thrown away.

`--upgrade` takes the newest releases that `pyproject.toml` allows; else those that are locked stay.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"
LOCKS = ROOT / "requirements"
# The tests have all that the application has: its lock follows theirs, so that they agree.
BUILD = LOCKS / "build.in"
TEST = LOCKS / "test.txt"
SOURCES = {
    TEST: [
        "pyproject.toml",
        str(BUILD),
        "--extra=speed",
        "--extra=server",
        "--extra=redis",
        "--extra=postgres",
        "--extra=dev",
    ],
    LOCKS / "serve.txt": [
        *("pyproject.toml", str(BUILD), "--extra=speed", "--extra=server"),
        f"--constraints={TEST}",
    ],
    LOCKS / "fuzz.txt": ["pyproject.toml", str(BUILD), "--extra=fuzz", f"--constraints={TEST}"],
    LOCKS / "model.txt": ["requirements/model.in", "--no-deps"],
    LOCKS / "peers.txt": ["requirements/peers.in"],
}
HEADER = "# Made by `make lock`; see scripts/lock.py.\n"


def lock(uv: Path, target: Path, sources: list[str], upgrade: bool) -> None:
    """Write one lock file."""
    command = [str(uv), "pip", "compile", "--quiet", "--universal", "--python-version=3.11"]
    command += [f"--constraints={LOCKS / 'bounds.in'}", "--generate-hashes", "--no-header"]
    command += ["--no-annotate", f"--output-file={target}"]
    command += ["--upgrade"] * upgrade + sources
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    target.write_text(HEADER + target.read_text())


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--upgrade"]):
        raise SystemExit(f"usage: lock.py [--upgrade], got {arguments}")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / "bin"
        subprocess.run([programs / "pip", "install", "--quiet", UV], check=True)
        for target, sources in SOURCES.items():
            lock(programs / "uv", target, sources, bool(arguments))
            print(f"{target.relative_to(ROOT)} is made")


if __name__ == "__main__":
    main(sys.argv[1:])
