"""The terminal client, as a program with its input and output."""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO

import pytest

from socketio_min.terminal import _words, describe, main
from tests.socketio_min.server_processes import ServerProcess
from tests.waiting import PATIENCE, block_until


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess("this")
    process.start()
    yield process
    process.stop()


class Lines:
    """An input that does not end before it is told to."""

    def __init__(self, *lines: str, then: Callable[[], object] = lambda: None) -> None:
        self._lines = lines
        self._then = then
        self._end = threading.Event()

    def __iter__(self) -> Iterator[str]:
        yield from self._lines
        self._then()
        assert self._end.wait(PATIENCE)
        yield "too late"

    def end(self) -> None:
        """Let the reading thread find out that nobody listens any more."""
        self._end.set()
        for thread in threading.enumerate():
            if thread.name == "socketio-lines":
                thread.join(PATIENCE)
                assert not thread.is_alive()


@dataclass
class Run:
    """Runs the program in this process."""

    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(
        self, *arguments: str, lines: str | Lines | Iterator[str] = ""
    ) -> tuple[int, list[str], str]:
        """The exit status, the lines of output and the errors."""
        self.monkeypatch.setattr("sys.stdin", StringIO(lines) if isinstance(lines, str) else lines)
        status = main(arguments)
        output, errors = self.capture.readouterr()
        return status, output.splitlines(), errors


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(capsys, monkeypatch)


def test_what_is_typed_is_sent_and_what_comes_is_printed(
    server: ServerProcess, terminal: Run
) -> None:
    status, output, errors = terminal(
        server.url,
        *("--timeout", "0.2", "--transport", "websocket"),
        lines="""
echo 1 "a b" {"x": [null]} word
? acknowledge 1 "\u001b[2J" \u00e9
? acknowledge
? "acknowledge" "only one"
? nobody
5 6

connect
? echo 2
""",
    )
    assert (status, errors) == (0, "")
    assert output[0].startswith('* connected, id "')
    assert sorted(output[1:]) == sorted(
        [
            '< echo 1 "a b" {"x": [null]} "word"',
            '= 1 "\\"\\u001b[2J\\"" "\\u00e9"',
            "=",
            '= "only one"',
            "* got no acknowledgement of 'nobody' within 0.2 seconds",
            "* got 5 as the event's name, expected text",
            "* got the event name 'connect', which the protocol keeps for itself: use another name",
            "< echo 2",
            "=",
            "* disconnected: io client disconnect",
        ]
    )


def test_the_wire(server: ServerProcess, terminal: Run) -> None:
    status, output, _ = terminal(
        server.url + "/chat",
        "--wire",
        "--auth",
        '{"a":1}',
        "--header",
        "X-Token: secret",
        "--transport",
        "polling",
        lines="? acknowledge 1\nlarge binary\n? acknowledge 2\n",
    )
    assert status == 0
    assert output[0].startswith('<< 0{"sid":"')
    assert output[0].endswith("(open)")
    assert '>> 40/chat,{"a":1}  (message: CONNECT in /chat)' in output
    assert '>> 42/chat,0["acknowledge",1]  (message: EVENT in /chat, acknowledgement 0)' in output
    assert "<< 43/chat,0[1]  (message: ACK in /chat, acknowledgement 0)" in output
    assert "= 1" in output
    assert ">> 41/chat,  (message: DISCONNECT in /chat)" in output


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        ("2probe", "2probe  (ping)"),
        ("6", "6  (noop)"),
        ("x\x1b", "'x\\x1b'  (unknown)"),
        ("", "  (unknown)"),
        ("4x", "4x  (message, no valid Socket.IO packet)"),
        ('451-["é"]', "'451-[\"\\xe9\"]'  (message: BINARY_EVENT in /, 1 attachments)"),
        (b"\x00\xff", "message, binary: 2 bytes 00 ff"),
        (b"a" * 100, "message, binary: 100 bytes " + " ".join(["61"] * 16)),
    ],
)
def test_a_packet_on_one_line(packet: str | bytes, line: str) -> None:
    assert describe("in", packet) == f"<< {line}"
    assert describe("out", packet) == f">> {line}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("a", ["a"]),
        ('a 1 "b c" [1, 2] {"d": 3}', ["a", 1, "b c", [1, 2], {"d": 3}]),
        ("12ab", ["12ab"]),
        ("a [1", ["a", "[1"]),
        ("true trueish null", [True, "trueish", None]),
        ("a " + "[" * 100_000, ["a", "[" * 100_000]),
    ],
)
def test_the_words_of_a_line(line: str, words: list[object]) -> None:
    assert list(_words(line)) == words


def test_the_server_ends_it(server: ServerProcess, terminal: Run) -> None:
    lines = Lines('"disconnect me" true\n')
    status, output, errors = terminal(server.url, "--no-reconnect", lines=lines)
    assert (status, errors) == (0, "")
    assert output[-1] == "* disconnected: io server disconnect"
    lines.end()


def test_control_c_ends_it(server: ServerProcess, terminal: Run) -> None:
    lines = Lines(then=lambda: os.kill(os.getpid(), signal.SIGINT))
    status, output, errors = terminal(server.url, lines=lines)
    assert (status, errors) == (0, "")
    assert output[-1] == "* disconnected: io client disconnect"
    lines.end()


def test_a_lost_connection_comes_back(terminal: Run) -> None:
    own = ServerProcess("this")
    own.start()

    def typed() -> Iterator[str]:
        own.kill()
        own.start()
        block_until(lambda: sum(report["event"] == "connect" for report in own.reports) > 1)
        yield "? acknowledge back\n"

    _, output, _ = terminal(own.url, "--transport", "websocket", lines=typed())
    output = [line for line in output if not line.startswith("* not connected")]
    assert output[0].startswith("* connected")
    assert output[1] == "* disconnected: transport close"
    assert output[2].startswith("* connected")
    assert output[3:] == ['= "back"', "* disconnected: io client disconnect"]
    own.stop()


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (["http://127.0.0.1:1", "--no-reconnect"], 1, "socketio_min: could not connect to"),
        (["ftp://x"], 2, "socketio_min: got the URL 'ftp://x'"),
        (["http://x", "--auth", "[]"], 2, "socketio_min: --auth: got '[]', expected a JSON object"),
        (["http://x", "--auth", "{"], 2, "socketio_min: --auth: got '{', expected a JSON object"),
    ],
)
def test_what_goes_wrong(arguments: list[str], status: int, error: str, terminal: Run) -> None:
    returned, _, errors = terminal(*arguments)
    assert (returned, errors[: len(error)]) == (status, error)


def test_it_runs_as_a_module(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("socketio_min.__main__")
    monkeypatch.setattr("sys.argv", ["socketio_min"])
    monkeypatch.delitem(sys.modules, "socketio_min.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("socketio_min", run_name="__main__")
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m socketio_min")


def test_a_refusal_is_told_with_its_data(server: ServerProcess, terminal: Run) -> None:
    status, output, errors = terminal(server.url + "/admin", "--auth", '{"token": "wrong"}')
    refusal = 'not authorized {"code": "E1", "retry": [1, 2]}'
    assert (status, output, errors) == (
        1,
        [f"* not connected: {refusal}"],
        f"socketio_min: {refusal}\n",
    )
