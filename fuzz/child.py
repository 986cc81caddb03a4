"""One target under atheris, in a process of its own: `python -m fuzz.child TARGET [libFuzzer's
arguments]`. With a file as argument it runs that input alone.

Coverage guides the search, so the packages must be imported under atheris' instrumentation.
"""

from __future__ import annotations

import importlib
import sys

import atheris


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    target, *rest = arguments
    with atheris.instrument_imports(include=["engineio_min", "socketio_min"]):
        module = importlib.import_module(f"fuzz.{target}")
    atheris.Setup([f"fuzz.{target}", *rest], module.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
