"""The command line of the reference target, as a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.__main__ import main
from tests.conformance.suites import (
    ENGINE,
    ROOT,
    SOCKET,
    open_websocket,
    start_target,
    stop_target,
)


async def test_options_reach_both_servers() -> None:
    process, host, port = start_target(
        "--host", "127.0.0.1", "--ping-interval", "12345", "--ping-timeout", "6789",
        "--max-payload", "5000", "--connect-timeout", "1",
    )  # fmt: skip
    try:
        assert host == "127.0.0.1"
        for path in (ENGINE, SOCKET):
            client = await open_websocket(port, path)
            assert client.handshake["pingInterval"] == 12345
            assert client.handshake["pingTimeout"] == 6789
            assert client.handshake["maxPayload"] == 5000
            if path == SOCKET:
                assert await client.rest() == []
            else:
                await client.leave()
    finally:
        stop_target(process)


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["target", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("host", "port", "ping-interval", "ping-timeout", "max-payload"):
        assert f"--{option} " in text


def test_a_port_in_use_is_explained() -> None:
    process, _, port = start_target()
    try:
        second = subprocess.run(
            [sys.executable, "-m", "conformance", "target", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode != 0
        assert "ready" not in second.stdout
        assert "address already in use" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        stop_target(process)
