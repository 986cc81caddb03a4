"""`python -m conformance URL` tests a server; `target` and `cluster-member` run one to be tested.

Testing needs nothing but Python; running a server needs socketio-min and what that depends on.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and run the command, which ends with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] in (["target"], ["cluster-member"]):
        try:
            if given[0] == "target":
                from conformance.targets.command import main as serve
            else:
                from conformance.targets.cluster_command import main as serve
        except ModuleNotFoundError as missing:
            sys.exit(
                f"the reference needs the package {missing.name}, which is not installed: "
                "install socketio-min beside this tool"
            )
        serve(given[1:])
    else:
        # Imported here, because it takes a quarter of the start, and the servers do not need it.
        from conformance import command

        command.main(given)


if __name__ == "__main__":
    main()
