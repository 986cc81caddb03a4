"""The command and its reports, as a person or a CI service uses them."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import engineio_min
from conformance.__main__ import main
from conformance.case import Case, Level, Needs, register
from conformance.cases import all_cases
from conformance.profiles import Departure
from conformance.reports import html, json_report, junit
from conformance.reports.terminal import describe, summary, table
from conformance.verdict import Result, Run, Verdict
from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant
from tests.conformance.proxy import proxied
from tests.conformance.running import REFERENCE, ROOT, start, stop

CERTIFICATE = ROOT / "tests" / "engineio_min" / "localhost.pem"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    process, port = start(REFERENCE)
    try:
        yield port
    finally:
        stop(process)


def command(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-m", "conformance", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_good_server_passes_with_code_0(port: int, tmp_path: Path) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    finished = command(
        f"http://127.0.0.1:{port}", "--only", "EIO-OPEN-00*", "--only", "SIO-ACK", *options
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "23 passed, 0 failed in " in finished.stdout
    assert finished.stderr == ""
    document = json.loads(files["json"].read_text())
    assert document["counts"] == {"pass": 23, "fail": 0, "departure": 0, "not run": 0}
    assert document["passed"] is True
    assert document["timings"]["engine"] == {
        "pingInterval": 0.3,
        "pingTimeout": 0.2,
        "maxPayload": 1_000_000,
    }
    first = document["cases"][0]
    assert first["id"] == "EIO-OPEN-001"
    assert first["sends"] == "GET ?EIO=4&transport=polling"
    assert '"upgrades":["websocket"]' in first["seen"]
    assert ElementTree.parse(files["junit"]).getroot().get("tests") == "23"
    assert "EIO-OPEN-001" in files["html"].read_text()


def test_a_checkout_is_enough(port: int) -> None:
    """No package has to be installed to test a server: -S leaves them all out."""
    finished = command(f"http://127.0.0.1:{port}", "--only", "SIO-ACK", flags=("-S",))
    assert finished.returncode == 0, finished.stderr
    assert "14 passed, 0 failed in " in finished.stdout


class ShoutsOk(Mutant):
    def reply(self, request: Message, reply: Message) -> None:
        if reply.body == b"ok":
            reply.body = b"OK"


async def test_a_failure_is_told_with_its_transcript_and_code_1(port: int) -> None:
    async with proxied(ShoutsOk(), port) as mutant:
        url = f"http://127.0.0.1:{mutant}"
        finished = await asyncio.to_thread(command, url, "--only", "EIO-POLL-002")
    assert finished.returncode == 1
    for part in (
        "FAIL  EIO-POLL-002  Long-polling, MUST",
        '  rule      Engine.IO v4, "Sending data"',
        "  sent      POST `4hello`",
        "  expected  200 with the body `ok`.",
        "  seen      got 200 OK, expected 200 ok",
        "→ POST /engine.io/?EIO=4&transport=polling&sid=",
        "0 passed, 1 failed in ",
    ):
        assert part in finished.stdout


class ShoutsOnce(ShoutsOk):
    shouted = False

    def reply(self, request: Message, reply: Message) -> None:
        if reply.body == b"ok" and not self.shouted:
            self.shouted = True
            super().reply(request, reply)


async def test_what_fails_only_once_is_unsteady_and_code_0(port: int) -> None:
    async with proxied(ShoutsOnce(), port) as mutant:
        url = f"http://127.0.0.1:{mutant}"
        finished = await asyncio.to_thread(command, url, "--only", "EIO-POLL-002")
    assert finished.returncode == 0, finished.stdout
    unsteady = (
        "unsteady    EIO-POLL-002: passed at the second attempt; at first, beside others: got"
    )
    assert unsteady in finished.stdout
    assert "1 passed, 0 failed in " in finished.stdout


def test_half_a_server_is_code_1_and_no_server_code_2(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    half = command(url, "--engine-path", "/missing/", "--only", "EIO-POLL-001", "--only", "SIO-ACK")
    assert half.returncode == 1
    assert "not run     EIO-POLL-001 (1): got 404" in half.stdout
    assert "14 passed, 0 failed, 1 not run" in half.stdout
    none = command("http://127.0.0.1:9", "--only", "EIO-POLL-001", "--only", "SIO-ACK")
    assert none.returncode == 2
    assert none.stderr == (
        "http://127.0.0.1:9 cannot be tested: no connection to 127.0.0.1:9: [Errno 111] Connect "
        "call failed ('127.0.0.1', 9); does the server run, and is this its port?\n"
    )


def test_tls_where_there_is_none_is_told(port: int) -> None:
    finished = command(f"https://127.0.0.1:{port}", "--only", "EIO-OPEN-001")
    assert finished.returncode == 2
    assert "; if the server speaks no TLS, its URL begins with http\n" in finished.stderr


class ServesPages(Mutant):
    def request(self, request: Message) -> Message:
        return answer(404, b"<!doctype html>" + b"<p>not found</p>\n" * 100, "text/html")


async def test_another_kind_of_server_is_told_in_a_line(port: int) -> None:
    async with proxied(ServesPages(), port) as other:
        finished = await asyncio.to_thread(command, f"http://127.0.0.1:{other}", "--only=EIO")
    assert finished.returncode == 2
    assert "got 404 <!doctype html><p>not found</p>" in finished.stderr
    assert finished.stderr.endswith(
        "… for a handshake by polling under /engine.io/, expected 200 and an open packet; is it a "
        "Socket.IO server, and are --engine-path and --socket-path its paths?\n"
    )
    assert len(finished.stderr) < 400


def test_slow_cases_are_reported_and_no_failure(port: int) -> None:
    finished = command(
        f"http://127.0.0.1:{port}", "--patience", "0.5",
        "--only", "EIO-BEAT-001", "--only", "EIO-BEAT-005",
    )  # fmt: skip
    assert finished.returncode == 0
    assert "EIO-BEAT-001 (1): too slow: needs 0.9 s, more than --patience 0.5" in finished.stdout
    assert "1 passed, 0 failed, 1 not run" in finished.stdout


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list", "--level", "should"])
    lines = capsys.readouterr().out.splitlines()
    count = sum(case.level is Level.SHOULD for case in all_cases())
    assert lines[-1] == f"{count} cases"
    assert len(lines) == count + 1
    assert all("SHOULD" in line for line in lines[:-1])


def test_ids_may_be_small_letters(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list", "--only", "sio-ack-00[12]"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["SIO-ACK-001", "SIO-ACK-002", "2"]


def test_the_list_may_be_cut_off() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "--list"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ftp://x"], "got 'ftp://x', expected a URL such as http://127.0.0.1:3000"),
        (["http://x:99999"], "got 'http://x:99999' with a bad port"),
        (["http://x", "--only", "XYZ"], "no case has these ids and levels"),
        (["http://x", "--wait", "0"], "got 0, expected a number of seconds above 0"),
        (["http://x", "--wait", "soon"], "got soon, expected a number of seconds above 0"),
        (["http://x", "--html", "/missing/x"], "got /missing/x, expected a file in a folder that"),
        (["http://x", "--json", "/"], "got /, expected a file in a folder that exists"),
        (["http://x", "--origin", "a.example"], "got a.example, expected such as https://"),
        (
            ["http://x", "--without", "polling", "--without", "websocket"],
            "a server without polling and without websocket leaves nothing to test",
        ),
        (["http://x", "--without", "pings"], "invalid choice: 'pings'"),
        (["http://x", "--concurrency", "0"], "got 0, expected a whole number from 1 to 1000"),
        (["http://x", "--level", "may"], "invalid choice: 'may'"),
        (["http://x", "--profile", "rust"], "invalid choice: 'rust'"),
        ([], "the following arguments are required: URL"),
        (["other"], "got 'other', expected a URL such as http://127.0.0.1:3000"),
        (["target", "--port", "x"], "argument --port: "),
        (["target", "--port"], "argument --port: expected one argument"),
        (["target", "--unknown"], "unrecognized arguments: --unknown"),
        (["target", "--port", "70000"], "argument --port: got 70000"),
        (["target", "--port", "-1"], "argument --port: got -1"),
        (["target", "--ping-interval", "0"], "argument --ping-interval: got 0"),
        (["target", "--ping-timeout", "-5"], "argument --ping-timeout: got -5"),
        (["target", "--max-payload", "0"], "argument --max-payload: got 0"),
        (["target", "--connect-timeout", "0"], "argument --connect-timeout: got 0"),
    ],
)
def test_bad_arguments_are_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


async def test_tls_and_a_path_in_front() -> None:
    engine = engineio_min.Server(path="/app/v2/engine.io/")

    @engine.on_connection
    def connected(connection: engineio_min.Connection) -> None:
        connection.on_message = connection.send

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    http = engineio_min.HttpServer()
    http.mount(engine)
    await http.listen(port=0, ssl=tls)
    ids = ("EIO-OPEN-001", "EIO-POLL-024", "EIO-WS-001", "EIO-UPG-001", "EIO-HTTP-038")
    arguments = [f"https://localhost:{http.port}/app/v2", *(f"--only={id_}" for id_ in ids)]
    try:
        insecure = await asyncio.to_thread(command, *arguments, "--insecure")
        verified = await asyncio.to_thread(command, *arguments)
        plain = f"http://localhost:{http.port}"
        without_tls = await asyncio.to_thread(command, plain, "--only=EIO-OPEN-001")
    finally:
        engine.close()
        await http.close()
    assert insecure.stdout.splitlines()[-1].startswith("5 passed, 0 failed in ")
    assert insecure.returncode == 0
    assert "CERTIFICATE_VERIFY_FAILED" in verified.stderr
    assert "; --insecure accepts any certificate\n" in verified.stderr
    assert "; if the server speaks TLS, its URL begins with https\n" in without_tls.stderr
    assert verified.returncode == 2


# --- reports of a made-up run


async def nothing(_context: object) -> None:
    """A case that does nothing."""


def made_up(id_: str, level: Level) -> Case:
    return Case(id_, "a rule", level, "`<&>\x1e`", "nothing", nothing)


RUN = Run(
    "http://h:1",
    "node",
    results=[
        Result(made_up("EIO-OPEN-001", Level.MUST), Verdict.PASS, "seen <b>", seconds=0.5),
        Result(made_up("EIO-OPEN-002", Level.MUST), Verdict.FAIL, "seen \x00", "", 1, "a\nb"),
        Result(made_up("EIO-POLL-001", Level.SHOULD), Verdict.DEPARTURE, "seen", "because"),
        Result(made_up("SIO-ACK-001", Level.ROBUSTNESS), Verdict.NOT_RUN, note="too slow"),
    ],
    seconds=2.0,
)


def test_junit_is_xml_with_failures_and_skips() -> None:
    root = ElementTree.fromstring(junit.render(RUN))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "1", "2")
    assert [suite.get("name") for suite in root] == [
        "Handshake",
        "Long-polling",
        "Acknowledgements",
    ]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "seen �"
    assert failure.text is not None
    assert failure.text.endswith("a\nb")
    skips = [skip.get("message") for skip in root.iter("skipped")]
    assert skips == ["departure: because", "not run: too slow"]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.references: list[str | None] = []
        self.ids: list[str | None] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value for name, value in attrs if name in ("src", "href")]
        self.ids += [value for name, value in attrs if name == "id"]
        assert tag not in ("script", "link", "b")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_self_contained_and_escaped() -> None:
    page = Page()
    page.feed(html.render(RUN))
    # It leads to what failed, and nowhere else.
    assert page.references == ["#EIO-OPEN-002"]
    assert "EIO-OPEN-002" in page.ids
    text = "".join(page.text)
    assert "seen <b>" in text
    assert "because" in text


def test_json_keeps_everything() -> None:
    cases = json.loads(json_report.render(RUN))["cases"]
    assert [case["verdict"] for case in cases] == ["pass", "fail", "departure", "not run"]
    assert cases[1]["transcript"] == ["a", "b"]


def test_the_table_counts_what_ran() -> None:
    assert "Handshake                                1/2" in table(RUN)
    assert summary(RUN) == "1 passed, 1 failed, 1 departures known of node, 1 not run in 2.0 s"
    assert RUN.passed is False
    assert "\n  note      because\n" in describe(RUN.results[2], details=True)


# --- the register and the profiles


@pytest.mark.parametrize("id_", ["EIO-OPEN-001", "EIO-NONE-001", "EIO-OPEN-1", "x"])
def test_a_bad_id_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match="got the case id"):
        register(made_up(id_, Level.MUST))


def test_every_case_says_what_it_sends_and_expects() -> None:
    for case in all_cases():
        assert case.sends
        assert case.expects
        assert case.section
    assert Needs() == Needs(0, 0, 0, 0)


def test_a_departure_excuses_only_what_it_describes() -> None:
    departure = Departure(("EIO-OPEN-001",), "got 200 OK", "why", "→ x")
    assert departure.explains("EIO-OPEN-001", "got 200 OK, expected 200 ok")
    assert not departure.explains("EIO-OPEN-001", "no answer within 2 s")
    assert not departure.explains("EIO-OPEN-002", "got 200 OK, expected 200 ok")


def test_the_reference_says_what_it_needs(tmp_path: Path) -> None:
    """The tool alone, without the library: as installed by itself."""
    (tmp_path / "conformance").symlink_to(ROOT / "conformance")
    finished = subprocess.run(
        [sys.executable, "-S", "-m", "conformance", "target"],
        cwd=tmp_path,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr == (
        "the reference needs the package engineio_min, which is not installed: "
        "install socketio-min beside this tool\n"
    )
