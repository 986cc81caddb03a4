"""This project's server in workers: `python -m benchmarks.servers.workers PORT COUNT`."""

from __future__ import annotations

import sys

from benchmarks.servers.this import make_server

if __name__ == "__main__":
    make_server().run(
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        drain=0.0,
        ready=lambda _: print("ready", flush=True),
    )
