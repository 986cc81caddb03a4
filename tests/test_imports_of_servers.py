"""A server's process does not import what only clients, or few connections, need."""

from __future__ import annotations

import subprocess
import sys

SHOW = """
import sys
from engineio_min import Server as Engine
from socketio_min import Server
Engine(), Server()
print(*(name for name in sys.modules if ".client." in name or name.startswith("websockets.")))
"""


def test_the_application_imports_nothing_for_models_directories_and_clusters() -> None:
    show = "import sys, server.__main__; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, timeout=60, check=True
    )
    seldom = {"httpx2", "watchfiles", "psycopg", "hiredis", "xllamacpp", "server.ai.openai"}
    assert seldom & {*shown.stdout.split()} == set()


def test_a_server_imports_no_client_and_no_parser_of_rare_frames() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, timeout=60, check=True
    )
    # The C function that masks, and not the package around it.
    assert shown.stdout.split() == ["websockets.speedups"]
