"""`python -m conformance URL` tests a server; `python -m conformance target` runs the reference.

Testing needs nothing but Python; the reference needs the packages, and they what they depend on.
"""

from __future__ import annotations

import sys

from conformance import command


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and run the command; the exit code tells how it went."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["target"]:
        try:
            from conformance.targets import command as target_command
        except ModuleNotFoundError as missing:
            sys.exit(
                f"the reference needs the package {missing.name}, which is not installed: "
                "install socketio-min beside this tool"
            )
        target_command.main(given[1:])
    else:
        command.main(given)


if __name__ == "__main__":
    main()
